/** How the brokers are reached: encrypted or not, and by which proof of who Assay is. */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type ConnectionOptions, createSecureContext } from 'node:tls';
import type { KafkaConfig, SASLOptions } from 'kafkajs';
import { AssayError } from '../core/errors.ts';

export type KafkaSecurity = Pick<KafkaConfig, 'ssl' | 'sasl'>;

export interface SecuritySettings {
  /** '' for none. */
  readonly mechanism: '' | 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512';
  readonly username: string;
  readonly password: string;
  readonly tls: boolean;
  /** PEM files, '' where there is none; a certificate and its key come together. */
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
}

/**
 * Reads the files, so that a wrong one is told at start and not by a handshake that fails.
 * @throws AssayError ASSAY_FILE_UNREADABLE, or ASSAY_CONFIG_INVALID where a file is no PEM or key and certificate don't match
 */
export function readSecurity(settings: SecuritySettings): KafkaSecurity {
  const { mechanism, username, password, tls } = settings;
  return {
    ...(tls ? { ssl: readTls(settings) } : {}),
    // One shape for each mechanism in the client's types; the mechanism is none but these.
    ...(mechanism ? { sasl: { mechanism: mechanism.toLowerCase(), username, password } as SASLOptions } : {}),
  };
}

function readTls({ caFile, certFile, keyFile }: SecuritySettings): ConnectionOptions {
  const ca = caFile ? { ca: readAuthority(caFile) } : {};
  if (!certFile) return ca;
  const pair = { cert: readPem('KAFKA_TLS_CERT', certFile), key: readPem('KAFKA_TLS_KEY', keyFile) };
  checked('KAFKA_TLS_CERT and KAFKA_TLS_KEY', () => createSecureContext(pair));
  return { ...ca, ...pair };
}

function readAuthority(file: string): Buffer {
  const ca = readPem('KAFKA_TLS_CA', file);
  // A secure context would take anything for an authority and then trust nobody.
  checked(`KAFKA_TLS_CA (${file})`, () => new X509Certificate(ca));
  return ca;
}

function readPem(name: string, file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new AssayError('ASSAY_FILE_UNREADABLE', `${name}: ${(error as Error).message}`, { cause: error });
  }
}

function checked(what: string, check: () => unknown): void {
  try {
    check();
  } catch (error) {
    throw new AssayError('ASSAY_CONFIG_INVALID', `${what}: ${(error as Error).message}`, { cause: error });
  }
}
