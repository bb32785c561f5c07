/** One abusive client: its library, voice, pace, addresses and credential, how it takes a "no". Behaviours say what to ask for. */
import { api, at, email, form, isOver, key, leftMs, password, pause, random, retryAfterMs } from '../node/seat.mjs';
import { drawAgentName, drawVoice } from './voices.mjs';
import { createWire, LIBRARIES } from './wire.mjs';

const { env } = process;

/** Base URLs, one for each address. */
export const urls = (env.RANGE_URLS || env.RANGE_URL || '').split(/\s+/).filter(Boolean);

function bell() {
  return Math.sqrt(-2 * Math.log(1 - random.real(0, 1))) * Math.cos(2 * Math.PI * random.real(0, 1));
}

function within(low, value, high) {
  return Math.min(high, Math.max(low, value));
}

/** How long to wait before the next call: draws a habit and returns a function that follows it. */
function drawPace(name, usual) {
  if (name === 'jitter') return logNormal(random.real(500, 1300), random.real(0.4, 0.9), 300, 4000);
  if (name === 'slow') return () => random.real(3000, 8000);
  if (name === 'human') return logNormal(random.real(1200, 3500), 0.7, 400, 9000);
  if (name === 'pauses') return drawBursts();
  const spread = random.real(0, 0.6);
  return () => usual * (1 + spread * random.real(-1, 1));
}

function logNormal(median, sigma, low, high) {
  return () => within(low, median * Math.exp(sigma * bell()), high);
}

function drawBursts() {
  const length = random.int(5, 40);
  const quick = random.log(10, 250);
  const rest = random.real(3000, 15_000);
  let left = length;
  return () => {
    left--;
    if (left >= 0) return quick * random.real(0.5, 1.5);
    left = Math.round(length * random.real(0.5, 1.5));
    return rest * random.real(0.5, 1.5);
  };
}

export class Actor {
  forms = new Set(form.split('+'));
  calls = 0;
  statuses = {};
  credential = null;
  shown = { products: [], orders: [], pages: ['/', '/about', '/help', '/delivery'] };
  #isFirst = true;
  #jar = 0;
  #stays = 0;
  #renewal = null;

  /**
   * @param wire carries its calls
   * @param pace its pace where the form does not say
   * @param most after how many calls it has enough
   */
  constructor(wire, { pace = 'fast', most }) {
    this.wire = wire;
    this.most = most;
    this.paceName = ['jitter', 'pauses'].find((name) => this.forms.has(name)) ?? pace;
    this.width = this.paceName === 'fast' ? random.pick([1, 1, 1, 2, 4, 6]) : 1;
    this.pace = drawPace(this.paceName, this.#drawUsualMs());
    this.voice = drawVoice(this.forms);
    this.onLimit = random.pick(['ignore', 'ignore', 'obey', 'obey', 'blind', 'blind', 'repeat']);
    this.isFresh = this.forms.has('plain') && random.chance(0.2);
    this.isExact = this.voice.isMask && random.chance(0.6);
    this.isFetch = !this.forms.has('browser') && random.chance(0.5);
    this.isHttp2 = random.chance(this.forms.has('browser') ? 0.7 : 0.2);
    this.jars = this.forms.has('rotate') ? random.shuffle(urls).slice(0, random.int(3, 6)) : urls.slice(0, 1);
    this.callsPerJar = random.pick([1, 1, 3, 10]);
  }

  /** As fast as it goes, or so that its calls fill a time that it was given. */
  #drawUsualMs() {
    if (random.chance(0.4)) return random.log(1, 350);
    const spanMs = random.log(12_000, Math.max(13_000, leftMs() * 0.9));
    return within(1, (spanMs * this.width) / this.most - 15, 1500);
  }

  get origin() {
    return this.jars[this.#jar];
  }

  isDone() {
    return isOver() || this.calls >= this.most;
  }

  /** Takes the next of its addresses when it has stayed long enough, or at once. */
  moveOn(isForced = false) {
    this.#stays++;
    if (this.jars.length < 2 || (!isForced && this.#stays < this.callsPerJar)) return;
    this.#stays = 0;
    this.#jar = (this.#jar + random.int(1, this.jars.length - 1)) % this.jars.length;
  }

  /**
   * One call, after the wait that its pace asks for.
   * @param options json or form: its body; as: null for no credential, text for an Authorization of its own;
   *   isPage: a page view; acceptsNo: a 429 is the thing's own (a locked account), not worth waiting for
   * @returns `{status, headers, data, text}`, status 0 where the connection broke
   */
  async call(method, path, options = {}) {
    if (this.calls > 0) await pause(this.pace());
    let answer = await this.#once(method, path, options);
    for (let tries = 1; tries < 4 && !this.isDone(); tries++) {
      if (!(await this.#mends(answer, options, tries))) break;
      answer = await this.#once(method, path, options);
    }
    return answer;
  }

  async get(path, options) {
    return await this.call('GET', path, options);
  }

  async post(path, json, options) {
    return await this.call('POST', path, { ...options, json });
  }

  /** Whether the same call is worth another try: after a renewal or a wait, as the libraries' users write it. */
  async #mends({ status, headers }, { as, acceptsNo = false }, tries) {
    const { credential } = this;
    if (status === 401 && as === undefined && credential?.refresh && tries === 1) return await this.#renewOnce(credential);
    if (status === 503 && tries < 3) {
      await pause(random.log(300, 2500));
      return this.onLimit !== 'ignore';
    }
    if (status !== 429 || acceptsNo) return false;
    if (this.jars.length > 1) this.moveOn(true);
    if (this.onLimit === 'obey') await pause(retryAfterMs(headers['retry-after'], 2000));
    else if (this.onLimit === 'blind') await pause(random.log(500, 3000));
    return this.onLimit === 'obey' || this.onLimit === 'repeat';
  }

  /** Calls at the same time share one renewal. */
  async #renewOnce(used) {
    if (this.credential !== used) return true;
    this.#renewal ??= this.renew().finally(() => {
      this.#renewal = null;
    });
    return await this.#renewal;
  }

  async #once(method, path, options) {
    this.calls++;
    const { json, form: fields, isPage = false } = options;
    const url = path.startsWith('http') ? path : `${this.origin}${path}`;
    const headers = this.#headers(options, json !== undefined || fields !== undefined, new URL(url).origin);
    this.#isFirst = false;
    const jar = this.origin;
    this.moveOn();
    const { isFresh, isHttp2, isExact, isFetch } = this;
    const answer = await this.wire.send({ jar, method, url, headers, json, form: fields, isFresh, isHttp2, isExact, isFetch });
    this.statuses[answer.status] = (this.statuses[answer.status] ?? 0) + 1;
    if (answer.status === 0) console.error(answer.text.slice(0, 200));
    return { ...answer, data: isPage ? null : parse(answer.text) };
  }

  #headers({ as, isPage = false, headers = {} }, hasBody, origin) {
    const voice = this.voice.headers({ origin, hasBody, isPage, isFirst: this.#isFirst });
    const name = this.forms.has('agents') ? { 'user-agent': drawAgentName() } : {};
    const { credential } = this;
    if (as !== undefined || credential === null || isPage)
      return { ...voice, ...name, ...(as ? { authorization: as } : {}), ...headers };
    const own = credential.isHeader ? { 'x-api-key': credential.token } : { authorization: `Bearer ${credential.token}` };
    return { ...voice, ...name, ...own, ...headers };
  }

  /** Gets a credential: what the form says, else `usual` ('account', 'key' or null). */
  async enter(usual) {
    const kind = ['key', 'account'].find((name) => this.forms.has(name)) ?? usual;
    if (kind === 'key') this.credential = { token: key, isHeader: random.chance(0.5) };
    if (kind === 'account') await this.signIn(email, password);
    return kind;
  }

  async signIn(name, secret) {
    const { status, data } = await this.post(at('login'), { email: name, password: secret }, { as: null });
    if (status === 200 && data?.token) this.credential = { token: data.token, refresh: data.refresh, name, secret };
    return status;
  }

  async renew() {
    const { refresh, name, secret } = this.credential;
    const { status, data } = await this.#once('POST', at('token'), {
      as: null,
      form: { grant_type: 'refresh_token', refresh_token: refresh },
    });
    if (status === 200 && data?.access_token) {
      this.credential = { ...this.credential, token: data.access_token, refresh: data.refresh_token ?? refresh };
      return true;
    }
    return name !== undefined && (await this.signIn(name, secret)) === 200;
  }

  /** Runs over what there is to try, `width` at once; with form `decoy` a harmless call follows each. */
  async each(things, run) {
    const source = things[Symbol.iterator]();
    const work = async () => {
      while (!this.isDone()) {
        const { value, done } = source.next();
        if (done) return;
        await run(value);
        if (this.forms.has('decoy') && !this.isDone()) await this.decoy();
      }
    };
    await Promise.all(Array.from({ length: this.width }, work));
  }

  /** Looks at the front page first, as a browser does. */
  async arrive() {
    if (!this.voice.visitsPages) return;
    await this.view('/');
    if (random.chance(0.6)) for (const name of ['site.css', 'app.js']) await this.get(at('assets', name), { as: null });
  }

  async view(path) {
    const { text } = await this.get(path, { isPage: true });
    const links = [...text.matchAll(/href="(\/[pc]\/[^"]+)"/g)].map(([, link]) => link);
    this.shown.pages = [...new Set([...this.shown.pages, ...links])].slice(-200);
  }

  /** A call as anyone makes it: a page, a list, something that a list showed, oneself. */
  async decoy() {
    const { shown, credential } = this;
    const isSignedIn = credential !== null;
    const kinds = [
      'products',
      'products',
      ...(this.voice.visitsPages ? ['page', 'page'] : ['search']),
      ...(isSignedIn ? ['orders', 'me'] : []),
    ];
    const kind = random.pick(kinds);
    if (kind === 'page') return await this.view(random.pick(shown.pages));
    if (kind === 'me') return await this.get(at('me'));
    if (kind === 'search')
      return await this.get(`${at('search')}?q=${random.pick(['lamp', 'blue', 'desk', 'oak', 'tent', 'towel'])}`);
    if (shown[kind].length > 0 && random.chance(0.7)) return await this.get(at(kind.slice(0, -1), random.pick(shown[kind])));
    return await this.list(kind, random.pick([10, 20, 20, 50]));
  }

  /** Reads one page of a list and remembers what it showed. */
  async list(kind, limit, path = `${at(kind)}?limit=${limit}`) {
    const { data } = await this.get(path);
    const ids = (data?.items ?? []).map(({ id }) => String(id));
    if (kind in this.shown) this.shown[kind] = [...this.shown[kind], ...ids].slice(-500);
    return { ids, next: data?.next ?? null, total: data?.total ?? 0 };
  }
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Makes an actor over the library that the form or the seed says. */
export async function createActor(options) {
  const library = env.RANGE_LIBRARY ?? LIBRARIES.find((name) => form.split('+').includes(name)) ?? random.pick(LIBRARIES);
  const actor = new Actor(await createWire(library), options);
  actor.library = library;
  return actor;
}

/** Another library at the same addresses, as when a stolen token goes to another program. */
export async function changeLibrary(actor) {
  actor.wire.end();
  actor.library = random.pick(LIBRARIES.filter((name) => name !== actor.library));
  actor.wire = await createWire(actor.library);
}

export const isUuid = api._ids === 'uuid';
