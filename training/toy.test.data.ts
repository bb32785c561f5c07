/** A tiny data set for tests: pollers that read one list, walkers that count through objects, and one that turns. */
import type { LabelledCall, LoadCalls, Truth } from '../datasets/dataset.ts';
import { createRandom } from '../datasets/simulator/random.ts';
import { checkCall } from '../service/core/api-call.ts';
import type { ApiCall } from '../service/core/contracts.ts';

const START_MS = Date.UTC(2025, 0, 1);

function makeCall(id: string, time: number, clientIp: string, path: string, status: number): ApiCall {
  const raw = {
    id,
    time,
    clientIp,
    method: 'GET',
    path,
    status,
    userAgent: 'okhttp/4.12',
    headerNames: ['host'],
    responseBytes: 512,
  };
  return checkCall(raw, time) as ApiCall;
}

/** Of four actors two poll, one walks, one turns from polling to walking; calls come in order of time. */
export const loadToyCalls: LoadCalls = ({ seed, clients }) => {
  const random = createRandom(seed);
  const out: LabelledCall[] = [];
  for (let i = 0; i < clients; i++) {
    const ip = `10.0.${i >> 8}.${i & 255}`;
    const turnsAt = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, 0, 12][i % 4]!;
    let time = START_MS + Math.floor(random.real(0, 60_000));
    for (let n = 0; n < 24; n++) {
      const isBad = n >= turnsAt;
      time += Math.floor(random.real(isBad ? 100 : 2000, isBad ? 900 : 9000));
      const path = isBad ? `/v1/orders/${1000 + n}` : '/v1/orders';
      const status = isBad && random.chance(0.6) ? 404 : 200;
      const kind = isBad ? 'walker' : 'poller';
      const truth: Truth = { client: `c${i}`, label: isBad ? 'bad' : 'good', kind, tool: `tool-${i % 3}`, group: `g${i}` };
      out.push({ call: makeCall(`${i}-${n}`, time, ip, path, status), truth });
    }
  }
  return out.sort((a, b) => a.call.time - b.call.time);
};
