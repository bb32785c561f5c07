/** How fast a client calls and how evenly, in bursts and after a no. */
import { isFailure } from './asked.ts';
import { C, type ClientRecord, F, T } from './client-record.ts';
import type { ApiCall } from './contracts.ts';
import { addMoment, addRecent, RECENT_CALLS } from './stats.ts';

/** Upper limits of the gap bins, in ms: bursts, machine pace, hands, patience, polling, long waits. */
const GAP_BINS_MS = [100, 1000, 5000, 30_000, 300_000];

/** A call after a pause begins something; a scheduler begins it on the minute. */
const PAUSE_MS = 30_000;
const ON_MINUTE_MS = 2000;
/** A longer gap ends a burst. */
const BURST_GAP_MS = 2000;
/** Gaps are remembered as logarithms in these steps; 24 hours are 63,900 of them. */
const GAP_STEPS = 4000;
const LAST_GAPS = 4;
/** Within so much, as logarithms, a gap equals the one before, and equals another one of the last few. */
const STEADY_STEPS = 0.1 * GAP_STEPS;
const KNOWN_STEPS = 0.03 * GAP_STEPS;

/** @param gapMs since the call before, negative where there is none */
export function observePace(record: ClientRecord, call: ApiCall, gapMs: number): void {
  const { f, c } = record;
  if (call.time % 1000 !== 0) c[C.subSecond]! += 1;
  observeBurst(record, call, gapMs);
  if (gapMs < 0) {
    f[F.rate10s] = 0.1;
    f[F.rate300s] = 1 / 300;
    return;
  }
  const log = Math.log1p(gapMs / 10);
  if (c[C.gaps]! > 0) observeWait(record, log - f[F.gap]!);
  compareGap(c, log);
  c[C.gaps]! += 1;
  addMoment(f, F.gap, c[C.gaps]!, log);
  addRecent(f, F.recentGap, c[C.gaps]!, RECENT_CALLS, log);
  let bin = 0;
  while (bin < GAP_BINS_MS.length && gapMs >= GAP_BINS_MS[bin]!) bin++;
  c[C.gapBins + bin]! += 1;
  if (gapMs >= PAUSE_MS && call.time % 60_000 < ON_MINUTE_MS) c[C.onMinute]! += 1;
  // Calls a second, decaying over 10 s and 300 s.
  f[F.rate10s] = f[F.rate10s]! * Math.exp(-gapMs / 10_000) + 0.1;
  f[F.rate300s] = f[F.rate300s]! * Math.exp(-gapMs / 300_000) + 1 / 300;
  f[F.ratePeak10s] = Math.max(f[F.ratePeak10s]!, f[F.rate10s]!);
  f[F.ratePeak300s] = Math.max(f[F.ratePeak300s]!, f[F.rate300s]!);
}

function compareGap(c: Uint16Array, log: number): void {
  const steps = Math.min(0xffff, Math.round(log * GAP_STEPS));
  const gaps = c[C.gaps]!;
  const held = Math.min(gaps, LAST_GAPS);
  if (gaps > 0 && Math.abs(steps - c[C.lastGaps + ((gaps - 1) % LAST_GAPS)]!) < STEADY_STEPS) c[C.gapSteady]! += 1;
  for (let i = 0; i < held; i++)
    if (Math.abs(steps - c[C.lastGaps + i]!) < KNOWN_STEPS) {
      c[C.gapKnown]! += 1;
      break;
    }
  c[C.lastGaps + (gaps % LAST_GAPS)] = steps;
}

function observeBurst({ f, t, c }: ClientRecord, { time }: ApiCall, gapMs: number): void {
  if (gapMs >= 0 && gapMs <= BURST_GAP_MS) return;
  const start = Math.max(0, time - t[T.sessionStart]!) / 1000;
  c[C.bursts]! += 1;
  if (c[C.bursts]! > 1) {
    const period = Math.log1p(100 * Math.max(0, start - f[F.burstStart]!));
    addMoment(f, F.burstPeriod, c[C.bursts]! - 1, period);
  }
  f[F.burstStart] = start;
}

/** One gap says no more than that it is some hundred times as long. */
const MAX_LONGER = 5;

/** @param longer how much longer the gap is than the others, as a logarithm */
function observeWait({ f, c }: ClientRecord, longer: number): void {
  const bounded = Math.max(-MAX_LONGER, Math.min(MAX_LONGER, longer));
  if (isFailure(c[C.prevStatus]!)) {
    c[C.backOffs]! += 1;
    f[F.backOff]! += bounded;
  }
  if (c[C.sinceLimit]! === 0) return;
  c[C.sinceLimit]! -= 1;
  c[C.limitedGaps]! += 1;
  f[F.limitedGap]! += bounded;
}
