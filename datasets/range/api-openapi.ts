/** The API's own description, as a fuzzer or a client generator reads it. */
import type { ApiShape } from './shape.ts';

const TEXT = { type: 'string' };
const WHOLE = { type: 'integer' };

/** Operation: method, logical name, parameters in the query, fields of the body. */
const OPERATIONS: readonly (readonly [string, string, readonly string[], readonly string[]])[] = [
  ['post', 'login', [], ['email', 'password']],
  ['post', 'token', [], ['grant_type', 'refresh_token']],
  ['post', 'signup', [], ['email', 'password', 'name']],
  ['post', 'otpSend', [], ['phone']],
  ['post', 'otpVerify', [], ['phone', 'code']],
  ['post', 'reset', [], ['email']],
  ['get', 'me', [], []],
  ['get', 'orders', ['limit', 'updated_since'], []],
  ['post', 'orders', [], ['items']],
  ['get', 'order', [], []],
  ['patch', 'order', [], ['note', 'status']],
  ['get', 'customers', ['limit'], []],
  ['get', 'customer', [], []],
  ['patch', 'customer', [], ['phone', 'city']],
  ['get', 'products', ['limit', 'category'], []],
  ['get', 'product', [], []],
  ['get', 'search', ['q', 'limit'], []],
  ['post', 'cart', [], []],
  ['post', 'cartItems', [], ['productId', 'qty']],
  ['post', 'checkout', [], []],
  ['post', 'coupon', [], ['code']],
  ['post', 'payments', [], ['card', 'expiry', 'cvc', 'amount']],
  ['get', 'giftcard', [], []],
  ['get', 'file', [], []],
  ['post', 'graphql', [], ['query']],
  ['post', 'hooks', [], ['event']],
  ['post', 'builds', [], []],
  ['get', 'build', [], []],
  ['get', 'health', [], []],
];

export function createOpenapi({ map, name }: ApiShape): Record<string, unknown> {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const [method, logical, query, fields] of OPERATIONS) {
    const path = map[logical]!.replace('{}', '{id}');
    const operations = paths[path] ?? {};
    operations[method] = operationOf(path, query, fields);
    paths[path] = operations;
  }
  const securitySchemes = {
    bearer: { type: 'http', scheme: 'bearer' },
    key: { type: 'apiKey', in: 'header', name: 'X-Api-Key' },
  };
  const info = { title: `The ${name} API`, version: '1.0.0' };
  return { openapi: '3.0.3', info, paths, components: { securitySchemes }, security: [{}, { bearer: [] }, { key: [] }] };
}

function operationOf(path: string, query: readonly string[], fields: readonly string[]): Record<string, unknown> {
  const inPath = path.includes('{id}') ? [{ name: 'id', in: 'path', required: true, schema: TEXT }] : [];
  const inQuery = query.map((name) => ({ name, in: 'query', schema: name === 'limit' ? WHOLE : TEXT }));
  const properties = Object.fromEntries(fields.map((field) => [field, propertyOf(field)]));
  const schema = { type: 'object', required: fields, properties };
  const body = fields.length > 0 ? { requestBody: { required: true, content: { 'application/json': { schema } } } } : {};
  return { parameters: [...inPath, ...inQuery], ...body, responses: { default: { description: 'See the status' } } };
}

function propertyOf(field: string): Record<string, unknown> {
  if (field === 'qty' || field === 'amount') return WHOLE;
  return field === 'items' ? { type: 'array', items: { type: 'object' } } : TEXT;
}
