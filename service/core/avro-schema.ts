/** The part of Avro's schema language that the contracts use, and its translation to JSON schema. */
export interface AvroField {
  name: string;
  type: AvroType;
  default?: unknown;
  doc?: string;
}
export interface AvroRecord {
  type: 'record';
  name: string;
  namespace?: string;
  doc?: string;
  fields: AvroField[];
}
export type AvroPrimitive = 'null' | 'boolean' | 'int' | 'long' | 'float' | 'double' | 'string' | 'bytes';
export type AvroType =
  | AvroPrimitive
  | AvroType[]
  | AvroRecord
  | { type: 'enum'; name: string; symbols: string[] }
  | { type: 'array'; items: AvroType }
  | { type: AvroPrimitive; logicalType: string };

type JsonSchema = Record<string, unknown>;

const PRIMITIVES: Record<AvroPrimitive, JsonSchema> = {
  null: { type: 'null' },
  boolean: { type: 'boolean' },
  int: { type: 'integer', minimum: -(2 ** 31), maximum: 2 ** 31 - 1 },
  long: { type: 'integer' },
  float: { type: 'number' },
  double: { type: 'number' },
  string: { type: 'string' },
  bytes: { type: 'string', contentEncoding: 'base64' },
};

/** JSON schema (draft 2020-12) of an Avro type; fields with a default may be left out. */
export function jsonSchemaOf(type: AvroType): JsonSchema {
  if (typeof type === 'string') return PRIMITIVES[type];
  if (Array.isArray(type)) return { anyOf: type.map(jsonSchemaOf) };
  switch (type.type) {
    case 'record':
      return {
        type: 'object',
        title: type.name,
        ...(type.doc ? { description: type.doc } : {}),
        required: type.fields.filter((f) => f.default === undefined).map((f) => f.name),
        properties: Object.fromEntries(type.fields.map((f) => [f.name, fieldSchema(f)])),
      };
    case 'enum':
      return { type: 'string', enum: type.symbols };
    case 'array':
      return { type: 'array', items: jsonSchemaOf(type.items) };
    default:
      return jsonSchemaOf(type.type);
  }
}

function fieldSchema(field: AvroField): JsonSchema {
  const schema = jsonSchemaOf(field.type);
  return field.doc ? { ...schema, description: field.doc } : schema;
}
