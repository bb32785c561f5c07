/** One deployment: its API, its gateway, its time, and the crowd that uses it. */
import { type Api, createApi } from './api.ts';
import { type Crowd, drawCrowd } from './crowd.ts';
import type { Fitted } from './fitted.ts';
import type { Random } from './random.ts';
import { createServer, type LoginFailure, type Server } from './server.ts';
import { createView, type View, type ViewName } from './view.ts';

export interface Deployment {
  readonly name: string;
  readonly api: Api;
  readonly view: View;
  readonly server: Server;
  readonly random: Random;
  readonly fitted: Fitted;
  readonly hasTls: boolean;
  readonly offersHttp2: boolean;
  readonly idleLimitMs: number;
  readonly headerBytes: number;
  readonly time: Span;
  /** Many good clients of one program; null where everyone has their own. */
  readonly crowd: Crowd | null;
  /** Where everyone has a program in the same one or two builds, good or bad, a number to draw them by; else null. */
  readonly builds: number | null;
  connections: number;
}

/** When a deployment is watched. Half of them are short and quick, as a captured range is; the others last hours. */
export interface Span {
  readonly startsAt: number;
  /** Clients start within. */
  readonly windowMs: number;
  /** Nobody calls later. */
  readonly endsAt: number;
  /** How much quicker clients are than in life, from 1. */
  readonly quicker: number;
}

export interface DeploymentSetting {
  readonly name: string;
  readonly startsAt: number;
  readonly view: ViewName | undefined;
  readonly fitted: Fitted;
}

export function createDeployment(random: Random, { name, startsAt, view, fitted }: DeploymentSetting): Deployment {
  const isSite = random.chance(0.22);
  const time = drawSpan(random, startsAt);
  const api = createApi(random, isSite, { quicker: time.quicker, fitted });
  const crowd = isSite ? null : drawCrowd(random, time, fitted);
  return {
    name,
    api,
    view: createView(random, isSite, view),
    server: createServer(api, random.fork(), crowd?.isApp ? drawLoginFailure(random, time, crowd) : null),
    random,
    fitted,
    hasTls: random.chance(0.8),
    offersHttp2: random.chance(isSite ? 0.35 : 0.6),
    idleLimitMs: random.log(4000, 120_000),
    headerBytes: random.int(140, 420),
    time,
    crowd,
    builds: random.chance(0.5) ? random.int(1, 1e9) : null,
    connections: random.int(1, 1e6),
  };
}

function drawSpan(random: Random, startsAt: number): Span {
  const isShort = random.chance(0.5);
  const windowMs = Math.round(isShort ? random.real(5, 15) * 60_000 : random.log(20, 300) * 60_000);
  const endsAt = isShort ? startsAt + windowMs : Number.POSITIVE_INFINITY;
  return { startsAt, windowMs, endsAt, quicker: isShort ? random.log(1, 10) : 1 };
}

/** A release with a fault, or a user store that is away: for a minute nobody comes in, good or bad. */
function drawLoginFailure(random: Random, { startsAt, windowMs, quicker }: Span, { rush }: Crowd): LoginFailure | null {
  if (!random.chance(0.35)) return null;
  const fromMs = rush && random.chance(0.6) ? rush.atMs : startsAt + random.real(0.05, 0.8) * windowMs;
  const lastsMs = random.log(30_000, 240_000) / Math.min(quicker, 3);
  return { fromMs, untilMs: fromMs + lastsMs, status: random.pick([500, 503, 502, 401, 400, 403]) };
}
