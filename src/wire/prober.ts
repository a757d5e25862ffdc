import { add, type Instant } from '../instant.ts';
import type { MacText, ProbeAnswer, Vip } from '../model.ts';
import type { Probe, Probed } from './messages.ts';

/** RFC 5227 1.1 says 3 as well, but a second or more between them: nobody here has that time. */
const ROUNDS = 3;
const ROUND_MS = 100;
/** Per link, as for announcements: more would look like a storm to a switch. */
const FRAMES_PER_MS = 2;
/** What had come in by the end may still be in the socket. */
const CATCH_UP_MS = 20;
/** Probes under way; the agent has one at a time, and an older one has been given up by it. */
const MAX_RUNS = 4;
/** Two for each of the VIPs that fit into a claims lease. */
const MAX_ANSWERS = 8192;

/** The probes under way on one link. Changed only by the functions of this file. */
export interface Prober {
  readonly runs: Run[];
}

interface Run {
  readonly token: number;
  readonly vips: readonly Vip[];
  readonly asked: ReadonlySet<Vip>;
  /** Each once: `<VIP> <MAC>`. */
  readonly answers: Map<string, ProbeAnswer>;
  /** Probes sent, over all rounds. */
  sent: number;
  /** The present round began then. */
  roundAt: Instant;
  sentAt: Instant;
  /** The end was reached, and is looked at a second time. */
  overAt: Instant | undefined;
}

/** A prober that asks for nothing. */
export function idleProber(): Prober {
  return { runs: [] };
}

/** Begins to ask for these VIPs. */
export function startProbe(prober: Prober, { token, vips }: Probe, now: Instant): void {
  const run = { token, vips, asked: new Set(vips), answers: new Map<string, ProbeAnswer>() };
  prober.runs.push({ ...run, sent: 0, roundAt: now, sentAt: now, overAt: undefined });
  if (prober.runs.length > MAX_RUNS) prober.runs.shift();
}

/** The VIPs to ask for now, which count as asked for. */
export function takeProbes({ runs }: Prober, now: Instant): Vip[] {
  const due: Vip[] = [];
  for (const run of runs) {
    const count = run.vips.length;
    while (run.sent < ROUNDS * count && now >= dueAt(run)) {
      // Counted from what was sent: a wire that stood still makes up for nothing.
      if (run.sent % count === 0) run.roundAt = now;
      due.push(...run.vips.slice(run.sent % count, (run.sent % count) + 1));
      run.sent += 1;
      run.sentAt = now;
    }
  }
  return due;
}

/** Somebody has told on the link that the VIP is at `mac`. */
export function answerHeard({ runs }: Prober, vip: Vip, mac: MacText): void {
  for (const { asked, answers } of runs) {
    if (asked.has(vip) && answers.size < MAX_ANSWERS) answers.set(`${vip} ${mac}`, { vip, mac });
  }
}

/** A probe could not be sent: what is under way proves nothing, and nothing will be told of it. */
export function giveUp({ runs }: Prober): void {
  runs.length = 0;
}

/** What has come to its end. */
export function takeResults(prober: Prober, now: Instant): Probed[] {
  const over: Probed[] = [];
  for (const run of [...prober.runs]) {
    if (run.overAt === undefined && isAsked(run) && now >= endAt(run)) run.overAt = now;
    if (run.overAt === undefined || now < lookedAt(run, run.overAt)) continue;
    prober.runs.splice(prober.runs.indexOf(run), 1);
    over.push({ kind: 'probed', token: run.token, answers: [...run.answers.values()] });
  }
  return over;
}

/** When to look again; undefined while nothing is asked for. */
export function probeWakeAt({ runs }: Prober): Instant | undefined {
  const times = runs.map((run) => {
    if (run.overAt !== undefined) return lookedAt(run, run.overAt);
    return isAsked(run) ? endAt(run) : dueAt(run);
  });
  return times.length === 0 ? undefined : (Math.min(...times) as Instant);
}

function isAsked({ sent, vips }: Run): boolean {
  return sent >= ROUNDS * vips.length;
}

function dueAt({ sent, vips, roundAt }: Run): Instant {
  const inRound = sent % vips.length;
  if (sent === 0) return roundAt;
  if (inRound > 0) return add(roundAt, inRound / FRAMES_PER_MS);
  return add(roundAt, Math.max(ROUND_MS, vips.length / FRAMES_PER_MS));
}

/** The last that was asked for has the time of a round to answer; nobody needs it to be asked for nothing. */
function endAt({ sentAt, vips }: Run): Instant {
  return vips.length === 0 ? sentAt : add(sentAt, ROUND_MS);
}

function lookedAt({ vips }: Run, overAt: Instant): Instant {
  return vips.length === 0 ? overAt : add(overAt, CATCH_UP_MS);
}
