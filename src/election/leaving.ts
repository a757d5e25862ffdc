import type { Instant } from '../instant.ts';
import type { NodeName, Vip } from '../model.ts';
import { isReleased } from './barrier.ts';
import { type Candidate, type Demand, ineligible } from './eligible.ts';
import { audible, type WitnessReport } from './hearing.ts';
import { isBarred } from './probing.ts';
import { outranks } from './rank.ts';
import type { ElectionState, Leaving } from './state.ts';
import { standing } from './verdict.ts';
import { claimsStand } from './view.ts';

/** A successor that has not claimed by then is not waited for, where the owner has to go. */
const SUCCESSOR_MS = 2000;
/** A successor that has claimed passes its barrier and says READY; where that is lost, this has to do. */
const READY_MS = 1000;

/** Another node's claim on a VIP. */
export interface Rival {
  readonly node: NodeName;
  /** It is to move: it gives way to any claim that is not. */
  readonly leaving: boolean;
}

/** What becomes of a VIP that this node wants. */
export type Fate =
  | { readonly kind: 'keep' }
  | { readonly kind: 'leave'; readonly leaving: Leaving }
  | { readonly kind: 'lose'; readonly reason: string };

/** What the fate of a VIP depends on, besides the state. */
export interface Surroundings {
  readonly demand: Demand;
  /** This node, if it is a speaker. */
  readonly me: Candidate | undefined;
  readonly speakers: ReadonlyMap<NodeName, Candidate>;
  readonly rivals: ReadonlyMap<Vip, Rival>;
  readonly report: WitnessReport | undefined;
  /** Owned VIPs that a better node should have, with the reason. */
  readonly failbacks: ReadonlyMap<Vip, string>;
}

const KEEP: Fate = { kind: 'keep' };

/** Whether a wanted VIP stays, is to move in order, or is given up now. */
export function fateOf(state: ElectionState, vip: Vip, around: Surroundings, now: Instant): Fate {
  const wanted = around.demand.vips.get(vip);
  if (wanted === undefined) return lose('no Service asks for it any more');
  if (isBarred(state.probes, vip) && !state.active.has(vip)) {
    const other = state.probes.conflicts.get(vip)?.mac ?? 'a host that could not be asked';
    return lose(`${other} may answer for it`);
  }
  const rival = around.rivals.get(vip);
  const leaving = state.leaving.get(vip);
  if (rival !== undefined) {
    // Not committed yet: who stands committed is not driven out by a wish.
    if (!state.claimedAt.has(vip) && !rival.leaving) return lose(`${rival.node} has claimed it`);
    if (leaving !== undefined && !rival.leaving)
      return handOver(state, leaving, rival, around, now);
    const sameMark = (leaving !== undefined) === rival.leaving;
    if (sameMark && outranks(rival.node, state.self.node, wanted.key)) {
      return lose(`${rival.node} claimed it and comes first in rank`);
    }
  }
  const { reason, patience } = whyLeave(state, vip, around);
  if (reason === undefined) return KEEP;
  const since = leaving?.since ?? now;
  const isOver = now - since >= patience;
  if (!hasSuccessor(state, vip, around)) {
    return patience === Number.POSITIVE_INFINITY ? KEEP : lose(reason);
  }
  if (!state.active.has(vip) || isOver) return lose(reason);
  return { kind: 'leave', leaving: { reason, since, claimedSince: undefined } };
}

function lose(reason: string): Fate {
  return { kind: 'lose', reason };
}

/**
 * A successor has claimed. If it can be heard it says when its barrier is done, so that nobody waits for
 * it; until then we answer.
 */
function handOver(
  state: ElectionState,
  leaving: Leaving,
  rival: Rival,
  { report }: Surroundings,
  now: Instant,
): Fate {
  const peer = state.view.get(rival.node);
  const beat = peer && audible(report, rival.node, peer.identity, state.timing);
  const claimedSince = leaving.claimedSince ?? now;
  if (beat === undefined || now - claimedSince >= READY_MS) {
    return lose(`${leaving.reason}; ${rival.node} takes it over`);
  }
  return { kind: 'leave', leaving: { ...leaving, claimedSince } };
}

/** Why an owned VIP is to go, and how long a successor is waited for; for ever, if it need not go. */
function whyLeave(
  state: ElectionState,
  vip: Vip,
  { demand, me, failbacks }: Surroundings,
): { reason: string | undefined; patience: number } {
  if (state.draining) return { reason: 'its owner is leaving', patience: SUCCESSOR_MS };
  if (me === undefined) return { reason: 'its owner stands by', patience: SUCCESSOR_MS };
  const wanted = demand.vips.get(vip);
  const reason = wanted && ineligible(wanted, me, demand);
  // Without a link nothing is answered any more: nobody gains by waiting.
  const patience = reason === 'no link in the subnet of the VIP' ? 0 : SUCCESSOR_MS;
  if (reason !== undefined) return { reason, patience };
  const soft = demand.draining.get(state.self.node) ?? failbacks.get(vip);
  return { reason: soft, patience: Number.POSITIVE_INFINITY };
}

/** Whether any other node could take the VIP, one that is not itself to be emptied. */
function hasSuccessor(state: ElectionState, vip: Vip, { demand, speakers }: Surroundings): boolean {
  const wanted = demand.vips.get(vip);
  if (wanted === undefined) return false;
  for (const speaker of speakers.values()) {
    if (speaker.node === state.self.node || demand.draining.has(speaker.node)) continue;
    if (ineligible(wanted, speaker, demand) === undefined) return true;
  }
  return false;
}

/** The strongest claim of a live peer on each VIP: one that stays before one that leaves, then by rank. */
export function rivalsOf(
  state: ElectionState,
  demand: Demand,
  report: WitnessReport | undefined,
): ReadonlyMap<Vip, Rival> {
  const rivals = new Map<Vip, Rival>();
  for (const [node, peer] of state.view) {
    if (standing(state.verdicts, peer) !== 'live' || !claimsStand(peer)) continue;
    const asks = audible(report, node, peer.identity, state.timing)?.leaving === true;
    for (const vip of peer.claims.vips.keys()) {
      if (isReleased(state.released, peer, vip)) continue;
      const rival = { node, leaving: asks || peer.claims.leaving.has(vip) };
      const other = rivals.get(vip);
      const key = demand.vips.get(vip)?.key ?? vip;
      if (other === undefined || isStronger(rival, other, key)) rivals.set(vip, rival);
    }
  }
  return rivals;
}

function isStronger(a: Rival, b: Rival, key: string): boolean {
  if (a.leaving !== b.leaving) return b.leaving;
  return outranks(a.node, b.node, key);
}
