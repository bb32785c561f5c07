import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FORMATS, findFormat, sniffFormat } from './formats.ts';

const LINE = '192.0.2.7 - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 1';

test('formats are found by name', () => {
  for (const format of FORMATS) assert.equal(findFormat(format.name), format);
  assert.equal(new Set(FORMATS.map(({ name }) => name)).size, FORMATS.length);
});

test('an unknown name is answered with the known ones', () => {
  for (const name of ['nonsense', '', 'toString'])
    assert.throws(() => findFormat(name), {
      code: 'ASSAY_FORMAT_UNKNOWN',
      message: /ndjson, combined, avro/,
    });
});

test('a stream shows its format in its first lines, broken ones in between', () => {
  const nameOf = (text: string) => sniffFormat(Buffer.from(text, 'latin1')).name;
  assert.equal(nameOf(`${LINE}\n`), 'combined');
  assert.equal(nameOf(`\n\n# a comment\n${LINE}\n`), 'combined');
  assert.equal(nameOf('{"id": "1"}\n'), 'ndjson');
  assert.equal(nameOf('\xef\xbb\xbf{"id": "1"}'), 'ndjson');
  assert.equal(nameOf(`{"id": "${'1'.repeat(1e6)}`), 'ndjson');
  assert.equal(nameOf('Obj\x01\x04\x14avro.codec'), 'avro');
});

test('what is none of them is told', () => {
  for (const text of ['', '\n\n', 'hello\nworld\n', '<Event/>', 'Obj\x02'])
    assert.throws(() => sniffFormat(Buffer.from(text)), { code: 'ASSAY_FORMAT_UNKNOWN' }, text);
});
