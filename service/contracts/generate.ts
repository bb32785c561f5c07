/**
 * Writes service/core/contracts.ts from the .avsc files: for each record a TypeScript type and the Avro schema as
 * a constant, from which decoders and JSON schemas are derived. Run by `npm run contracts`.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { AvroRecord, AvroType } from '../core/avro-schema.ts';
import { packageRoot } from '../io/package-root.ts';

const NAMES = ['api-call', 'verdict', 'label'];
const PRIMITIVES: Record<string, string> = {
  string: 'string',
  boolean: 'boolean',
  int: 'number',
  long: 'number',
  float: 'number',
  double: 'number',
  bytes: 'Uint8Array',
  null: 'null',
};

function typeOf(type: AvroType): string {
  if (typeof type === 'string') return PRIMITIVES[type] ?? type;
  if (Array.isArray(type)) return type.map(typeOf).reverse().join(' | ');
  switch (type.type) {
    case 'record':
    case 'enum':
      return type.name;
    case 'array':
      return `readonly ${typeOf(type.items)}[]`;
    default:
      return typeOf(type.type);
  }
}

/** Named types inside a record come first, so that the file reads top to bottom. */
function declarations(type: AvroType): string[] {
  if (typeof type === 'string') return [];
  if (Array.isArray(type)) return type.flatMap(declarations);
  if (type.type === 'array') return declarations(type.items);
  if (type.type === 'enum') return [`export type ${type.name} = ${type.symbols.map((s) => `'${s}'`).join(' | ')};\n`];
  if (type.type !== 'record') return [];
  const fields = type.fields.map((f) => `${f.doc ? `  /** ${f.doc} */\n` : ''}  ${f.name}: ${typeOf(f.type)};\n`);
  const doc = type.doc ? `/** ${type.doc} */\n` : '';
  const inner = type.fields.flatMap((f) => declarations(f.type));
  return [...inner, `${doc}export interface ${type.name} {\n${fields.join('')}}\n`];
}

/** The whole text of contracts.ts, for the test that holds it to the .avsc files. */
export function contractsSource(): string {
  const root = join(packageRoot, 'service', 'contracts');
  const schemas = NAMES.map((name) => JSON.parse(readFileSync(join(root, `${name}.avsc`), 'utf8')) as AvroRecord);
  const types = schemas.flatMap(declarations).join('\n');
  const constants = schemas.map((s) => `export const ${s.name}Schema: AvroRecord = ${JSON.stringify(s, null, 2)};\n`);
  return [
    '// Generated from service/contracts/*.avsc by `npm run contracts`; do not edit.',
    "import type { AvroRecord } from './avro-schema.ts';\n",
    types,
    constants.join('\n'),
  ].join('\n');
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  writeFileSync(join(packageRoot, 'service', 'core', 'contracts.ts'), contractsSource());
