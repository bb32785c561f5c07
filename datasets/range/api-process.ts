/** The API as a process of its own: its options as JSON on the command line, `ready <port>` on standard output. */
import { type ApiOptions, startApi } from './api.ts';

const api = await startApi(JSON.parse(process.argv[2] ?? '{}') as ApiOptions);
process.stdout.write(`ready ${api.port}\n`);
process.once('SIGTERM', () => void api.close().then(() => process.exit(0)));
