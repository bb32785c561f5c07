/**
 * What a gateway is answered, in whatever dialect it asks. Whoever asks is a gateway and is believed: it has to set or
 * clear all that is read here, since what it hands on from its own client is the client's word.
 */
import { hash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { LIMITS } from '../core/api-call.ts';
import { AssayError } from '../core/errors.ts';
import type { ClientAttributes, Identifier, Identity } from '../core/identify.ts';
import { type AuthzResult, type Metrics, STALENESS_HEADER, stalenessOf } from './metrics.ts';
import type { HeaderList, StoredVerdict, VerdictStore } from './verdict-store.ts';

/** Verdicts on calls that were asked about and not told of yet. */
export interface EarlyVerdicts {
  /** Takes in a question. */
  ask(headers: IncomingHttpHeaders, client: ClientAttributes, identity: Identity): void;
  /** Null where the client has none. */
  get(clientId: string): StoredVerdict | null;
}

export interface AskDeps {
  readonly store: Pick<VerdictStore, 'get'>;
  readonly identifier: Pick<Identifier, 'find'>;
  readonly early?: EarlyVerdicts;
  readonly metrics: Pick<Metrics, 'decisions' | 'staleness'>;
  /** Put before a credential when it is hashed; the gateways' logs must use the same one. */
  readonly subjectSalt: string;
  /** Wall clock, ms since 1970. */
  now(): number;
}

/** Hex digits that the gateways' recipes keep of a credential's SHA-256. */
const SUBJECT_DIGITS = 16;
/** The scheme is what stands before the first space, as the gateways' recipes read it. */
const SCHEME = /^([A-Za-z0-9-]+) /;

/**
 * The client's attributes, from the headers of a gateway's question:
 *
 * - `x-real-ip`, else the last of `x-forwarded-for`, since gateways append and clients can forge what
 *   stands before: the address
 * - `x-original-user-agent`, else `user-agent`
 * - `authorization`, else `x-api-key`: the subject is the first 16 hex digits of SHA-256 over salt and header value,
 *   byte for byte, as the gateways' log recipes compute it, so that a log line and a question name the same client
 * - `x-ja3`, `x-ja4`, `x-client-cert-sha256`: as the gateway saw them; `x-tenant`: as in its log
 */
export function attributesOf(headers: IncomingHttpHeaders, subjectSalt: string): ClientAttributes {
  const authorization = textOf(headers.authorization);
  const apiKey = textOf(headers['x-api-key']);
  const credential = authorization ?? apiKey;
  return {
    clientIp: lastOf(headers['x-real-ip']) ?? lastOf(headers['x-forwarded-for']) ?? '',
    userAgent: readable(textOf(headers['x-original-user-agent']) ?? textOf(headers['user-agent'])),
    ja3: textOf(headers['x-ja3']),
    ja4: textOf(headers['x-ja4']),
    subject: credential === null ? null : subjectOf(credential, subjectSalt),
    authScheme: authorization ? (SCHEME.exec(authorization)?.[1] ?? 'opaque') : apiKey ? 'apiKey' : 'none',
    identityVerified: null,
    clientCertificate: textOf(headers['x-client-cert-sha256']),
    tenant: textOf(headers['x-tenant']),
  };
}

function subjectOf(credential: string, salt: string): string {
  const bytes = Buffer.allocUnsafe(Buffer.byteLength(salt) + credential.length);
  // Node reads header bytes as Latin-1; written back as such they are the bytes that were sent.
  bytes.write(credential, bytes.write(salt), 'latin1');
  return hash('sha256', bytes, 'hex').slice(0, SUBJECT_DIGITS);
}

function textOf(value: string | string[] | undefined): string | null {
  const text = typeof value === 'string' ? value : value?.[0];
  return text || null;
}

function lastOf(value: string | string[] | undefined): string | null {
  const text = textOf(value);
  return text === null ? null : cut(text.slice(text.lastIndexOf(',') + 1).trim()) || null;
}

/** Cut where a call's own fields are, and read as UTF-8 as the gateways' logs are. */
function readable(text: string | null): string | null {
  if (text === null) return null;
  return cut(/[\x80-\xff]/.test(text) ? Buffer.from(text, 'latin1').toString('utf8') : text);
}

function cut(text: string): string {
  return text.length > LIMITS.stringChars ? text.slice(0, LIMITS.stringChars) : text;
}

const NO_VERDICT: HeaderList = [['x-assay-reasons', 'no-verdict']];

export interface Answer {
  readonly status: 200 | 403;
  readonly result: AuthzResult;
  /** Of a client that may pass: whether a gateway may take this for the answer to its next questions, too, for a second. */
  readonly isSteady?: boolean;
  readonly headers: HeaderList;
}

/**
 * Whether a request may pass, from the headers above. An unknown client and an expired verdict may. `x-assay-subject` is the
 * scheme and the hash of the credential, for the gateway to log in its place.
 */
export function answer(headers: IncomingHttpHeaders, { store, identifier, early, subjectSalt, now }: AskDeps): Answer {
  const attributes = attributesOf(headers, subjectSalt);
  const identity = identifier.find(attributes);
  early?.ask(headers, attributes, identity);
  const stored = store.get(identity.clientId);
  // Who is denied for what was told of is so whatever else is on the way.
  const held = stored?.denies ? stored : (early?.get(identity.clientId) ?? stored);
  const said = answerOf(held, now());
  if (attributes.subject === null) return said;
  return withHeader(said, 'x-assay-subject', `${attributes.authScheme} ${attributes.subject}`);
}

function withHeader(said: Answer, name: string, value: string): Answer {
  return { ...said, headers: [...said.headers, [name, value]] };
}

function answerOf(stored: StoredVerdict | null, now: number): Answer {
  if (stored === null) return { status: 200, result: 'unknown', headers: NO_VERDICT };
  if (stored.plain.expiresAt <= now)
    return withHeader({ status: 200, result: 'expired', headers: stored.headers }, 'x-assay-expired', 'true');
  if (stored.denies) return { status: 403, result: 'deny', headers: stored.headers };
  const { isSteady, headers } = stored;
  return { status: 200, result: stored.plain.action === 'deny' ? 'shadow' : 'allow', isSteady, headers };
}

/** What is said where something went wrong here: the request may pass. */
export function openAnswer(error: unknown): Answer {
  const code = error instanceof AssayError ? error.code : 'ASSAY_INTERNAL';
  return { status: 200, result: 'error', headers: [['x-assay-reasons', code]] };
}

/** How a gateway asks. */
export interface Question {
  readonly headers: IncomingHttpHeaders;
  /** Whether it only wants to know: nobody is denied, as the gateway's configuration says of the route. */
  readonly isShadow?: boolean;
}

/** As `answer`, counted, with the age of the verdicts, and open where it fails. @param onFault told of what was thrown */
export function ask({ headers, isShadow }: Question, deps: AskDeps, onFault: (error: unknown) => void): Answer {
  let said: Answer;
  try {
    said = answer(headers, deps);
    if (isShadow && said.status === 403) said = { ...said, status: 200, result: 'shadow' };
  } catch (error) {
    onFault(error);
    said = openAnswer(error);
  }
  deps.metrics.decisions[said.result]++;
  const staleness = stalenessOf(deps.metrics);
  return staleness === null ? said : withHeader(said, STALENESS_HEADER, staleness);
}
