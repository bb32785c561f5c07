/**
 * Which Avro schema a writer used, by its id: from a Confluent schema registry where one is set, else the bundled
 * schemas under ids that never change.
 */
import type { AvroRecord } from '../core/avro-schema.ts';
import { ApiCallSchema, LabelSchema, VerdictSchema } from '../core/contracts.ts';
import { AssayError, type ErrorCode } from '../core/errors.ts';

/**
 * Ids of the bundled schemas, used where there is no registry. Part of the contract with writers: when a contract
 * gains a field, its present schema stays in this table under its id and the new one takes the next free id.
 */
export const BUNDLED_SCHEMAS: readonly { readonly id: number; readonly schema: AvroRecord }[] = [
  { id: 1, schema: ApiCallSchema },
  { id: 2, schema: VerdictSchema },
  { id: 3, schema: LabelSchema },
];

export interface SchemaStore {
  /** The schema as JSON, or why it is not at hand; never waits. */
  find(id: number): object | ErrorCode;
  /**
   * Fetches the ids not known yet, so that `find` answers for them.
   * @throws AssayError ASSAY_REGISTRY_UNAVAILABLE where the registry can't say
   */
  prepare(ids: Iterable<number>): Promise<void>;
  /**
   * The id under which records of this schema are written to the topic.
   * @throws AssayError ASSAY_REGISTRY_UNAVAILABLE, ASSAY_REGISTRY_REFUSED
   */
  register(topic: string, schema: AvroRecord): Promise<number>;
}

export interface SchemaStoreOptions {
  /** Address of the registry, credentials in it are sent as basic authorization; '' for the bundled schemas. */
  readonly registryUrl: string;
  /** How long one request may take; 3,000 ms by default. */
  readonly timeoutMs?: number;
  /** How long an id that the registry does not have is not asked for again; 5,000 ms by default. */
  readonly unknownForMs?: number;
}

export function openSchemaStore(options: SchemaStoreOptions): SchemaStore {
  return options.registryUrl === '' ? bundledStore() : registryStore(options);
}

function bundledStore(): SchemaStore {
  const byId = new Map<number, AvroRecord>(BUNDLED_SCHEMAS.map(({ id, schema }) => [id, schema]));
  return {
    find: (id) => byId.get(id) ?? 'ASSAY_CALL_UNKNOWN_SCHEMA',
    prepare: async () => {},
    register: async (_topic, schema) => {
      const known = BUNDLED_SCHEMAS.find((bundled) => bundled.schema === schema);
      if (!known) throw new AssayError('ASSAY_REGISTRY_REFUSED', `${schema.name} is not bundled`);
      return known.id;
    },
  };
}

const MAX_SCHEMAS = 1000;
const MAX_UNKNOWN = 10_000;
/** Ids asked for at once. */
const CONCURRENCY = 8;

function registryStore({ registryUrl, timeoutMs = 3000, unknownForMs = 5000 }: SchemaStoreOptions): SchemaStore {
  const registry = createClient(registryUrl, timeoutMs);
  const schemas = new Map<number, object>();
  const unknownUntil = new Map<number, number>();
  const isUnknown = (id: number) => (unknownUntil.get(id) ?? 0) > Date.now();
  const fetchOne = async (id: number) => {
    const schema = await registry.schemaOf(id);
    if (schema) keepWithin(schemas, MAX_SCHEMAS, id, schema);
    else keepWithin(unknownUntil, MAX_UNKNOWN, id, Date.now() + unknownForMs);
  };
  return {
    // An id that nobody has asked for yet may well exist: trying again can help.
    find: (id) => schemas.get(id) ?? (unknownUntil.has(id) ? 'ASSAY_CALL_UNKNOWN_SCHEMA' : 'ASSAY_REGISTRY_UNAVAILABLE'),
    async prepare(ids) {
      const missing = [...new Set(ids)].filter((id) => !schemas.has(id) && !isUnknown(id));
      for (let i = 0; i < missing.length; i += CONCURRENCY) {
        await Promise.all(missing.slice(i, i + CONCURRENCY).map(fetchOne));
      }
    },
    register: (topic, schema) => registry.register(`${topic}-value`, schema),
  };
}

/** Sets a key; where the map is full the oldest goes. */
function keepWithin<V>(map: Map<number, V>, limit: number, key: number, value: V): void {
  map.delete(key);
  if (map.size >= limit) map.delete(map.keys().next().value!);
  map.set(key, value);
}

interface RegistryClient {
  /** Null where the registry has no such id, or not an Avro schema under it. */
  schemaOf(id: number): Promise<object | null>;
  register(subject: string, schema: AvroRecord): Promise<number>;
}

function createClient(registryUrl: string, timeoutMs: number): RegistryClient {
  const url = parseAddress(registryUrl);
  const headers: Record<string, string> = { accept: 'application/vnd.schemaregistry.v1+json, application/json' };
  if (url.username) {
    const credentials = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
    headers.authorization = `Basic ${Buffer.from(credentials).toString('base64')}`;
  }
  const base = `${url.origin}${url.pathname.replace(/\/+$/, '')}`;

  async function ask(path: string, body: object | null): Promise<{ status: number; answer: Record<string, unknown> }> {
    try {
      const response = await fetch(`${base}${path}`, {
        method: body ? 'POST' : 'GET',
        headers: body ? { ...headers, 'content-type': 'application/vnd.schemaregistry.v1+json' } : headers,
        body: body ? JSON.stringify(body) : null,
        signal: AbortSignal.timeout(timeoutMs),
      });
      const text = await response.text();
      return { status: response.status, answer: response.ok ? JSON.parse(text) : { text } };
    } catch (error) {
      throw new AssayError('ASSAY_REGISTRY_UNAVAILABLE', `${base}: ${(error as Error).message}`, { cause: error });
    }
  }

  return {
    async schemaOf(id) {
      const { status, answer } = await ask(`/schemas/ids/${id}`, null);
      if (status === 404) return null;
      if (status !== 200) throw new AssayError('ASSAY_REGISTRY_UNAVAILABLE', `${base} answered ${status}`);
      return readSchema(answer);
    },
    async register(subject, schema) {
      const path = `/subjects/${encodeURIComponent(subject)}/versions`;
      const { status, answer } = await ask(path, { schema: JSON.stringify(schema), schemaType: 'AVRO' });
      if (typeof answer.id === 'number') return answer.id;
      const code = status >= 500 ? 'ASSAY_REGISTRY_UNAVAILABLE' : 'ASSAY_REGISTRY_REFUSED';
      throw new AssayError(code, `${subject}: ${status} ${String(answer.text ?? '').slice(0, 200)}`);
    },
  };
}

function parseAddress(registryUrl: string): URL {
  try {
    return new URL(registryUrl);
  } catch (error) {
    throw new AssayError('ASSAY_CONFIG_INVALID', 'SCHEMA_REGISTRY_URL is not an address', { cause: error });
  }
}

function readSchema({ schema, schemaType }: Record<string, unknown>): object | null {
  if (typeof schema !== 'string' || (schemaType !== undefined && schemaType !== 'AVRO')) return null;
  try {
    const parsed: unknown = JSON.parse(schema);
    return typeof parsed === 'object' ? parsed : null;
  } catch {
    return null;
  }
}
