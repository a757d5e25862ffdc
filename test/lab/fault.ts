import type { OwnAccount } from './accounts.ts';
import type { ApiProxy } from './api-proxy.ts';
import type { JudgeReport } from './judge.ts';
import type { Lab } from './lab.ts';
import type { Limits } from './limits.ts';
import type { Protection, RunningLab } from './running-lab.ts';
import type { Node } from './types.ts';
import type { WallClocks } from './wall-clock.ts';

/** A line of the fault catalogue: what is done to the owner of a VIP, and what may come of it. */
export interface FaultCase {
  readonly name: string;
  /** Its number in docs/faults-catalogue.md, 0 if it has none; several cases may be variants of one. */
  readonly number: number;
  readonly what: string;
  /** What cannot be done here as the catalogue says it, and what stands in for it. */
  readonly standsIn?: string;
  /** Why Leasehold does not keep these bounds yet; `scripts/test` leaves the case out. */
  readonly notMet?: string;
  /** What it needs that not every clone of the repository has; `scripts/test` leaves it out. */
  readonly needs?: string;
  /** How long the fault is watched after it was made, before it is ended. */
  readonly watchMs: number;
  /** The same in the long series, where it differs. */
  readonly longWatchMs?: number;
  readonly accept: Readonly<Record<Protection, Acceptance>>;
  /** Makes the fault; what it returns ends it. */
  make(scene: Scene): Promise<Made>;
}

/** Upper bounds; what is not given is not judged. Doubled and stale answers are always bound to be 0. */
export interface Acceptance {
  /** Longest time that the VIP goes unanswered. */
  readonly unansweredMs?: number;
  /** The same for the VIPs that the victim did not own. */
  readonly othersUnansweredMs?: number;
  /** How long after the fault was ended some VIP is still unanswered. */
  readonly backMs?: number;
  /** Changes of the owner of the VIP, and of all the others together. */
  readonly moves?: number;
  readonly otherMoves?: number;
  /** UDP datagrams lost, one sent every 10 ms by a client with a warm cache. */
  readonly udpLost?: number;
}

/** Bounds up to here are those of VIPs that nobody has to take over by a timer. */
const UNTOUCHED_MS = 150;

/** Where a fault is made. */
export interface Scene {
  readonly running: RunningLab;
  readonly lab: Lab;
  readonly tools: FaultTools;
  /** The VIP that is watched most closely, and the node that owns it when the fault is made. */
  readonly vip: string;
  /** Name of its Service. */
  readonly service: string;
  readonly owner: Node;
  /** All that are judged, `vip` first. */
  readonly vips: readonly string[];
  /** Those that another node owned then: nothing should happen to them. */
  readonly bystanders: readonly string[];
  readonly length: Length;
}

/** What some cases need and not every lab has. */
export interface FaultTools {
  /** A ServiceAccount of its own for the agent of each node, by its name. */
  readonly accounts?: ReadonlyMap<string, OwnAccount>;
  /** The agents reach the API server through it. */
  readonly proxy?: ApiProxy;
  /** The agents' wall clocks. */
  readonly clocks?: WallClocks;
  /** A control group for the agent and the wires of each node, by its name. */
  readonly limits?: ReadonlyMap<string, Limits>;
  /** Path of the previous version's `bin/leasehold`. */
  readonly previous?: string;
}

/** A tool that the case cannot do without; throws if this lab has none. */
export function tool<K extends keyof FaultTools>(
  { tools }: Scene,
  name: K,
): NonNullable<FaultTools[K]> {
  const found = tools[name];
  if (found === undefined) throw new RangeError(`this lab has no ${name}`);
  return found;
}

/** The tests make each fault once and short; the long series takes its time. */
export type Length = 'short' | 'long';

/** A fault that has been made. */
export interface Made {
  /** The owner stands still until `end`: if another took over, it must not say a word after. */
  readonly isStopped?: true;
  /** Ends it while judge and probes still watch. */
  readonly end?: () => Promise<void>;
  /** Called after the watch: makes everything ready for the next case. */
  readonly restore?: () => Promise<void>;
  /** What is wrong beyond the figures, a sentence each. Called after the watch, before `restore`. */
  readonly check?: (facts: Facts) => Promise<readonly string[]> | readonly string[];
  /** Figures that only this case has, by what they say. Called after the watch, before `restore`. */
  readonly more?: (facts: Facts) => Readonly<Record<string, number>>;
}

export interface Facts {
  readonly scene: Scene;
  readonly report: JudgeReport;
  /** Milliseconds since 1970. */
  readonly madeAt: number;
  readonly endedAt: number;
  readonly successor: string | undefined;
}

/** What one run of a fault showed. */
export interface FaultResult {
  readonly case: string;
  readonly number: number;
  readonly protection: Protection;
  readonly nodes: number;
  readonly length: Length;
  /** How long the fault was watched, ms. */
  readonly watchMs: number;
  /** When the run began, in RFC 3339. */
  readonly at: string;
  /** The machine's load average at its end. */
  readonly load: number;
  readonly owner: string;
  readonly successor: string | undefined;
  /** Longest time that a client's ARP requests went unanswered, ms. */
  readonly longestUnansweredMs: number;
  readonly othersUnansweredMs: number;
  readonly backMs: number;
  readonly moves: number;
  readonly otherMoves: number;
  /** Requests that two MACs answered, of all VIPs. */
  readonly doubled: number;
  /** Answers and announcements of the faulty owner after it was woken. */
  readonly stale: number;
  readonly udpSent: number;
  readonly udpLost: number;
  /** What is wrong beyond the figures. */
  readonly wrong: readonly string[];
  /** Why the run proves less than it should, if it does: lost frames, stalls of the probes. */
  readonly complaints: readonly string[];
  /** Figures that only this case has, by what they say. */
  readonly more: Readonly<Record<string, number>>;
  /** Who had the VIP when, and what the agents said of it, for people. */
  readonly timeline: readonly string[];
}

/** A line for people: number in the catalogue, name, and what is done. */
export function titleOf({ number, name, what }: FaultCase): string {
  return `${number === 0 ? '' : `${number} `}${name}: ${what}`;
}

/** How long the case is watched if nobody says otherwise, ms. */
export function watchOf({ watchMs, longWatchMs = watchMs }: FaultCase, length: Length): number {
  return length === 'long' ? longWatchMs : watchMs;
}

/** Whether `scripts/test` makes the case. */
export function isTested({ notMet, needs }: FaultCase): boolean {
  return notMet === undefined && needs === undefined;
}

/** The bounds for machines that are slow or busy: more time, and nothing else. */
export function generous(bounds: Acceptance): Acceptance {
  const { unansweredMs, othersUnansweredMs, backMs } = bounds;
  return {
    ...bounds,
    ...(unansweredMs !== undefined && { unansweredMs: moreTime(unansweredMs) }),
    ...(othersUnansweredMs !== undefined && { othersUnansweredMs: moreTime(othersUnansweredMs) }),
    ...(backMs !== undefined && { backMs: moreTime(backMs) }),
  };
}

/**
 * Without a takeover nobody has to notice anything, and no process has to start. Whether a VIP moved that
 * was not to is told by the moves, not by the time.
 */
function moreTime(ms: number): number {
  return Math.max(3 * ms, ms <= UNTOUCHED_MS ? 1500 : 3000);
}

/** The breaches that no machine is slow or busy enough to excuse. */
export function unsafe({ doubled, stale }: FaultResult): string[] {
  const found: string[] = [];
  if (doubled !== 0) found.push(`${doubled} requests were answered by two MACs`);
  if (stale !== 0) found.push(`${stale} answers by a node that had been stopped`);
  return found;
}

/** A sentence for each bound that the result is beyond. */
export function breaches(result: FaultResult, bounds: Acceptance): string[] {
  const found = [...unsafe(result), ...result.wrong];
  const compare = (value: number, bound: number | undefined, what: string) => {
    // A figure that could not be measured is none that holds.
    if (bound !== undefined && !(value <= bound))
      found.push(`${what}: ${Math.round(value)}, over ${bound}`);
  };
  compare(result.longestUnansweredMs, bounds.unansweredMs, 'ms unanswered');
  compare(result.othersUnansweredMs, bounds.othersUnansweredMs, 'ms unanswered, other VIPs');
  compare(result.backMs, bounds.backMs, 'ms unanswered after the end of the fault');
  compare(result.moves, bounds.moves, 'moves');
  compare(result.otherMoves, bounds.otherMoves, 'moves of other VIPs');
  compare(result.udpLost, bounds.udpLost, 'UDP datagrams lost');
  return found;
}
