/** The shape of a program that speaks HTTP, and what several of them share. */
export type TlsLibrary = 'openssl' | 'go' | 'boring' | 'nss' | 'java' | 'apple' | 'schannel' | 'gnutls' | 'rustls';

export interface Stack {
  /** Templates; `{1..9}` becomes a number, `{=}` the same one again. An empty one sends no user agent. */
  readonly agents: readonly string[];
  /** Header names in order. A leading + marks one that is sent only where there is cause; +extra stands for the client's own. */
  readonly order: string;
  readonly accept: string | null;
  readonly encoding: string | null;
  readonly language?: string | null;
  readonly tls: TlsLibrary;
  /** How likely each is. */
  readonly http2?: number;
  readonly keepsAlive?: number;
  readonly cookies?: number;
  readonly resumes?: boolean;
}

export const BODY = '+content-length +content-type';
export const CHROME_ORDER =
  'host connection +content-length +cache-control sec-ch-ua-platform +authorization user-agent sec-ch-ua +content-type ' +
  'sec-ch-ua-mobile accept +origin sec-fetch-site sec-fetch-mode sec-fetch-dest +referer accept-encoding accept-language +cookie ' +
  '+if-none-match +extra';
export const CURL_ORDER = `host +authorization user-agent accept +referer +cookie +extra +if-none-match ${BODY}`;
export const GO_ORDER =
  'host user-agent +content-length +authorization +content-type +cookie +if-none-match +extra accept-encoding';
export const JSON_ACCEPT = 'application/json, text/plain, */*';
export const PAGE_ACCEPT = 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8';
