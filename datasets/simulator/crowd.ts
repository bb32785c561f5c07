/**
 * Crowds: many good clients of one program in one deployment, hundreds of phones with the same app, or unrelated partners
 * with the same popular library. They share a fingerprint with each other, and now and then with an attacker.
 */
import type { Kind } from './actor.ts';
import type { Span } from './deployment.ts';
import type { Fitted } from './fitted.ts';
import { GOOD_KINDS } from './good-kinds.ts';
import type { Random } from './random.ts';
import { createVoice, imitate, type Voice } from './software.ts';
import type { StackName } from './stacks.ts';

export interface Crowd {
  /** An app that people log in with; else a library. */
  readonly isApp: boolean;
  readonly tool: StackName;
  /** Releases of it. */
  readonly voices: readonly Voice[];
  /** Part of the deployment's good clients that belong to it. */
  readonly share: number;
  /** What its clients do, and how often. */
  readonly kinds: Readonly<Record<string, number>>;
  /** When many of them start: nine o'clock, or a message to all phones. */
  readonly rush: { readonly atMs: number; readonly spreadMs: number } | null;
}

const APPS: readonly StackName[] = [
  'okhttp',
  'okhttp',
  'okhttp',
  'cfnetwork',
  'cfnetwork',
  'dart',
  'reqwest',
  'chrome',
  'safari',
];
const POPULAR: readonly StackName[] = ['python-requests', 'python-requests', 'axios', 'go', 'okhttp', 'java-http', 'curl'];
const APP_KINDS = {
  'app-user': 9,
  'mobile-app': 2,
  'mistyping-user': 1,
  shopper: 1,
  newcomer: 0.4,
  'retry-storm': 0.5,
  'token-loop': 0.3,
  uploader: 0.2,
  'search-user': 0.3,
  'graphql-client': 0.2,
  'drop-fan': 0.3,
  'outdated-client': 0.4,
};

/** Null for six deployments in ten. */
export function drawCrowd(random: Random, time: Span, fitted: Fitted): Crowd | null {
  const what = random.weighted({ none: 6, app: 3, library: 1 });
  if (what === 'none') return null;
  const isApp = what === 'app';
  const tool = random.pick(isApp ? APPS : POPULAR);
  const releases = random.pick(isApp ? [1, 1, 1, 2, 3] : [1, 2, 4]);
  const voices = Array.from({ length: releases }, () =>
    createVoice(random, tool, isApp && random.chance(0.6) ? 'own-name' : 'none', fitted),
  );
  return {
    isApp,
    tool,
    voices,
    share: random.real(0.5, 0.98),
    kinds: isApp ? APP_KINDS : kindsWith(tool),
    rush: random.chance(0.4) ? drawRush(random, time) : null,
  };
}

function kindsWith(tool: StackName): Record<string, number> {
  const uses = ([, kind]: [string, Kind]) => kind.software.includes(tool) && kind.onApi > 0 && !kind.addresses;
  return Object.fromEntries(
    Object.entries(GOOD_KINDS)
      .filter(uses)
      .map(([name, { onApi }]) => [name, onApi]),
  );
}

function drawRush(random: Random, { startsAt, windowMs, quicker }: Span): Crowd['rush'] {
  return { atMs: startsAt + Math.round(windowMs * random.real(0.05, 0.6)), spreadMs: random.log(20_000, 900_000) / quicker };
}

/** When a client of the crowd starts, within the deployment's window. */
export function startInCrowd(random: Random, { startsAt, windowMs }: Span, { rush }: Crowd): number {
  if (!rush || !random.chance(0.8)) return Math.floor(startsAt + random.real(0, windowMs * 0.9));
  const after = -rush.spreadMs * Math.log(1 - random.real());
  return Math.floor(Math.min(rush.atMs + after, startsAt + windowMs * 0.95));
}

/** An attacker with the crowd's voice: the same program, or another one that imitates it more or less. */
export function imitateCrowd(random: Random, { tool, voices }: Crowd, own: StackName): Voice {
  const model = random.pick(voices);
  const likeness = random.weighted({ all: 4, headers: 3, agent: 2 });
  return imitate(random, model, likeness === 'all' && random.chance(0.7) ? tool : own, likeness);
}
