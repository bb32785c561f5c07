/**
 * Says yes to everybody, in each dialect, and nothing else: what `npm run gateways:cost` holds Assay against, in a process of its own
 * as Assay is. Prints its ports.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Answer } from '../../service/io/ask.ts';
import { extAuthzService } from '../../service/io/ext-authz.ts';
import { openGrpc } from '../../service/io/grpc.ts';
import { openSpoeAgent } from '../../service/io/spoe-agent.ts';

const YES: Answer = { status: 200, result: 'allow', headers: [] };
const [host, ask] = ['127.0.0.1', () => YES];

// Envoy, the only one to ask below the path, takes 204 for a denial that it is to pass on.
const http = createServer(({ url }, response) => response.writeHead(url === '/v1/authz' ? 204 : 200).end());
http.keepAliveTimeout = 60_000;
http.listen(0, host);
await once(http, 'listening');
const spoe = await openSpoeAgent({ host, port: 0, ask });
const grpc = await openGrpc(host, 0, [extAuthzService({ ask })]);
console.log(JSON.stringify({ http: (http.address() as AddressInfo).port, spoe: spoe.port, grpc: grpc.port }));
