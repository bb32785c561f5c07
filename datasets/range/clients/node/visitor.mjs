/** A user signed in to the API, as a backend or an app speaks for one: token, renewal after 401, patience after 429. */
import { at, isOver, linger, pause, random, retryAfterMs, spend, url } from './seat.mjs';

export class Visitor {
  token = null;
  refresh = null;

  /** `send` is undici's or Node's fetch, `extra` what it takes beside (a dispatcher); `headers` go with every call. */
  constructor(send, [email, password], headers = {}, extra = {}) {
    Object.assign(this, { send, email, password, headers, extra });
  }

  /** One call as it is, without another try. */
  async once(method, path, body, headers = {}) {
    spend();
    const answer = await this.send(path.startsWith('http') ? path : `${url}${path}`, {
      method,
      headers: {
        ...this.headers,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(this.token ? { authorization: `Bearer ${this.token}` } : {}),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...this.extra,
    });
    const text = await answer.text();
    return { status: answer.status, headers: answer.headers, data: parse(text) };
  }

  /** Returns the status; signs in with another password where one is given, as by a slip of the finger. */
  async login(password = this.password) {
    const answer = await this.once('POST', at('login'), { email: this.email, password });
    if (answer.status < 300) {
      this.token = answer.data?.token ?? null;
      this.refresh = answer.data?.refresh ?? null;
    }
    return answer;
  }

  async renew() {
    this.token = null;
    const form = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: this.refresh ?? '' });
    const answer = await this.send(`${url}${at('token')}`, { method: 'POST', body: form, headers: this.headers, ...this.extra });
    const data = parse(await answer.text());
    if (answer.status >= 400) return (await this.login()).status < 300;
    this.token = data?.access_token ?? null;
    this.refresh = data?.refresh_token ?? this.refresh;
    return true;
  }

  /** One call with all it may take: at most three tries. */
  async call(method, path, body, headers) {
    let answer = await this.once(method, path, body, headers);
    for (let tries = 1; tries < 3 && !isOver(); tries++) {
      if (answer.status === 401 && this.refresh) {
        if (!(await this.renew())) break;
      } else if (answer.status === 429 || answer.status === 503)
        await pause(retryAfterMs(answer.headers.get('retry-after'), 800 * tries));
      else break;
      answer = await this.once(method, path, body, headers);
    }
    return answer;
  }

  async get(path, headers) {
    return await this.call('GET', path, undefined, headers);
  }

  /** Looks at a list and at some of what it shows. */
  async browse(list, item, looks, betweenMs) {
    const { data } = await this.get(list);
    for (const shown of random.shuffle(data?.items ?? []).slice(0, looks)) {
      if (isOver()) return null;
      await linger(betweenMs);
      await this.get(at(item, shown.id));
    }
    return data;
  }
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
