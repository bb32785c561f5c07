/**
 * From a decoded record of any format to a checked ApiCall. Every field is present (null where the gateway does not
 * tell), so that all calls share one shape; strings are cut at a limit, since a long header is no reason to look away.
 */
import type { AvroType } from './avro-schema.ts';
import { type ApiCall, ApiCallSchema } from './contracts.ts';
import type { ErrorCode } from './errors.ts';

/** Input that could not be used: counted and kept, never thrown, so that one bad record stops nothing. */
export interface Rejection {
  readonly rejected: ErrorCode;
  readonly detail: string;
}

export function isRejection(value: object): value is Rejection {
  return 'rejected' in value;
}

export function reject(rejected: ErrorCode, detail: string): Rejection {
  return { rejected, detail };
}

export const LIMITS = {
  stringChars: 8192,
  arrayItems: 128,
  arrayItemChars: 256,
  bodySampleBytes: 4096,
  /** How far ahead of the receiver's clock a gateway's may be, in ms. */
  clockSkewMs: 3600_000,
} as const;

type Check = (value: unknown) => unknown;

/** A check returns the value as the contract wants it, or undefined where it does not fit. */
const CHECKS: Record<string, Check> = {
  string: (v) => (typeof v === 'string' ? v.slice(0, LIMITS.stringChars) : undefined),
  boolean: (v) => (typeof v === 'boolean' ? v : undefined),
  // Adding 0 makes 0 of -0, which JSON knows and Avro does not.
  int: (v) => (Number.isInteger(v) && Math.abs(v as number) < 2 ** 31 ? (v as number) + 0 : undefined),
  long: (v) => (Number.isSafeInteger(v) ? (v as number) + 0 : undefined),
  float: (v) => (typeof v === 'number' && Number.isFinite(v) ? Math.fround(v) : undefined),
  bytes: (v) =>
    typeof v === 'string'
      ? Buffer.from(v.slice(0, LIMITS.bodySampleBytes * 2), 'base64').subarray(0, LIMITS.bodySampleBytes)
      : v instanceof Uint8Array
        ? v.subarray(0, LIMITS.bodySampleBytes)
        : undefined,
  array: (v) =>
    Array.isArray(v) && v.every((item) => typeof item === 'string')
      ? v.slice(0, LIMITS.arrayItems).map((item: string) => item.slice(0, LIMITS.arrayItemChars).toLowerCase())
      : undefined,
};

const RANGES: Partial<Record<keyof ApiCall, readonly [number, number]>> = {
  time: [0, 8.64e15],
  status: [100, 599],
  requestBytes: [0, Number.MAX_SAFE_INTEGER],
  responseBytes: [0, Number.MAX_SAFE_INTEGER],
  durationMs: [0, 3.4028234663852886e38],
  connectionRequests: [0, 2 ** 31 - 1],
};

interface FieldRule {
  readonly name: keyof ApiCall;
  readonly required: boolean;
  readonly check: Check;
  readonly range: readonly [number, number] | undefined;
}

function checkOf(type: AvroType): Check {
  const inner = Array.isArray(type) ? type[1] : type;
  const name = typeof inner === 'string' ? inner : String((inner as { type: string }).type);
  const check = CHECKS[name];
  if (!check) throw new Error(`no check for the Avro type ${name}`);
  return check;
}

const RULES: readonly FieldRule[] = ApiCallSchema.fields.map((field) => ({
  name: field.name as keyof ApiCall,
  required: field.default === undefined,
  check: checkOf(field.type),
  range: RANGES[field.name as keyof ApiCall],
}));

const EMPTY = Object.fromEntries(RULES.map((rule) => [rule.name, null])) as unknown as ApiCall;

/**
 * Checks one decoded record against the contract.
 *
 * @param record names of ApiCall to values; unknown names are ignored, so that newer writers can be read
 * @param receivedAtMs the receiver's clock, ms since 1970; a call over an hour ahead of it is rejected
 */
export function checkCall(record: unknown, receivedAtMs: number): ApiCall | Rejection {
  if (typeof record !== 'object' || record === null || Array.isArray(record))
    return reject('ASSAY_CALL_NOT_OBJECT', `got ${Array.isArray(record) ? 'an array' : typeof record}`);
  const source = record as Record<string, unknown>;
  const call: Record<string, unknown> = { ...EMPTY };
  for (const rule of RULES) {
    const raw = source[rule.name];
    // Many gateways write an empty string for what they do not have.
    if (raw === undefined || raw === null || (raw === '' && !rule.required)) {
      if (rule.required) return reject('ASSAY_CALL_MISSING_FIELD', rule.name);
      continue;
    }
    const value = rule.check(raw);
    if (value === undefined) return reject('ASSAY_CALL_BAD_FIELD', `${rule.name} has the wrong type`);
    if (rule.range && ((value as number) < rule.range[0] || (value as number) > rule.range[1]))
      return reject('ASSAY_CALL_BAD_FIELD', `${rule.name} is out of range`);
    call[rule.name] = value;
  }
  return finish(call as unknown as ApiCall, receivedAtMs);
}

function finish(call: ApiCall, receivedAtMs: number): ApiCall | Rejection {
  if (call.id === '' || call.clientIp === '' || call.method === '')
    return reject('ASSAY_CALL_MISSING_FIELD', 'id, clientIp and method must not be empty');
  if (call.time > receivedAtMs + LIMITS.clockSkewMs)
    return reject('ASSAY_CALL_FUTURE', `time ${new Date(call.time).toISOString()}`);
  call.method = call.method.toUpperCase();
  if (!call.path.includes('?')) return call;
  // Some gateways only know the whole target; the contract wants it in two.
  const [path, query] = splitTarget(call.path);
  call.query ??= query;
  call.path = path;
  return call;
}

/** A request's target as sent, in the two parts of the contract; a query of nothing is none. */
export function splitTarget(target: string): readonly [path: string, query: string | null] {
  const at = target.indexOf('?');
  return at < 0 ? [target, null] : [target.slice(0, at), target.slice(at + 1) || null];
}
