/**
 * Who is calling: the strongest of verified identity › accepted API key or token › address and fingerprint.
 *
 * Four rules keep good clients whole and attackers in one piece:
 * - A credential counts once the API has accepted it (an answer under 400). Guessed tokens therefore all stay with the
 *   address that guesses them, while a known token that expires stays with its client. A name that anybody can claim (of
 *   a Basic login, of an unverified signature) is charged with a refusal only where its client is at home.
 * - A subject that stays the same (an API key) is its own client, at whatever address.
 * - A subject that rotates (an opaque token changes at each login) is linked to the client that held the address and
 *   fingerprint before, as long as one subject follows another there. Once two interleave, the address is shared (NAT)
 *   and each subject stands for itself.
 * - The fingerprint is TLS where the gateway tells it, else the software that the user agent names, all browsers being
 *   one: a client that draws a new user agent for each call remains one client.
 */
import { hash } from 'node:crypto';
import type { ApiCall } from './contracts.ts';
import { RecentMap } from './recent-map.ts';
import { fingerprintOf, softwareOf } from './software.ts';

export const STRENGTH = { address: 0, token: 1, key: 2, verified: 3, certificate: 4 } as const;

/** What identify needs of a call; a gateway that asks for a verdict has the same at hand. */
export type ClientAttributes = Pick<
  ApiCall,
  'clientIp' | 'userAgent' | 'ja3' | 'ja4' | 'subject' | 'authScheme' | 'identityVerified' | 'clientCertificate' | 'tenant'
>;

export interface Identity {
  readonly clientId: string;
  readonly strength: number;
}

/** What is remembered of an address and fingerprint. */
export interface Anchor {
  /** The client that holds it: itself, unless a subject brought another one. */
  clientId: string;
  subject: string | null;
  /** The subject before; calls under way may still carry it. */
  previous: string | null;
  /** When `subject` took over, event time in ms. */
  since: number;
  shared: boolean;
  /** Whether its client is known by a stable key; calls without one are then not its own. */
  stable: boolean;
}

/** Links to keep on disk; keys and values are keyed hashes only. */
export type LinkChange = ['anchor', string, Anchor] | ['subject', string, string];

export interface IdentifierOptions {
  /** Secret of the deployment: without it nobody can link a clientId to an address. */
  readonly key: string;
  readonly maxLinks?: number;
  readonly onLink?: (change: LinkChange) => void;
}

/** Schemes whose credential stays the same for months; the others may hand out a new one at each login. */
const STABLE_SCHEMES = new Set(['apikey', 'api-key', 'basic', 'mtls', 'httpsignature', 'digest']);
/** Schemes whose subject may be a mere name. */
const NAMING_SCHEMES = new Set(['basic', 'digest']);
/** After a token is renewed, calls under way may still carry the old one for so long. */
const OVERLAP_MS = 60_000;

/** Of HMAC-SHA-256; 128 bits are enough to tell clients apart. */
const HASH_BYTES = 16;
/** What SHA-256 reads at a time. */
const BLOCK_BYTES = 64;
/** Hashes remembered of each kind: making one takes 1.5 µs, remembering it 150 bytes. */
const MAX_HASHES = 50_000;
/** Longer values are hashed anew each time, so that the memo stays small. */
const MAX_CACHED_CHARS = 256;

type Kind = 'certificate' | 'subject' | 'address';

export class Identifier {
  readonly #hmac: (text: string) => string;
  readonly #hashes: Record<Kind | 'tenant', RecentMap<string>>;
  readonly #subjects: RecentMap<string>;
  readonly #anchors: RecentMap<Anchor>;
  readonly #onLink: (change: LinkChange) => void;

  constructor({ key, maxLinks = 200_000, onLink = () => {} }: IdentifierOptions) {
    this.#hmac = hmacBy(key);
    const memo = () => new RecentMap<string>(Math.min(maxLinks, MAX_HASHES));
    this.#hashes = { certificate: memo(), subject: memo(), address: memo(), tenant: memo() };
    this.#subjects = new RecentMap(maxLinks);
    this.#anchors = new RecentMap(maxLinks);
    this.#onLink = onLink;
  }

  /** Links held, both subjects and addresses; at most twice maxLinks. */
  get links(): number {
    return this.#subjects.size + this.#anchors.size;
  }

  /** Identifies the client of an observed call and learns its links. */
  identify(call: ApiCall): Identity {
    const fixed = this.#verified(call);
    if (fixed?.strength === STRENGTH.verified) this.#stand(fixed.clientId);
    if (fixed) return fixed;
    const anchorId = this.#anchorId(call);
    const anchor = this.#anchors.get(anchorId) ?? freshAnchor(anchorId);
    const address = { clientId: ownerOf(anchor, anchorId), strength: STRENGTH.address };
    if (!call.subject) return address;
    const subject = this.#hash('subject', call, call.subject);
    const known = this.#subjects.get(subject);
    if (known === undefined ? !isAccepted(call) : isForeign(call, anchor, subject, known)) return address;
    if (isStable(call)) return { clientId: this.#meetKey(anchor, anchorId, subject, call.time), strength: STRENGTH.key };
    const clientId =
      known === undefined
        ? this.#welcome(anchor, anchorId, subject, call.time)
        : this.#meet(anchor, anchorId, subject, known, call.time);
    return { clientId, strength: STRENGTH.token };
  }

  /** As whom a caller with these attributes is known now; learns nothing. */
  find(attributes: ClientAttributes): Identity {
    const fixed = this.#verified(attributes);
    if (fixed) return fixed;
    const anchorId = this.#anchorId(attributes);
    const anchor = this.#anchors.peek(anchorId) ?? freshAnchor(anchorId);
    const subject = attributes.subject ? this.#hash('subject', attributes, attributes.subject) : null;
    const known = subject === null ? undefined : this.#subjects.peek(subject);
    if (subject === null || known === undefined) return { clientId: ownerOf(anchor, anchorId), strength: STRENGTH.address };
    if (isStable(attributes)) return { clientId: subject, strength: STRENGTH.key };
    return { clientId: anchor.shared && known === anchorId ? subject : known, strength: STRENGTH.token };
  }

  /** Puts back a link that was kept on disk. */
  restore(change: LinkChange): void {
    if (change[0] === 'anchor') this.#anchors.set(change[1], { ...change[2] });
    else this.#subjects.set(change[1], change[2]);
  }

  #verified(call: ClientAttributes): Identity | null {
    if (call.clientCertificate)
      return { clientId: this.#hash('certificate', call, call.clientCertificate), strength: STRENGTH.certificate };
    if (call.identityVerified && call.subject)
      return { clientId: this.#hash('subject', call, call.subject), strength: STRENGTH.verified };
    return null;
  }

  #anchorId(call: ClientAttributes): string {
    const fingerprint = call.ja4 ? fingerprintOf(call.ja4) : softwareOf(call.userAgent).name;
    return this.#hash('address', call, `${call.clientIp}|${fingerprint}`);
  }

  /** A new token: the next one of the client that holds the address, unless that is shared. */
  #welcome(anchor: Anchor, anchorId: string, subject: string, time: number): string {
    const clientId = anchor.shared ? subject : anchor.clientId;
    this.#link(subject, clientId);
    this.#hold(anchor, anchorId, { subject, clientId, stable: anchor.stable }, time);
    return clientId;
  }

  /** A known token: taking turns with another one shows that the address is shared. */
  #meet(anchor: Anchor, anchorId: string, subject: string, clientId: string, time: number): string {
    if (anchor.subject === subject) return clientId;
    if (anchor.subject === null && !anchor.shared) {
      this.#hold(anchor, anchorId, { subject, clientId, stable: anchor.stable }, time);
      return clientId;
    }
    if (anchor.previous === subject && time - anchor.since < OVERLAP_MS) return clientId;
    if (!anchor.shared) this.#share(anchor, anchorId, clientId);
    // What all of a shared address do together is no one's own.
    return clientId === anchorId ? this.#stand(subject) : clientId;
  }

  /** A stable key is its own client; it holds an address that nobody holds, and shares one that another key holds. */
  #meetKey(anchor: Anchor, anchorId: string, subject: string, time: number): string {
    if (this.#subjects.get(subject) !== subject) this.#link(subject, subject);
    if (anchor.shared || anchor.clientId === subject) return subject;
    if (anchor.subject === null) this.#hold(anchor, anchorId, { subject, clientId: subject, stable: true }, time);
    else if (anchor.clientId !== anchorId) this.#share(anchor, anchorId, subject);
    return subject;
  }

  /** Those that were taken for followers of `clientId`, or for the address itself, stand for themselves from now on. */
  #share(anchor: Anchor, anchorId: string, clientId: string): void {
    for (const other of [anchor.subject, anchor.previous]) {
      const linked = other === null ? undefined : this.#subjects.peek(other);
      if (linked === anchorId || linked === clientId) this.#stand(other!);
    }
    this.#keep(anchorId, { ...freshAnchor(anchorId), shared: true });
  }

  #hold(anchor: Anchor, anchorId: string, holder: Pick<Anchor, 'subject' | 'clientId' | 'stable'>, time: number): void {
    if (!anchor.shared) this.#keep(anchorId, { ...holder, previous: anchor.subject, since: time, shared: false });
  }

  #keep(anchorId: string, anchor: Anchor): void {
    this.#anchors.set(anchorId, anchor);
    this.#onLink(['anchor', anchorId, anchor]);
  }

  #stand(subject: string): string {
    if (this.#subjects.peek(subject) !== subject) this.#link(subject, subject);
    return subject;
  }

  #link(subject: string, clientId: string): void {
    this.#subjects.set(subject, clientId);
    this.#onLink(['subject', subject, clientId]);
  }

  #hash(kind: Kind, { tenant }: ClientAttributes, value: string): string {
    const memo = this.#hashes[tenant === null ? kind : 'tenant'];
    // The length keeps a tenant's end apart from a value's beginning.
    const text = tenant === null ? value : `${kind}|${tenant.length}|${tenant}${value}`;
    const known = memo.get(text);
    if (known !== undefined) return known;
    const salted = tenant === null ? `${kind}||${value}` : text;
    const made = this.#hmac(salted);
    if (text.length <= MAX_CACHED_CHARS) memo.set(text, made);
    return made;
  }
}

function freshAnchor(anchorId: string): Anchor {
  return { clientId: anchorId, subject: null, previous: null, since: 0, shared: false, stable: false };
}

function ownerOf(anchor: Anchor, anchorId: string): string {
  return anchor.shared || anchor.stable ? anchorId : anchor.clientId;
}

/** Where the gateway tells no status, a credential is taken for accepted. */
function isAccepted({ status }: ApiCall): boolean {
  return status === null || status < 400;
}

/** Whether a refused call only claims to come from a known client: its subject is no secret, and it is not at home here. */
function isForeign(
  { status, authScheme, identityVerified }: ApiCall,
  anchor: Anchor,
  subject: string,
  clientId: string,
): boolean {
  if (status !== 401) return false;
  const isClaim = identityVerified === false || (authScheme !== null && NAMING_SCHEMES.has(authScheme.toLowerCase()));
  return isClaim && anchor.clientId !== clientId && anchor.subject !== subject && anchor.previous !== subject;
}

function isStable({ authScheme }: ClientAttributes): boolean {
  return authScheme !== null && STABLE_SCHEMES.has(authScheme.toLowerCase());
}

/**
 * HMAC-SHA-256 (RFC 2104) by two hashes in one go each: Node's own makes an object outside of the heap for each, which takes three
 * times as long, and longer to collect.
 */
function hmacBy(key: string): (text: string) => string {
  const bytes = Buffer.byteLength(key) > BLOCK_BYTES ? hash('sha256', key, 'buffer') : Buffer.from(key);
  const inner = Buffer.alloc(BLOCK_BYTES, 0x36);
  const outer = Buffer.alloc(BLOCK_BYTES, 0x5c);
  for (const [i, byte] of bytes.entries()) {
    inner[i]! ^= byte;
    outer[i]! ^= byte;
  }
  return (text) => {
    const message = hash('sha256', Buffer.concat([inner, Buffer.from(text)]), 'buffer');
    // Not a slice of a longer text, which it would keep in memory.
    return hash('sha256', Buffer.concat([outer, message]), 'buffer').toString('hex', 0, HASH_BYTES);
  };
}
