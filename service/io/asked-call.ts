/** What a gateway says of a call when it asks about it, so that the question counts until the call's log line comes. */
import type { IncomingHttpHeaders } from 'node:http';
import { checkCall, type Rejection } from '../core/api-call.ts';
import type { ApiCall } from '../core/contracts.ts';
import type { ClientAttributes } from '../core/identify.ts';
import { fieldsOf } from '../gateways/access-json.ts';

/**
 * The header: `id=7f3a;method=GET;protocol=HTTP/2.0;tls=TLSv1.3;host=api.example;uri=/v1/orders?page=2`. Names are those of the
 * access log (access-json.ts), and the id has to be the one that is logged. What a client may choose stands last, the URI at the
 * end: the first of a name counts, so that a client can't speak for the gateway.
 */
export const CALL_HEADER = 'x-assay-call';
const URI = ';uri=';

/** @returns null where the gateway says nothing of the call */
export function readAskedCall(headers: IncomingHttpHeaders, client: ClientAttributes, nowMs: number): ApiCall | Rejection | null {
  const header = headers[CALL_HEADER];
  if (typeof header !== 'string' || header === '') return null;
  const { accept, referer, 'accept-encoding': encoding, 'accept-language': language, 'content-type': type } = headers;
  const line = { accept, encoding, language, type, referer, ...readFacts(header), startedAt: nowMs / 1000 };
  return checkCall({ ...fieldsOf(line, ''), ...told(client) }, nowMs);
}

/** Names and values of the header, the URI as `uri`. */
export function readFacts(header: string): Record<string, string> {
  const text = /[\x80-\xff]/.test(header) ? Buffer.from(header, 'latin1').toString('utf8') : header;
  const end = text.indexOf(URI);
  const parts = (end < 0 ? text : text.slice(0, end)).split(';').map((part) => part.split(/=(.*)/s) as [string, string?]);
  const facts = parts.filter(([, value]) => value !== undefined).reverse() as [string, string][];
  return { ...Object.fromEntries(facts), uri: end < 0 ? '' : text.slice(end + URI.length) };
}

/** Without what is null there: the header may say more. */
function told(client: ClientAttributes): Partial<ClientAttributes> {
  return Object.fromEntries(Object.entries(client).filter(([, value]) => value !== null));
}
