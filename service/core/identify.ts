/**
 * Who is calling: the strongest of verified identity › accepted API key or token › address and fingerprint.
 *
 * Three rules keep good clients whole and attackers in one piece:
 * - A credential counts once the API has accepted it (any answer but 401). Guessed tokens therefore all stay with the
 *   address that guesses them, while a known token that expires stays with its client.
 * - A subject that rotates (an opaque token changes at each login) is linked to the client that held the address and
 *   fingerprint before, as long as one subject follows another there. Once two interleave, the address is shared (NAT)
 *   and each subject stands for itself.
 * - The fingerprint is TLS where the gateway tells it, else the software that the user agent names, all browsers being
 *   one: a client that draws a new user agent for each call remains one client.
 */
import { createHmac } from 'node:crypto';
import type { ApiCall } from './contracts.ts';
import { softwareOf } from './software.ts';

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
  clientId: string;
  subject: string | null;
  /** When `subject` took over, event time in ms. */
  since: number;
  shared: boolean;
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
/** After a token is renewed, calls under way may still carry the old one for so long. */
const OVERLAP_MS = 60_000;

/** A map that forgets its oldest entry at its limit. */
class BoundedMap<V> extends Map<string, V> {
  readonly limit: number;
  constructor(limit: number) {
    super();
    this.limit = limit;
  }
  override set(key: string, value: V): this {
    if (this.size >= this.limit && !this.has(key)) this.delete(this.keys().next().value!);
    return super.set(key, value);
  }
}

export class Identifier {
  readonly #key: string;
  readonly #hashes: BoundedMap<string>;
  readonly #subjects: BoundedMap<string>;
  readonly #anchors: BoundedMap<Anchor>;
  readonly #onLink: (change: LinkChange) => void;

  constructor({ key, maxLinks = 200_000, onLink = () => {} }: IdentifierOptions) {
    this.#key = key;
    this.#hashes = new BoundedMap(maxLinks);
    this.#subjects = new BoundedMap(maxLinks);
    this.#anchors = new BoundedMap(maxLinks);
    this.#onLink = onLink;
  }

  /** Identifies the client of an observed call and learns its links. */
  identify(call: ApiCall): Identity {
    const fixed = this.#verified(call);
    if (fixed) return fixed;
    const anchorId = this.#anchorId(call);
    const anchor = this.#anchors.get(anchorId) ?? { clientId: anchorId, subject: null, since: 0, shared: false };
    if (call.subject === null) return { clientId: ownerOf(anchor, anchorId), strength: STRENGTH.address };
    const subject = this.#hash('subject', call, call.subject);
    const stable = isStable(call);
    const strength = stable ? STRENGTH.key : STRENGTH.token;
    const known = this.#subjects.get(subject);
    if (known !== undefined) return { clientId: this.#meet(anchor, anchorId, subject, known, call.time), strength };
    if (call.status === 401) return { clientId: ownerOf(anchor, anchorId), strength: STRENGTH.address };
    const clientId = stable || anchor.shared ? subject : anchor.clientId;
    this.#link(subject, clientId);
    this.#hold(anchor, anchorId, subject, clientId, call.time);
    return { clientId, strength };
  }

  /** The clientId under which a caller with these attributes is known now; learns nothing. */
  find(attributes: ClientAttributes): string {
    const fixed = this.#verified(attributes);
    if (fixed) return fixed.clientId;
    const anchorId = this.#anchorId(attributes);
    const known = attributes.subject && this.#subjects.get(this.#hash('subject', attributes, attributes.subject));
    const anchor = this.#anchors.get(anchorId);
    return known || (anchor ? ownerOf(anchor, anchorId) : anchorId);
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
    const fingerprint = call.ja4 ?? call.ja3 ?? softwareOf(call.userAgent).name;
    return this.#hash('address', call, `${call.clientIp}|${fingerprint}`);
  }

  /** A known subject at an anchor: taking turns with another one there shows that the address is shared. */
  #meet(anchor: Anchor, anchorId: string, subject: string, clientId: string, time: number): string {
    if (anchor.subject === subject || anchor.shared) return clientId;
    const isLeftover = anchor.subject !== null && time - anchor.since < OVERLAP_MS;
    if (anchor.subject === null) this.#hold(anchor, anchorId, subject, clientId, time);
    if (anchor.subject === null || anchor.subject === subject || isLeftover) return clientId;
    const linked = clientId === anchor.clientId && clientId !== subject;
    this.#share(anchor, anchorId);
    if (!linked) return clientId;
    this.#link(subject, subject);
    return subject;
  }

  #share(anchor: Anchor, anchorId: string): void {
    if (anchor.subject !== null && anchor.clientId !== anchor.subject) this.#link(anchor.subject, anchor.subject);
    Object.assign(anchor, { clientId: anchorId, shared: true });
    this.#anchors.set(anchorId, anchor);
    this.#onLink(['anchor', anchorId, anchor]);
  }

  #hold(anchor: Anchor, anchorId: string, subject: string, clientId: string, time: number): void {
    if (!anchor.shared) Object.assign(anchor, { clientId, subject, since: time });
    this.#anchors.set(anchorId, anchor);
    this.#onLink(['anchor', anchorId, anchor]);
  }

  #link(subject: string, clientId: string): void {
    this.#subjects.set(subject, clientId);
    this.#onLink(['subject', subject, clientId]);
  }

  #hash(kind: string, { tenant }: ClientAttributes, value: string): string {
    const text = `${kind}|${tenant ?? ''}|${value}`;
    const known = this.#hashes.get(text);
    if (known !== undefined) return known;
    const hash = createHmac('sha256', this.#key).update(text).digest('hex').slice(0, 32);
    this.#hashes.set(text, hash);
    return hash;
  }
}

function ownerOf(anchor: Anchor, anchorId: string): string {
  return anchor.shared ? anchorId : anchor.clientId;
}

function isStable({ authScheme }: ClientAttributes): boolean {
  return authScheme !== null && STABLE_SCHEMES.has(authScheme.toLowerCase());
}
