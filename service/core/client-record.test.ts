import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { C, createRecord, D, F, H, K, RECORD_BYTES, RecordArena, T, U } from './client-record.ts';

describe('the record', () => {
  test('takes at most 1 KiB, without one slot over another', () => {
    const { t, f, h, k, u, c, d } = createRecord();
    assert.ok(RECORD_BYTES <= 1024 && RECORD_BYTES % 8 === 0, String(RECORD_BYTES));
    const views = [t, f, h, k, u, c, d];
    assert.deepEqual(
      views.map(({ length }) => length),
      [T, F, H, K, U, C, D].map(({ size }) => size),
    );
    views.forEach((view, i) => {
      const end = view.byteOffset + view.byteLength;
      assert.ok(end <= (views[i + 1]?.byteOffset ?? RECORD_BYTES), `view ${i} ends at ${end}`);
    });
  });

  test('names each slot once', () => {
    for (const slots of [T, F, H, K, U, C, D]) {
      const { size, ...offsets } = slots;
      const values = Object.values(offsets);
      assert.equal(new Set(values).size, values.length);
      assert.ok(values.every((offset) => offset < size));
    }
  });
});

describe('RecordArena', () => {
  test('a slot is the same bytes each time, and no other slot', () => {
    const arena = new RecordArena();
    const slots = Array.from({ length: 20_000 }, () => arena.take());
    assert.equal(new Set(slots).size, slots.length);
    for (const slot of slots) arena.view(slot).t[T.last] = slot;
    for (const slot of slots) assert.equal(arena.view(slot).t[T.last], slot);
    assert.equal(new Float64Array(arena.bytes(12_345).slice().buffer)[T.last], 12_345);
  });

  test('what is given back comes back empty', () => {
    const arena = new RecordArena();
    const slot = arena.take();
    const view = arena.view(slot);
    view.c[C.calls] = 7;
    view.d.fill(9);
    arena.give(slot);
    assert.equal(arena.take(), slot);
    assert.ok(arena.bytes(slot).every((byte) => byte === 0));
    assert.equal(arena.view(slot).c[C.calls], 0);
  });
});
