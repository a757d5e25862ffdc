import { add, FOREVER, type Instant } from '../instant.ts';
import type { NodeName, PublishedLink, Vip } from '../model.ts';
import { type Candidate, type Demand, ineligible } from './eligible.ts';
import { place, type Seat } from './place.ts';
import { outranks, type Ring, ringOf } from './rank.ts';
import type { Claim } from './records.ts';
import type { ElectionState, Move } from './state.ts';
import { standing } from './verdict.ts';
import { claimsCount, DELETED, type Peer } from './view.ts';

/** A segment's traffic of heartbeats and election: nodes beyond it stand by (design 4.2). */
const SPEAKERS_MAX = 32;
/** While no claim exists at all, the first one waits this long for nodes that have no agent yet. */
const COLD_START_MS = 5000;
/** What one claims lease holds. */
export const CLAIMS_MAX = 4096;

/** The VIPs that this node wants to claim, and what it gives up. */
export interface Choice {
  readonly wanted: ReadonlyMap<Vip, Claim>;
  readonly ring: Ring;
  /** Owned VIPs that are given up, with the reason. */
  readonly moves: readonly Move[];
  /** When the choice may change although nothing else does. */
  readonly wakeAt: Instant;
}

/** Decides what a member claims. Whether it may answer is another question: see `activated`. */
export function choose(
  state: ElectionState,
  demand: Demand,
  links: readonly PublishedLink[],
  now: Instant,
): Choice {
  const speakers = speakersOf(state, links);
  const ring = sameNodes(state.ring, speakers) ? state.ring : ringOf(speakers.keys());
  const me = speakers.get(state.self.node);
  const claimed = claimedByPeers(state, demand);
  const keep = new Map<Vip, Claim>();
  const moves: Move[] = [];
  for (const [vip, claim] of state.wanted) {
    const reason = losing(state, vip, demand, me, claimed.get(vip));
    if (reason === undefined) keep.set(vip, claim);
    else if (state.active.has(vip)) {
      moves.push({ vip, from: state.self.node, to: undefined, reason });
    }
  }
  if (me === undefined || state.draining) return { wanted: keep, ring, moves, wakeAt: FOREVER };
  const claims = keep.size + claimed.size + claimsOfLost(state);
  const wait = startWaitEnd(state, demand, speakers, claims, now);
  if (wait !== undefined) return { wanted: keep, ring, moves, wakeAt: wait };
  const seats = seatsOf(state, demand, speakers, keep, claimed);
  const placed = place(seats, speakers.size, ring.order);
  for (const seat of seats) {
    if (seat.claimedBy !== undefined || placed.get(seat.vip) !== state.self.node) continue;
    if (keep.size >= CLAIMS_MAX) break;
    keep.set(seat.vip, claimFor(state, seat.vip));
  }
  return { wanted: keep, ring, moves, wakeAt: FOREVER };
}

/** The nodes that take part: live agents that have joined, the first 32 in the order of joining. */
export function speakersOf(
  state: ElectionState,
  links: readonly PublishedLink[],
): ReadonlyMap<NodeName, Candidate> {
  const { node } = state.self;
  const all = [{ node, links, draining: state.draining, joined: state.joined }];
  for (const [name, peer] of state.view) {
    if (standing(state.verdicts, peer) !== 'live' || peer.beat === DELETED) continue;
    if (!claimsCount(peer)) continue;
    const { links, draining, joined } = peer.claims;
    all.push({ node: name, links, draining, joined });
  }
  all.sort((a, b) => a.joined - b.joined || (a.node < b.node ? -1 : 1));
  return new Map(all.slice(0, SPEAKERS_MAX).map((speaker) => [speaker.node, speaker]));
}

/** Why a VIP that we want must be given up, if it must. */
function losing(
  state: ElectionState,
  vip: Vip,
  demand: Demand,
  me: Candidate | undefined,
  rival: NodeName | undefined,
): string | undefined {
  const wanted = demand.vips.get(vip);
  if (wanted === undefined) return 'no Service asks for it any more';
  if (state.draining) return 'its owner is leaving';
  if (me === undefined) return 'its owner stands by';
  const reason = ineligible(wanted, me, demand);
  if (reason !== undefined) return reason;
  // Both claimed it: the lower in raw rank releases, whatever either thinks of eligibility.
  if (rival !== undefined && outranks(rival, state.self.node, wanted.key)) {
    return `${rival} claimed it and comes first in rank`;
  }
  return undefined;
}

/** Number of claims of nodes that were alive while this process watched, and are judged dead. */
function claimsOfLost(state: ElectionState): number {
  let claims = 0;
  for (const peer of state.view.values()) {
    if (standing(state.verdicts, peer) === 'live' || !peer.wasAlive || !claimsCount(peer)) continue;
    claims += peer.claims.vips.size;
  }
  return claims;
}

/** The highest-ranked live peer that claims each VIP. */
function claimedByPeers(state: ElectionState, demand: Demand): ReadonlyMap<Vip, NodeName> {
  const claimed = new Map<Vip, NodeName>();
  for (const [node, peer] of state.view) {
    if (standing(state.verdicts, peer) !== 'live' || !claimsCount(peer)) continue;
    for (const vip of peer.claims.vips.keys()) {
      const other = claimed.get(vip);
      const key = demand.vips.get(vip)?.key ?? vip;
      if (other === undefined || outranks(node, other, key)) claimed.set(vip, node);
    }
  }
  return claimed;
}

function seatsOf(
  state: ElectionState,
  demand: Demand,
  speakers: ReadonlyMap<NodeName, Candidate>,
  mine: ReadonlyMap<Vip, Claim>,
  claimed: ReadonlyMap<Vip, NodeName>,
): Seat[] {
  const seats: Seat[] = [];
  for (const wanted of demand.vips.values()) {
    const { vip, key } = wanted;
    const eligible = new Set<NodeName>();
    for (const speaker of speakers.values()) {
      if (ineligible(wanted, speaker, demand) === undefined) eligible.add(speaker.node);
    }
    const claimedBy = mine.has(vip) ? state.self.node : claimed.get(vip);
    seats.push({ vip, key, eligible, claimedBy });
  }
  return seats;
}

/**
 * Cold start: with no claim anywhere, wait until every node that could own a VIP has an agent with a
 * link, or 5 s; else the first agent up would take all VIPs and keep them. Claims left by dead nodes count
 * if those lived while this process watched: after a power cut they do not, at a failover they do. With
 * claims, a new process waits for nodes without any Lease. Undefined: no need to wait.
 */
function startWaitEnd(
  state: ElectionState,
  demand: Demand,
  speakers: ReadonlyMap<NodeName, Candidate>,
  claims: number,
  now: Instant,
): Instant | undefined {
  const { firstMemberAt = now, timing } = state;
  // A new process has not seen what existed before it. Where a node has no Lease at all, they may have
  // been deleted while it was cut off and answering: it has stopped after takerPatience.
  const end = add(firstMemberAt, claims > 0 ? timing.takerPatience : COLD_START_MS);
  if (now >= end) return undefined;
  const isExpected = (node: NodeName) => !demand.excluded.has(node) && demand.nodes.has(node);
  const isHere = (node: NodeName) =>
    claims > 0
      ? node === state.self.node || state.view.has(node)
      : (speakers.get(node)?.links.length ?? 0) > 0;
  for (const { adverts } of demand.vips.values()) {
    for (const { nodes } of adverts) {
      for (const node of nodes) if (isExpected(node) && !isHere(node)) return end;
    }
  }
  return undefined;
}

function claimFor(state: ElectionState, vip: Vip): Claim {
  const from = state.lastClaimants.get(vip);
  if (from === undefined) return { from, reason: 'first claim' };
  const peer = state.view.get(from);
  return { from, reason: whyFree(from, peer, state) };
}

function whyFree(node: NodeName, peer: Peer | undefined, state: ElectionState): string {
  if (peer === undefined) return `${node} is gone`;
  if (standing(state.verdicts, peer) !== 'live') return `${node} is dead`;
  if (!claimsCount(peer)) return `${node} lapsed`;
  return peer.claims.draining ? `${node} left` : `${node} released it`;
}

function sameNodes(ring: Ring, speakers: ReadonlyMap<NodeName, Candidate>): boolean {
  return ring.nodes.length === speakers.size && ring.nodes.every((node) => speakers.has(node));
}
