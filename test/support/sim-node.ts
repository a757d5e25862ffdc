import type { Demand } from '../../src/election/eligible.ts';
import { type Instant, instant } from '../../src/instant.ts';
import type { IncarnationId, MacText, PublishedLink, Vip } from '../../src/model.ts';
import type { SimAgent } from './sim-agent.ts';
import type { SimWire } from './sim-wire.ts';

export const SIM_LINK = 'data0';

/** Every host has one link to the segment. */
export function simLinks(node: string): readonly PublishedLink[] {
  return [{ name: SIM_LINK, mac: simMac(node), subnets: ['192.0.2.0/24'], addresses: [] }];
}

export function simMac(node: string): MacText {
  return `02:00:00:00:00:${node.slice(1).padStart(2, '0')}`;
}

/**
 * One simulated host, its clock and its way to the API server. All times are true ones, in
 * milliseconds; what runs on the host sees them through `localTime` only.
 */
export interface SimNode {
  readonly name: string;
  /** Name of the node that its agent runs for: another one's, if somebody has made a mistake. */
  readonly as: string;
  /** Local milliseconds per true one: A1 allows an error of 1 % between any two. */
  readonly rate: number;
  /** Local time at true time 0. */
  offset: number;
  /** Counted up when the host starts anew. */
  boot: number;
  /** Until then nothing runs: SIGSTOP to agent and wire, or the freeze of a virtual machine. */
  stoppedUntil: number;
  /** Until then the agent alone is stopped; its wire goes on. */
  agentStoppedUntil: number;
  /** Until then neither request nor answer nor event gets through. */
  apiCutUntil: number;
  /** Until then requests get through, but no answer and no event. */
  deafUntil: number;
  watchLostUntil: number;
  watchLagMs: number;
  /** Until then what the agent sends its wire takes up to 190 ms. */
  wireSlowUntil: number;
  /** The host is off: not even its kernel answers. */
  isDown: boolean;
  /** When a freeze ended that stopped the clock too, of which the host so knows nothing. */
  thawedAt: number;
  links: readonly PublishedLink[];
  demand: Demand;
  /** Which version of the program runs there: its Leases are written as that one writes them. */
  version: SimVersion;
  /** It has left the cluster for good: no agent is started there any more. */
  isGone: boolean;
  agent: SimAgent | undefined;
  /** Wires whose agent has died, until they notice. */
  ghosts: readonly Ghost[];
}

export type SimVersion = 'ours' | 'newer' | 'older';

interface Ghost {
  readonly wire: SimWire;
  readonly until: number;
}

/** VIPs that one incarnation of a host answers for. */
export interface Answering {
  readonly id: IncarnationId;
  /** Beyond its lease. */
  readonly held: boolean;
  readonly vips: readonly Vip[];
}

/** What the clock of the host shows at the true time `now`. */
export function localTime(node: SimNode, now: number): Instant {
  return instant(now * node.rate + node.offset);
}

/** How long the host takes for `ms` of its own milliseconds. */
export function trueSpan(node: SimNode, ms: number): number {
  return ms / node.rate;
}

/** The true time at which the clock of the host shows `local`. */
export function trueTime(node: SimNode, local: number): number {
  return (local - node.offset) / node.rate;
}

/** The VIPs for which a frame of this host could be leaving at the true time `now`. */
export function answeredBy(node: SimNode, now: number): readonly Vip[] {
  const all = answering(node, now);
  return all.length === 1 && all[0] !== undefined ? all[0].vips : all.flatMap(({ vips }) => vips);
}

/** Whether a wire of this host lets an answer pass at this very moment. */
export function answersNow(node: SimNode, vip: Vip, now: number): boolean {
  if (now < node.stoppedUntil) return false;
  const local = localTime(node, now);
  const ghosts = node.ghosts.filter(({ until }) => now < until);
  return [...(node.agent === undefined ? [] : [node.agent]), ...ghosts].some(({ wire }) =>
    wire.answersNow(vip, local),
  );
}

/** The same by the incarnation in whose name it would leave: a wire may outlive its agent for a while. */
export function answering(node: SimNode, now: number): readonly Answering[] {
  if (now < node.stoppedUntil || (node.agent === undefined && node.ghosts.length === 0)) return [];
  const local = localTime(node, now);
  const found: Answering[] = [];
  const look = ({ wire }: { readonly wire: SimWire }) => {
    const vips = wire.answered(local);
    if (vips.length > 0) found.push({ id: wire.tableOf, held: wire.isHeld(), vips });
  };
  if (node.agent !== undefined) look(node.agent);
  for (const ghost of node.ghosts) if (now < ghost.until) look(ghost);
  return found;
}
