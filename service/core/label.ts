/** From a decoded record of any format to a checked Label: over HTTP and from Kafka the same ones are taken. */
import { Compile } from 'typebox/schema';
import { type Rejection, reject } from './api-call.ts';
import { jsonSchemaOf } from './avro-schema.ts';
import { type Label, LabelSchema } from './contracts.ts';

const labelShape = Compile(jsonSchemaOf(LabelSchema) as object);
const FIELDS = LabelSchema.fields.map(({ name }) => name as keyof Label);
const NAMES = ['clientId', 'clientIp', 'subject'] as const;
const TIMES = ['sessionStart', 'at', 'until'] as const;
const MAX_TEXT_CHARS = 1024;

/** @returns the label with null for what is absent, or ASSAY_LABEL_INVALID with what is wrong with it */
export function checkLabel(raw: unknown): Label | Rejection {
  if (!labelShape.Check(raw)) return reject('ASSAY_LABEL_INVALID', faultOf(raw));
  const given = raw as Label;
  const label = Object.fromEntries(FIELDS.map((name) => [name, given[name] ?? null])) as unknown as Label;
  const fault = faultIn(label);
  return fault === null ? label : reject('ASSAY_LABEL_INVALID', fault);
}

function faultIn(label: Label): string | null {
  if (NAMES.filter((name) => label[name] !== null && label[name] !== '').length !== 1)
    return 'must name exactly one of clientId, clientIp and subject';
  for (const name of TIMES)
    if (label[name] !== null && !(label[name] >= 0 && label[name] <= 8.64e15)) return `/${name} is out of range`;
  for (const name of FIELDS) if (String(label[name]).length > MAX_TEXT_CHARS) return `/${name} is too long`;
  return null;
}

function faultOf(raw: unknown): string {
  const [, faults] = labelShape.Errors(raw);
  const fault = faults.find(({ keyword }) => keyword !== 'anyOf') ?? faults[0];
  const missing = (fault?.params as { requiredProperties?: string[] } | undefined)?.requiredProperties;
  return missing
    ? `must have /${missing.join(', /')}`
    : `${fault?.instancePath || 'as a whole'} ${fault?.message ?? 'is not valid'}`;
}
