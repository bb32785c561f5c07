/**
 * avsc types that a hostile record cannot stall: avsc believes the count in front of an array or map, so that twelve
 * bytes can ask for billions of items. Here no more items are read than the record has bytes.
 */
import avro, { type Type } from 'avsc';

/** The part of avsc 5.7's inner interface that is replaced here; package.json holds the exact version. */
interface Tap {
  readonly buf: Uint8Array;
  readonly pos: number;
  readLong(): number;
  skipLong(): void;
  readString(): string;
  skipString(): void;
}
interface Codec {
  _read(tap: Tap): unknown;
  _skip(tap: Tap): void;
}
type Schema = Parameters<typeof avro.Type.forSchema>[0];
type Options = NonNullable<Parameters<typeof avro.Type.forSchema>[1]>;

/**
 * Compiles a schema: nullable unions give plain values, logical types are left alone (times stay numbers).
 * @throws Error where the schema is not valid Avro
 */
export function compileType(schema: object): Type {
  return avro.Type.forSchema(schema as Schema, { wrapUnions: 'never', omitRecordMethods: true, typeHook: guardType as never });
}

function guardType(schema: { type?: unknown }, options: Options): Type | undefined {
  if (schema.type === 'array') return new GuardedArray(schema as never, options);
  return schema.type === 'map' ? new GuardedMap(schema as never, options) : undefined;
}

class GuardedArray extends avro.types.ArrayType {
  _read(this: { itemsType: unknown }, tap: Tap): unknown[] {
    const items: unknown[] = [];
    const codec = this.itemsType as Codec;
    eachItem(tap, () => items.push(codec._read(tap)));
    return items;
  }

  _skip(tap: Tap): void {
    const codec = this.itemsType as unknown as Codec;
    eachItem(tap, () => codec._skip(tap));
  }
}

class GuardedMap extends avro.types.MapType {
  _read(this: { valuesType: unknown }, tap: Tap): object {
    const entries: [string, unknown][] = [];
    const codec = this.valuesType as Codec;
    eachItem(tap, () => entries.push([tap.readString(), codec._read(tap)]));
    return Object.fromEntries(entries);
  }

  _skip(tap: Tap): void {
    const codec = this.valuesType as Codec;
    eachItem(tap, () => {
      tap.skipString();
      codec._skip(tap);
    });
  }
}

/** Calls `item` for each item of the blocks ahead. */
function eachItem(tap: Tap, item: () => void): void {
  let total = 0;
  for (let n = tap.readLong(); n !== 0; n = tap.readLong()) {
    if (n < 0) {
      n = -n;
      tap.skipLong();
    }
    total += n;
    // Written so that NaN, which a count of many bytes can become, fails too.
    if (!(total <= tap.buf.length)) throw new Error('more items than bytes');
    for (let i = 0; i < n; i++) {
      const before = tap.pos;
      item();
      // An item of no bytes costs its sender nothing, however many there are.
      if (tap.pos === before) throw new Error('an array of nothing');
    }
  }
}
