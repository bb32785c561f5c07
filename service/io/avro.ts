/**
 * Records on the wire: Confluent's format (byte 00, schema id as 4 bytes big-endian, Avro body), bare Avro in the
 * present schema, or one JSON object. A record by an older or newer writer is resolved to the present contract.
 */
import type { Type } from 'avsc';
import { checkCall, isRejection, type Rejection, reject } from '../core/api-call.ts';
import type { AvroRecord } from '../core/avro-schema.ts';
import { compileType } from '../core/avro-type.ts';
import { type ApiCall, ApiCallSchema, type Label, LabelSchema, type Verdict, VerdictSchema } from '../core/contracts.ts';
import type { ErrorCode } from '../core/errors.ts';
import { checkLabel } from '../core/label.ts';
import type { Decode, Incoming } from '../core/source.ts';
import { viewBuffer } from '../gateways/frame.ts';
import { decodeNdjson } from '../gateways/ndjson.ts';
import { BUNDLED_SCHEMAS, openSchemaStore, type SchemaStore } from './schema-registry.ts';

export const WIRE_FORMATS = ['auto', 'confluent', 'bare'] as const;
export type WireFormat = (typeof WIRE_FORMATS)[number];

export interface AvroReaderOptions {
  /** `auto` tells the three apart by the first byte; the others take their own format only. */
  readonly wireFormat: WireFormat;
  /** Address of a Confluent schema registry, '' for the bundled schemas. */
  readonly registryUrl: string;
  /** Instead of the store that `registryUrl` gives. */
  readonly schemas?: SchemaStore;
}

/** Reads one kind of record; never throws on what is in the bytes. */
export interface RecordReader<T> {
  /**
   * Looks at the schema ids of a batch and fetches those not known yet. `read` works without, but answers
   * ASSAY_REGISTRY_UNAVAILABLE for an id that was never fetched.
   * @throws AssayError ASSAY_REGISTRY_UNAVAILABLE, on which the batch should be kept and tried again
   */
  prepare(records: readonly { readonly bytes: Uint8Array }[]): Promise<void>;
  read(bytes: Uint8Array): T | Rejection;
}

export interface AvroReader {
  prepare(records: readonly Incoming[]): Promise<void>;
  readonly decode: Decode;
}

export const MAX_RECORD_BYTES = 1024 * 1024;
const HEADER_BYTES = 5;
const MAGIC = 0;
const BRACE = 0x7b;

/** Reads ApiCalls, and what is JSON as files of it are read: a gateway may log to Kafka by itself. */
export function createAvroReader(options: AvroReaderOptions): AvroReader {
  const { prepare, parse } = createParser(ApiCallSchema, 'ASSAY_CALL_BAD_AVRO', options);
  const isJson = (bytes: Uint8Array) => options.wireFormat === 'auto' && bytes[0] === BRACE && bytes.length <= MAX_RECORD_BYTES;
  return {
    prepare,
    decode: (record, receivedAtMs) =>
      isJson(record.bytes) ? decodeNdjson(record, receivedAtMs) : parse(record.bytes, (raw) => checkCall(raw, receivedAtMs)),
  };
}

/** Reads Verdicts, as the verdict topic holds them. */
export function createVerdictReader(options: AvroReaderOptions): RecordReader<Verdict> {
  const { prepare, parse } = createParser(VerdictSchema, 'ASSAY_CALL_BAD_AVRO', options);
  return { prepare, read: (bytes) => parse(bytes, plainVerdict) };
}

/** Reads Labels; one that names no client is ASSAY_LABEL_INVALID. */
export function createLabelReader(options: AvroReaderOptions): RecordReader<Label> {
  const { prepare, parse } = createParser(LabelSchema, 'ASSAY_LABEL_INVALID', options);
  return { prepare, read: (bytes) => parse(bytes, checkLabel) };
}

/** A decoded verdict as a plain object, so that it equals the one that was written. */
function plainVerdict(raw: unknown): Verdict | Rejection {
  if (!verdictType.isValid(raw)) return reject('ASSAY_CALL_BAD_AVRO', 'is not a Verdict');
  const verdict = raw as Verdict;
  return { ...verdict, reasons: verdict.reasons.map((reason) => ({ ...reason })) };
}

const callType = compileType(ApiCallSchema);
const verdictType = compileType(VerdictSchema);
const labelType = compileType(LabelSchema);
const TYPES = new Map<AvroRecord, Type>([
  [ApiCallSchema, callType],
  [VerdictSchema, verdictType],
  [LabelSchema, labelType],
]);

type Resolver = ReturnType<Type['createResolver']>;
/** How to read what a writer wrote: as it is (null), through a resolver, or not at all. */
type Reading = Resolver | null | Rejection;
type Finish<T> = (raw: unknown) => T | Rejection;

interface Parser {
  prepare(records: readonly { readonly bytes: Uint8Array }[]): Promise<void>;
  parse<T>(bytes: Uint8Array, finish: Finish<T>): T | Rejection;
}

/** Writer schemas compiled at once; beyond it all are compiled anew. */
const MAX_READINGS = 1000;

function createParser(contract: AvroRecord, badCode: ErrorCode, options: AvroReaderOptions): Parser {
  const { wireFormat, schemas = openSchemaStore(options) } = options;
  const type = TYPES.get(contract)!;
  const readings = new Map<number, Reading>();

  function readingOf(id: number): Reading {
    const known = readings.get(id);
    if (known !== undefined) return known;
    const schema = schemas.find(id);
    // Not kept: the next record may find it.
    if (typeof schema === 'string') return reject(schema, `schema id ${id}`);
    if (readings.size >= MAX_READINGS) readings.clear();
    const reading = schema === contract ? null : resolve(type, schema, badCode, id);
    readings.set(id, reading);
    return reading;
  }

  function parse<T>(bytes: Uint8Array, finish: Finish<T>): T | Rejection {
    if (bytes.length > MAX_RECORD_BYTES) return reject('ASSAY_CALL_TOO_LARGE', `${bytes.length} bytes`);
    if (bytes.length === 0) return reject(badCode, 'no bytes');
    const buffer = viewBuffer(bytes);
    if (wireFormat === 'auto' && bytes[0] === BRACE) return parseJson(buffer, finish);
    if (!isConfluent(bytes, wireFormat)) {
      if (wireFormat === 'confluent') return reject(badCode, 'no schema id in front');
      return decodeBody(type, buffer, 0, null, badCode, finish);
    }
    if (bytes.length < HEADER_BYTES) return reject(badCode, 'ends within the schema id');
    const reading = readingOf(buffer.readUInt32BE(1));
    if (reading !== null && isRejection(reading)) return reading;
    return decodeBody(type, buffer, HEADER_BYTES, reading, badCode, finish);
  }

  return {
    parse,
    async prepare(records) {
      const ids = new Set<number>();
      for (const { bytes } of records) {
        if (bytes.length < HEADER_BYTES || bytes.length > MAX_RECORD_BYTES || !isConfluent(bytes, wireFormat)) continue;
        const id = viewBuffer(bytes).readUInt32BE(1);
        if (!readings.has(id)) ids.add(id);
      }
      if (ids.size > 0) await schemas.prepare(ids);
    },
  };
}

/**
 * Whether the bytes begin with a schema id. There is no doubt: bare Avro with 00 in front would be a record whose
 * first field, a required id, is empty; and bare Avro with `{` in front would be a string of negative length.
 */
function isConfluent(bytes: Uint8Array, wireFormat: WireFormat): boolean {
  return wireFormat !== 'bare' && bytes[0] === MAGIC;
}

function resolve(type: Type, schema: object, badCode: ErrorCode, id: number): Reading {
  try {
    const writer = compileType(schema);
    return type.equals(writer) ? null : type.createResolver(writer, { ignoreNamespaces: true });
  } catch (error) {
    return reject(badCode, `schema id ${id}: ${(error as Error).message.slice(0, 200)}`);
  }
}

function decodeBody<T>(
  type: Type,
  buffer: Buffer,
  at: number,
  resolver: Resolver | null,
  badCode: ErrorCode,
  finish: Finish<T>,
): T | Rejection {
  let raw: unknown;
  try {
    const { value, offset } = type.decode(buffer, at, resolver ?? undefined);
    if (offset < 0) return reject(badCode, 'ends too early');
    if (offset !== buffer.length) return reject(badCode, `${buffer.length - offset} bytes too many`);
    raw = value;
  } catch (error) {
    return reject(badCode, (error as Error).message.slice(0, 200));
  }
  return finish(raw);
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

function parseJson<T>(buffer: Buffer, finish: Finish<T>): T | Rejection {
  let text: string;
  try {
    text = utf8.decode(buffer);
  } catch {
    return reject('ASSAY_CALL_BAD_UTF8', '');
  }
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch (error) {
    return reject('ASSAY_CALL_BAD_JSON', (error as Error).message.slice(0, 200));
  }
  return finish(raw);
}

/** Schema ids that a writer puts in front; null for bare Avro. */
export interface ContractIds {
  readonly call: number | null;
  readonly verdict: number | null;
  readonly label: number | null;
}

export const BARE_IDS: ContractIds = { call: null, verdict: null, label: null };

/** The fixed ids of the bundled schemas, for Confluent's format without a registry. */
export const BUNDLED_IDS: ContractIds = {
  call: bundledId(ApiCallSchema),
  verdict: bundledId(VerdictSchema),
  label: bundledId(LabelSchema),
};

function bundledId(schema: AvroRecord): number {
  return BUNDLED_SCHEMAS.find((bundled) => bundled.schema === schema)!.id;
}

export interface WriterOptions extends AvroReaderOptions {
  /** Topics under whose names the schemas are registered. */
  readonly topics: { readonly calls: string; readonly verdicts: string; readonly labels: string };
}

/**
 * Ids to write with: none for bare Avro, else those that the registry gives for `<topic>-value`, else the fixed ones.
 * @throws AssayError ASSAY_REGISTRY_UNAVAILABLE, ASSAY_REGISTRY_REFUSED
 */
export async function registerContracts({ wireFormat, registryUrl, schemas, topics }: WriterOptions): Promise<ContractIds> {
  if (wireFormat === 'bare') return BARE_IDS;
  const store = schemas ?? openSchemaStore({ registryUrl });
  const [call, verdict, label] = await Promise.all([
    store.register(topics.calls, ApiCallSchema),
    store.register(topics.verdicts, VerdictSchema),
    store.register(topics.labels, LabelSchema),
  ]);
  return { call, verdict, label };
}

/** Writes a call with the schema id in front, or bare where the id is null. @throws Error where it does not fit the contract */
export function encodeCall({ bodySample, ...call }: ApiCall, id: number | null = BUNDLED_IDS.call): Buffer {
  return encode(callType, id, { ...call, bodySample: bodySample && viewBuffer(bodySample) });
}

/** Writes a verdict with the schema id in front, or bare where the id is null. @throws Error where it does not fit the contract */
export function encodeVerdict(verdict: Verdict, id: number | null = BUNDLED_IDS.verdict): Buffer {
  return encode(verdictType, id, verdict);
}

/** Writes a label with the schema id in front, or bare where the id is null. @throws Error where it does not fit the contract */
export function encodeLabel(label: Label, id: number | null = BUNDLED_IDS.label): Buffer {
  return encode(labelType, id, label);
}

function encode(type: Type, id: number | null, value: object): Buffer {
  const body = type.toBuffer(value);
  if (id === null) return body;
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32BE(id, 1);
  return Buffer.concat([header, body]);
}
