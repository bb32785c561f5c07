import type { Static, TSchema } from 'typebox';
import { Settings } from 'typebox/system';
import { Value } from 'typebox/value';
import { AssayError, type ErrorCode } from './errors.ts';

/** The library stops at 8. */
Settings.Set({ maxErrors: 64 });

/** Holds a file's content against its schema. @throws AssayError with this code, telling every fault at once */
export function checkFile<S extends TSchema>(schema: S, file: unknown, code: ErrorCode): asserts file is Static<S> {
  if (Value.Check(schema, file)) return;
  const faults = Value.Errors(schema, file).map((e) => `${e.instancePath || '/'} ${e.message}`);
  throw new AssayError(code, faults.join('; '));
}
