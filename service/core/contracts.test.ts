import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import avro from 'avsc';
import { contractsSource } from '../contracts/generate.ts';
import { packageRoot } from '../io/package-root.ts';
import { type AvroRecord, jsonSchemaOf } from './avro-schema.ts';
import { ApiCallSchema, LabelSchema, VerdictSchema } from './contracts.ts';

test('contracts.ts is what the .avsc files generate', () => {
  assert.equal(readFileSync(join(packageRoot, 'service', 'core', 'contracts.ts'), 'utf8'), contractsSource());
});

for (const schema of [ApiCallSchema, VerdictSchema, LabelSchema])
  describe(schema.name, () => {
    test('is valid Avro', () => {
      assert.equal(avro.Type.forSchema(schema as avro.Schema).name, `dev.assay.${schema.name}`);
    });

    test('has a JSON schema with the same names, of which those without a default are required', () => {
      const json = jsonSchemaOf(schema);
      assert.deepEqual(
        Object.keys(json.properties as object),
        schema.fields.map((f) => f.name),
      );
      assert.deepEqual(
        json.required,
        schema.fields.filter((f) => !('default' in f)).map((f) => f.name),
      );
    });
  });

test('only the first five fields of an ApiCall are required', () => {
  assert.deepEqual(jsonSchemaOf(ApiCallSchema).required, ['id', 'time', 'clientIp', 'method', 'path']);
});

test('an ApiCall of an older writer is read, with null for the field that was added', () => {
  const older: AvroRecord = { ...ApiCallSchema, fields: ApiCallSchema.fields.slice(0, -1) };
  const [writer, reader] = [avro.Type.forSchema(older as avro.Schema), avro.Type.forSchema(ApiCallSchema as avro.Schema)];
  const bytes = writer.toBuffer({ id: 'a', time: 1, clientIp: '::1', method: 'GET', path: '/' });
  const call = reader.fromBuffer(bytes, reader.createResolver(writer)) as { path: string; bodySample: unknown };
  assert.deepEqual([call.path, call.bodySample], ['/', null]);
});

describe('jsonSchemaOf', () => {
  test('translates each Avro type', () => {
    assert.deepEqual(jsonSchemaOf('int'), { type: 'integer', minimum: -2147483648, maximum: 2147483647 });
    assert.deepEqual(jsonSchemaOf('bytes'), { type: 'string', contentEncoding: 'base64' });
    assert.deepEqual(jsonSchemaOf(['null', 'double']), { anyOf: [{ type: 'null' }, { type: 'number' }] });
    assert.deepEqual(jsonSchemaOf({ type: 'array', items: 'string' }), { type: 'array', items: { type: 'string' } });
    assert.deepEqual(jsonSchemaOf({ type: 'enum', name: 'E', symbols: ['a', 'b'] }), { type: 'string', enum: ['a', 'b'] });
    assert.deepEqual(jsonSchemaOf({ type: 'long', logicalType: 'timestamp-millis' }), { type: 'integer' });
  });

  test('keeps the documentation', () => {
    const fields = [{ name: 'a', type: 'string' as const, doc: 'what a is' }];
    const json = jsonSchemaOf({ type: 'record', name: 'R', doc: 'what R is', fields });
    assert.deepEqual(json, {
      type: 'object',
      title: 'R',
      description: 'what R is',
      required: ['a'],
      properties: { a: { type: 'string', description: 'what a is' } },
    });
  });
});
