/** Traefik's access log in JSON. Source: Traefik's docs, "Access Logs". Headers are in it where its configuration keeps them. */
import { splitTarget } from '../core/api-call.ts';
import { credentialOf, type JsonFormat, type Line, numberOf, statusOf, textOf, versionOf, voiceOf } from './json-format.ts';

export const TRAEFIK: JsonFormat = {
  isLine: (line) => 'RequestMethod' in line && 'ClientHost' in line,
  fieldsOf(line, origin) {
    const [path, query] = splitTarget(textOf(line.RequestPath) ?? '');
    const headers = keptHeaders(line);
    const nanoseconds = numberOf(line.Duration);
    const tlsVersion = textOf(line.TLSVersion);
    return {
      ...voiceOf(headers),
      // Traefik makes none; a request id in a header would be the client's own.
      id: origin,
      gateway: 'traefik',
      time: textOf(line.StartUTC),
      durationMs: nanoseconds === null ? null : nanoseconds / 1e6,
      clientIp: textOf(line.ClientHost),
      method: textOf(line.RequestMethod),
      path,
      query,
      status: statusOf(numberOf(line.DownstreamStatus)),
      host: textOf(line.RequestAddr),
      requestBytes: numberOf(line.RequestContentSize),
      responseBytes: numberOf(line.DownstreamContentSize),
      httpVersion: versionOf(textOf(line.RequestProtocol)),
      tlsVersion: tlsVersion && `TLSv${tlsVersion}`,
      tlsCipher: textOf(line.TLSCipher),
      connectionId: textOf(line.ClientAddr),
      ...credentialOf(headers['x-assay-subject'] ?? null),
    };
  },
};

const KEPT = 'request_';

function keptHeaders(line: Line): Record<string, string | null> {
  const kept = Object.entries(line).filter(([name]) => name.startsWith(KEPT));
  return Object.fromEntries(kept.map(([name, value]) => [name.slice(KEPT.length).toLowerCase(), textOf(value)]));
}
