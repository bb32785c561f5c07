/** Who may come in: tokens, keys, logins, sign-ups, codes by SMS. */
import { createHash } from 'node:crypto';
import { createRandom } from '../simulator/random.ts';
import { type Call, type Caller, failure, type Reply, type Route, readObject, route, text, unless } from './api-http.ts';
import { BoundedMap, MinuteCount } from './api-limits.ts';
import { credentialsOf, MAX_SEATS, type World } from './api-world.ts';

const TOKEN_SECONDS = 45;
const REFRESH_SECONDS = 3600;
const MAX_TOKENS = 30_000;
const MAX_USERS = 8000;
const MAX_FAILURES = 8;
const MAX_CODES = 5;

interface Grant {
  readonly scope: 'user' | 'key';
  readonly user: number | null;
  readonly untilMs: number;
}

export interface Access {
  identify(headers: Call['headers'], address: string, nowMs: number): Caller;
  readonly routes: readonly Route[];
}

/** All state of logins lives here; every table is bounded. */
export function createAccess(world: World): Access {
  const desk = new AccessDesk(world);
  const { map } = world.shape;
  return {
    identify: (headers, address, nowMs) => desk.identify(headers, address, nowMs),
    routes: [
      ...route('POST', map.login!, (call) => desk.login(call)),
      ...route('POST', map.token!, (call) => desk.token(call)),
      ...route('POST', map.salesforceToken!, (call) => desk.token(call)),
      ...route('POST', map.signup!, (call) => desk.signUp(call)),
      ...route('POST', map.otpSend!, (call) => desk.sendCode(call)),
      ...route('POST', map.otpVerify!, (call) => desk.verifyCode(call)),
      ...route('POST', map.reset!, (call) => desk.reset(call)),
      ...route('GET', map.me!, (call) => desk.me(call)),
    ],
  };
}

/** What the gateway logs of the account that a login tries, and hides from the client. */
export function accountHash(email: string): string {
  return createHash('sha256').update(`account|${email.toLowerCase()}`).digest('hex').slice(0, 16);
}

class AccessDesk {
  readonly #world: World;
  readonly #keys = new Set<string>();
  readonly #apps = new Map<string, string>();
  readonly #tokens = new BoundedMap<Grant>(MAX_TOKENS);
  readonly #refreshes = new BoundedMap<Grant>(MAX_TOKENS);
  readonly #failures = new MinuteCount();
  readonly #codes = new MinuteCount();
  readonly #guesses = new MinuteCount();
  readonly #random;

  constructor(world: World) {
    this.#world = world;
    this.#random = createRandom(world.seed + 101);
    for (let seat = 0; seat < MAX_SEATS; seat++) {
      const { apiKey, clientId, clientSecret } = credentialsOf(world, seat);
      this.#keys.add(apiKey);
      this.#apps.set(clientId, clientSecret);
    }
  }

  identify(headers: Call['headers'], address: string, nowMs: number): Caller {
    const bearer = /^Bearer\s+(\S+)$/i.exec(headers.authorization ?? '')?.[1];
    const credential = bearer ?? headers['x-api-key']?.toString();
    if (credential === undefined)
      return { scope: headers.authorization === undefined ? 'none' : 'invalid', user: null, name: address };
    if (this.#keys.has(credential)) return { scope: 'key', user: null, name: credential };
    const grant = this.#tokens.get(credential);
    if (!grant || grant.untilMs < nowMs) return { scope: 'invalid', user: null, name: address };
    return { scope: grant.scope, user: grant.user, name: grant.scope === 'key' ? credential : address };
  }

  login(call: Call): Reply {
    const body = readObject(call);
    const [email, password] = [text(body, 'email') || text(body, 'username'), text(body, 'password')];
    if (!email || !password) return failure(400, 'missing_fields');
    const headers = { 'x-account': accountHash(email) };
    const checked = this.#check(email, password, call.nowMs);
    if (checked !== null) return { ...checked, headers: { ...checked.headers, ...headers } };
    const { access, refresh } = this.#grant('user', this.#world.usersByEmail.get(email)!, call.nowMs);
    return { status: 200, body: { token: access, refresh, expiresIn: TOKEN_SECONDS }, headers };
  }

  /** null where the password is right. */
  #check(email: string, password: string, nowMs: number): Reply | null {
    const name = email.toLowerCase();
    if (this.#failures.count(name, nowMs) >= MAX_FAILURES)
      return failure(this.#world.shape.lockout, 'too_many_failures', { 'retry-after': '30' });
    const user = this.#world.users[this.#world.usersByEmail.get(email) ?? -1];
    if (user?.password === password) return null;
    this.#failures.add(name, nowMs);
    return failure(401, 'bad_credentials');
  }

  #grant(scope: 'user' | 'key', user: number | null, nowMs: number): { access: string; refresh: string } {
    const [access, refresh] = [this.#random.hex(40), this.#random.hex(40)];
    this.#tokens.set(access, { scope, user, untilMs: nowMs + TOKEN_SECONDS * 1000 });
    this.#refreshes.set(refresh, { scope, user, untilMs: nowMs + REFRESH_SECONDS * 1000 });
    return { access, refresh };
  }

  token(call: Call): Reply {
    const body = readObject(call);
    switch (text(body, 'grant_type')) {
      case 'refresh_token':
        return this.#renew(call, text(body, 'refresh_token'));
      case 'client_credentials':
        return this.#grantApp(call, body);
      case 'password':
        return this.#grantPassword(call, text(body, 'username'), text(body, 'password'));
      default:
        return failure(400, 'unsupported_grant_type');
    }
  }

  #renew(call: Call, refresh: string): Reply {
    const grant = this.#refreshes.get(refresh);
    if (!grant || grant.untilMs < call.nowMs) return failure(400, 'invalid_grant');
    const answer = this.#answer(call, grant.scope, grant.user);
    // Salesforce's refresh tokens last; its clients know no other way.
    if (call.path !== this.#world.shape.map.salesforceToken) this.#refreshes.delete(refresh);
    return answer;
  }

  #grantApp(call: Call, body: Readonly<Record<string, unknown>> | null): Reply {
    const basic = /^Basic\s+(\S+)$/i.exec(call.headers.authorization ?? '')?.[1];
    const [id = '', secret = ''] = basic
      ? Buffer.from(basic, 'base64').toString('utf8').split(':').map(unescapeForm)
      : [text(body, 'client_id'), text(body, 'client_secret')];
    if (!secret || this.#apps.get(id) !== secret) return failure(401, 'invalid_client');
    return this.#answer(call, 'key', null);
  }

  #grantPassword(call: Call, email: string, password: string): Reply {
    const headers = { 'x-account': accountHash(email) };
    const checked = this.#check(email, password, call.nowMs);
    if (checked !== null) return { ...failure(400, 'invalid_grant'), headers };
    // At the Salesforce-like door a person's password opens the whole records, as an integration user's does.
    const scope = call.path === this.#world.shape.map.salesforceToken ? 'key' : 'user';
    const answer = this.#answer(call, scope, this.#world.usersByEmail.get(email)!);
    return { ...answer, headers: { ...answer.headers, ...headers } };
  }

  #answer(call: Call, scope: 'user' | 'key', user: number | null): Reply {
    const { access, refresh } = this.#grant(scope, user, call.nowMs);
    const origin = `https://${call.headers.host ?? 'api.example'}`;
    const common = { access_token: access, refresh_token: refresh, token_type: 'Bearer', expires_in: TOKEN_SECONDS };
    const isSalesforce = call.path === this.#world.shape.map.salesforceToken;
    const more = { instance_url: origin, id: `${origin}/id/00D000000000001EAA/005000000000001AAA` };
    return { status: 200, body: isSalesforce ? { ...common, ...more } : common, headers: { 'cache-control': 'no-store' } };
  }

  signUp(call: Call): Reply {
    const body = readObject(call);
    const [email, password, name] = [text(body, 'email'), text(body, 'password'), text(body, 'name')];
    if (!/^[^@\s]{1,64}@[^@\s]+\.[^@\s]+$/.test(email) || password.length < 8) return failure(422, 'invalid');
    const { users, usersByEmail } = this.#world;
    if (usersByEmail.has(email)) return failure(409, 'email_taken');
    const id = this.#random.uuid();
    if (users.length < MAX_USERS) {
      usersByEmail.set(email, users.length);
      users.push({ id, email, password, name, phone: '', orders: [] });
    }
    return { status: 201, body: { id }, headers: { location: this.#world.shape.map.me! } };
  }

  sendCode(call: Call): Reply {
    const phone = text(readObject(call), 'phone').replaceAll(/[\s-]/g, '');
    if (!/^\+?\d{6,15}$/.test(phone)) return failure(422, 'invalid_phone');
    if (this.#codes.count(phone, call.nowMs) >= MAX_CODES) return failure(429, 'too_many_codes', { 'retry-after': '30' });
    this.#codes.add(phone, call.nowMs);
    return { status: 202, body: { sent: true, expiresIn: 120 } };
  }

  verifyCode(call: Call): Reply {
    const body = readObject(call);
    const [phone, code] = [text(body, 'phone').replaceAll(/[\s-]/g, ''), text(body, 'code')];
    if (!phone || !code) return failure(422, 'invalid');
    if (this.#guesses.count(phone, call.nowMs) >= MAX_CODES) return failure(429, 'too_many_guesses', { 'retry-after': '30' });
    this.#guesses.add(phone, call.nowMs);
    // A phone's right code is not known to any client of the range; the last digit of the phone decides for the honest.
    return code === codeOf(phone) ? { status: 200, body: { verified: true } } : failure(401, 'wrong_code');
  }

  reset(call: Call): Reply {
    const email = text(readObject(call), 'email');
    const headers = { 'x-account': accountHash(email) };
    return this.#world.usersByEmail.has(email)
      ? { status: 202, body: { sent: true }, headers }
      : { ...failure(404, 'unknown_email'), headers };
  }

  me(call: Call): Reply {
    const denied = unless(call, ['user', 'key'], failure(403, 'forbidden'));
    if (denied) return denied;
    const user = this.#world.users[call.caller.user ?? -1];
    if (!user) return { status: 200, body: { kind: 'partner', scopes: ['read', 'write'] }, isCacheable: true };
    const { id, email, name, phone, orders } = user;
    return { status: 200, body: { id, email, name, phone, orders: orders.length }, isCacheable: true };
  }
}

/** The code that was "sent": six digits that follow from the phone, so that a driver can play an honest user. */
export function codeOf(phone: string): string {
  return String(Number.parseInt(createHash('sha256').update(`otp|${phone}`).digest('hex').slice(0, 8), 16) % 1_000_000).padStart(
    6,
    '0',
  );
}

function unescapeForm(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}
