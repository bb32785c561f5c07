/** What a gateway's own log in JSON looks like. */

/** An object of a log, of which nothing is known. */
export type Line = Readonly<Record<string, unknown>>;

export interface JsonFormat {
  /** Whether an object is a line of it. */
  isLine(line: Line): boolean;
  /**
   * Its values by the names of ApiCall, unchecked.
   *
   * @param origin where the line stands, the call's id where the gateway tells none: equal lines are two calls
   */
  fieldsOf(line: Line, origin: string): Record<string, unknown>;
}

/** Where a client went before there was an answer gateways write 0, -1 or 000; nginx writes 499, which is taken for all. */
export function statusOf(status: number | null): number | null {
  return status === null || (status >= 100 && status <= 599) ? status : 499;
}

/** `HTTP/2.0` is 2, as is `HTTP/2`. */
export function versionOf(protocol: string | null): string | null {
  return protocol?.replace(/^HTTP\//, '').replace(/^([23])\.0$/, '$1') ?? null;
}

/** Numbers may be told as text; null where there is nothing of use. */
export function textOf(value: unknown): string | null {
  const text = typeof value === 'number' ? String(value) : value;
  return typeof text === 'string' && text !== '' && text !== '-' ? text : null;
}

export function numberOf(value: unknown): number | null {
  const number = typeof value === 'string' && /^-?\d+(?:\.\d+)?$/.test(value) ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) ? number : null;
}

export function objectOf(value: unknown): Line {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Line) : NOTHING;
}
const NOTHING: Line = {};

/** Headers by name in lower case, of which the first value counts. */
export function headersOf(value: unknown): Readonly<Record<string, string | null>> {
  const entries = Object.entries(objectOf(value)).map(([name, each]) => [
    name.toLowerCase(),
    textOf(Array.isArray(each) ? each[0] : each),
  ]);
  return Object.fromEntries(entries) as Record<string, string | null>;
}

/** What headers say of a call; a header that was not sent is one that is not told. */
export function voiceOf(headers: ReturnType<typeof headersOf>): Record<string, unknown> {
  return {
    userAgent: headers['user-agent'],
    accept: headers.accept,
    acceptEncoding: headers['accept-encoding'],
    acceptLanguage: headers['accept-language'],
    contentType: headers['content-type'],
    referer: headers.referer,
  };
}

/**
 * The subject is what Assay said when it was asked, `Bearer 1f6f75781bd0c57a`. Where it was asked and said nothing, there was no
 * credential; where it was not, nobody knows.
 */
export function credentialOf(subject: string | null, wasAsked = false): { authScheme: string | null; subject: string | null } {
  const at = subject?.indexOf(' ') ?? -1;
  if (at > 0) return { authScheme: subject!.slice(0, at), subject: subject!.slice(at + 1) };
  return { authScheme: wasAsked ? 'none' : null, subject: null };
}
