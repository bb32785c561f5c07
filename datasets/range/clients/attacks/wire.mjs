/** HTTP libraries under one roof: `send` carries a call over the chosen one, so that every behaviour runs on each of them. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import https from 'node:https';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib';
import { load } from '../node/seat.mjs';

export const LIBRARIES = ['requests', 'httpx', 'aiohttp', 'undici', 'axios', 'got'];

const TIMEOUT_MS = 15_000;
const ca = process.env.RANGE_CA ? readFileSync(process.env.RANGE_CA) : undefined;

/**
 * @param name one of LIBRARIES
 * @returns `send({jar, method, url, headers, json?, form?, isFresh?, isHttp2?, isExact?, isFetch?})` → `{status, headers, text}`,
 *   status 0 where the connection broke; isFresh: a connection of its own; isExact: no headers but these; isFetch: undici's fetch;
 *   `close(jar)` ends what a jar keeps open; `end()` ends all
 */
export async function createWire(name) {
  if (name === 'undici') return new UndiciWire(await load('undici'));
  if (name === 'axios') return new AxiosWire((await load('axios')).default);
  if (name === 'got') return new GotWire((await load('got')).default);
  if (LIBRARIES.includes(name)) return new PythonWire(name);
  throw new Error(`no library ${name}`);
}

/** What the wires in this process share: a jar is an agent with its open connections. */
class NodeWire {
  #jars = new Map();

  async send(call) {
    const jar = call.isFresh ? this.open(call, false) : this.#jar(call);
    try {
      const { status, headers, text } = await this.carry(call, jar);
      return { status, headers, text: String(text) };
    } catch (error) {
      return { status: 0, headers: {}, text: String(error) };
    } finally {
      if (call.isFresh) this.shut(jar);
    }
  }

  #jar(call) {
    const jar = this.#jars.get(call.jar) ?? this.open(call, true);
    this.#jars.set(call.jar, jar);
    return jar;
  }

  close(name) {
    const jar = this.#jars.get(name);
    this.#jars.delete(name);
    if (jar) this.shut(jar);
  }

  end() {
    for (const name of [...this.#jars.keys()]) this.close(name);
  }

  open(_call, keepAlive) {
    return new https.Agent({ keepAlive, maxSockets: 16, ca });
  }

  shut(jar) {
    jar.destroy();
  }
}

class UndiciWire extends NodeWire {
  constructor(undici) {
    super();
    this.undici = undici;
  }

  open({ isHttp2 }) {
    return new this.undici.Agent({ connect: { ca }, allowH2: isHttp2 === true, connections: 16, headersTimeout: TIMEOUT_MS });
  }

  shut(jar) {
    void jar.close();
  }

  async carry({ method, url, headers, json, form, isFetch }, dispatcher) {
    const type = json === undefined ? (form ? 'application/x-www-form-urlencoded' : null) : 'application/json';
    const body = json === undefined ? (form ? String(new URLSearchParams(form)) : undefined) : JSON.stringify(json);
    const all = type && !('content-type' in headers) ? { ...headers, 'content-type': type } : headers;
    if (isFetch) return await this.#fetch(url, { method, headers: all, body, dispatcher, redirect: 'manual' });
    const answer = await this.undici.request(url, { method, headers: all, body, dispatcher });
    const bytes = Buffer.from(await answer.body.arrayBuffer());
    return { status: answer.statusCode, headers: answer.headers, text: unpack(bytes, answer.headers['content-encoding']) };
  }

  async #fetch(url, options) {
    const answer = await this.undici.fetch(url, options);
    return { status: answer.status, headers: Object.fromEntries(answer.headers), text: await answer.text() };
  }
}

/** undici's request hands over what came, packed or not. */
function unpack(bytes, encoding) {
  if (encoding === 'gzip') return gunzipSync(bytes);
  if (encoding === 'br') return brotliDecompressSync(bytes);
  return encoding === 'deflate' ? inflateSync(bytes) : bytes;
}

class AxiosWire extends NodeWire {
  constructor(axios) {
    super();
    this.axios = axios;
  }

  async carry({ method, url, headers, json, form }, httpsAgent) {
    const answer = await this.axios.request({
      method,
      url,
      headers,
      data: json ?? (form ? new URLSearchParams(form) : undefined),
      httpsAgent,
      timeout: TIMEOUT_MS,
      maxRedirects: 0,
      responseType: 'text',
      transformResponse: (text) => text,
      validateStatus: () => true,
    });
    return { status: answer.status, headers: answer.headers, text: answer.data };
  }
}

class GotWire extends NodeWire {
  constructor(got) {
    super();
    this.got = got.extend({
      throwHttpErrors: false,
      retry: { limit: 0 },
      followRedirect: false,
      timeout: { request: TIMEOUT_MS },
    });
  }

  async carry({ method, url, headers, json, form }, agent) {
    const body = json === undefined ? (form ? { form } : {}) : { json };
    const answer = await this.got(url, {
      method,
      headers,
      ...body,
      agent: { https: agent },
      https: { certificateAuthority: ca },
    });
    return { status: answer.statusCode, headers: answer.headers, text: answer.body };
  }
}

/** A Python process that carries the calls; answers come back by number. */
class PythonWire {
  #waiting = new Map();
  #last = 0;
  #process;

  constructor(name) {
    const script = fileURLToPath(new URL('wire.py', import.meta.url));
    this.#process = spawn(process.env.RANGE_PYTHON ?? 'python3', [script, name], { stdio: ['pipe', 'pipe', 'inherit'] });
    createInterface(this.#process.stdout).on('line', (line) => this.#settle(JSON.parse(line)));
    this.#process.on('exit', () => this.#failAll());
    this.#process.stdin.on('error', () => this.#failAll());
  }

  #settle({ id, ...answer }) {
    this.#waiting.get(id)?.(answer);
    this.#waiting.delete(id);
  }

  #failAll() {
    for (const id of [...this.#waiting.keys()]) this.#settle({ id, status: 0, headers: {}, text: 'the carrier ended' });
  }

  send(call) {
    this.#last++;
    const id = this.#last;
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      if (this.#process.exitCode === null) this.#process.stdin.write(`${JSON.stringify({ id, ...call })}\n`);
      else this.#failAll();
    });
  }

  close(jar) {
    if (this.#process.exitCode === null) this.#process.stdin.write(`${JSON.stringify({ close: jar })}\n`);
  }

  end() {
    this.#process.stdin.end();
  }
}
