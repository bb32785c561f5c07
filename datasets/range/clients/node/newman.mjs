/**
 * Postman collections run by newman. `smoke` is the owner's tests of many routes after a deployment, good answers and bad ones; `enumeration`
 * is a stranger's collection of one request that runs once for each id of a list.
 */
import { at, checkUrls, email, form, key, leftMs, load, main, password, random, readLines, url } from './seat.mjs';

const [what] = process.argv.slice(2);
checkUrls();

await main(async () => {
  const { default: newman } = await load('newman');
  const settings = what === 'smoke' ? smoke() : enumeration();
  const options = {
    ...settings,
    sslExtraCaCerts: process.env.RANGE_CA,
    insecure: true,
    reporters: [],
    timeout: Math.max(1000, leftMs() - 1000),
  };
  await new Promise((resolve) => newman.run(options, resolve));
});

function step(name, method, path, body, headers = [], script = []) {
  const json = body === undefined ? {} : { body: { mode: 'raw', raw: JSON.stringify(body) } };
  const header = [...headers, ...(body === undefined ? [] : [['Content-Type', 'application/json']])].map(([key, value]) => ({
    key,
    value,
  }));
  return { name, request: { method, url: url + path, header, ...json }, event: [{ listen: 'test', script: { exec: script } }] };
}

function smoke() {
  const user = [['Authorization', 'Bearer {{token}}']];
  const partner = [['X-Api-Key', key]];
  const save = (name, expression) => [`try { pm.environment.set('${name}', ${expression}) } catch (e) {}`];
  const steps = [
    step('health', 'GET', at('health')),
    step('login', 'POST', at('login'), { email, password }, [], save('token', 'pm.response.json().token')),
    step('wrong password', 'POST', at('login'), { email, password: 'wrong' }),
    step('no password', 'POST', at('login'), { email }),
    step('me', 'GET', at('me'), undefined, user),
    step('me without', 'GET', at('me')),
    step('me expired', 'GET', at('me'), undefined, [['Authorization', 'Bearer expired']]),
    step('orders', 'GET', `${at('orders')}?limit=5`, undefined, user, save('order', 'pm.response.json().items[0].id')),
    step('order', 'GET', at('order').replace(/\/$/, '/{{order}}'), undefined, user),
    step('no such order', 'GET', at('order', '999999999'), undefined, user),
    step('products', 'GET', `${at('products')}?limit=5`, undefined, [], save('product', 'pm.response.json().items[0].id')),
    step('product', 'GET', at('product').replace(/\/$/, '/{{product}}')),
    step('search', 'GET', `${at('search')}?q=lamp`),
    step('search nothing', 'GET', `${at('search')}?q=`),
    step('customers as user', 'GET', at('customers'), undefined, user),
    step('customers', 'GET', `${at('customers')}?limit=3`, undefined, partner),
    step('order empty', 'POST', at('orders'), { items: [] }, partner),
    step('order', 'POST', at('orders'), { items: [{ productId: '{{product}}', qty: 1 }], note: 'test' }, partner),
    step('card refused', 'POST', at('payments'), { card: '4242424242424241', expiry: '01/30', cvc: '123', amount: 1 }),
    step('card', 'POST', at('payments'), { card: '4242424242424242', expiry: '01/30', cvc: '123', amount: 1 }),
    step('unknown', 'GET', '/v1/does-not-exist'),
    step('signup invalid', 'POST', at('signup'), { email: 'no', password: 'x', name: '' }),
    step('signup taken', 'POST', at('signup'), { email, password: 'Long-enough-1', name: 'Taken' }),
    step('graphql', 'POST', at('graphql'), { query: '{ products(first: 3) { totalCount } }' }),
  ];
  const collection = { info: { name: 'smoke', schema: 'v2.1.0' }, item: steps };
  return { collection, iterationCount: random.pick([1, 1, 2, 3]), delayRequest: random.logInt(5, 600) };
}

function enumeration() {
  const kind = random.pick(['order', 'order', 'customer']);
  const ids = readLines(kind === 'order' ? 'RANGE_IDS' : 'RANGE_CUSTOMER_IDS');
  const first = Number(random.pick(ids));
  const count = random.logInt(40, 500);
  const wanted = Number.isNaN(first)
    ? random.shuffle(ids).slice(0, count)
    : Array.from({ length: count }, (_, n) => String(first + n));
  const agent = form.includes('browser')
    ? [
        [
          'User-Agent',
          'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/125.0.0.0 Safari/537.36',
        ],
      ]
    : [];
  const own = form.includes('key') ? [['X-Api-Key', key]] : [['Authorization', 'Bearer {{token}}']];
  const login = `if (!pm.environment.get('token') || pm.info.iteration % 40 === 0) pm.sendRequest(${JSON.stringify({
    url: url + at('login'),
    method: 'POST',
    header: { 'Content-Type': 'application/json' },
    body: { mode: 'raw', raw: JSON.stringify({ email, password }) },
  })}, (error, answer) => { try { pm.environment.set('token', answer.json().token) } catch (e) {} });`;
  const one = step('id', 'GET', at(kind).replace(/\/$/, '/{{id}}'), undefined, [...agent, ...own]);
  if (form.includes('account')) one.event.push({ listen: 'prerequest', script: { exec: [login] } });
  const delay = form.includes('jitter') ? random.int(300, 1500) : random.logInt(1, 300);
  return {
    collection: { info: { name: 'ids', schema: 'v2.1.0' }, item: [one] },
    iterationData: wanted.map((id) => ({ id })),
    delayRequest: delay,
  };
}
