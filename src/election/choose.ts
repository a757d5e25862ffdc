import { add, type Instant } from '../instant.ts';
import type { NodeName, PublishedLink, Vip } from '../model.ts';
import { type Candidate, type Demand, ineligible } from './eligible.ts';
import { failback } from './failback.ts';
import type { WitnessReport } from './hearing.ts';
import { fateOf, type Rival, rivalsOf, type Surroundings } from './leaving.ts';
import { place, type Seat } from './place.ts';
import { isBarred } from './probing.ts';
import { type Ring, ringOf } from './rank.ts';
import type { Claim } from './records.ts';
import type { ElectionState, Leaving, Move } from './state.ts';
import { standing } from './verdict.ts';
import { claimsCount, claimsStand, DELETED, type Peer } from './view.ts';

/** A segment's traffic of heartbeats and election: nodes beyond it stand by (design 4.2). */
const SPEAKERS_MAX = 32;
/** While no claim exists at all, the first one waits this long for nodes that have no agent yet. */
const COLD_START_MS = 5000;
/** While VIPs are on the move, they are looked at so often. */
const LOOK_MS = 20;
const LOOK_FOR_MS = 3000;
/** What one claims lease holds. */
export const CLAIMS_MAX = 4096;

/** The VIPs that this node wants to claim, and what it gives up. */
export interface Choice {
  readonly wanted: ReadonlyMap<Vip, Claim>;
  /** Of these, the ones that are to move. */
  readonly leaving: ReadonlyMap<Vip, Leaving>;
  readonly ring: Ring;
  /** Owned VIPs that are given up, with the reason. */
  readonly moves: readonly Move[];
  readonly failbackAt: Instant;
  /** When the choice may change although nothing else does. */
  readonly wakeAt: Instant;
}

/** What is chosen from, besides the state. */
export interface ChoiceInput {
  readonly demand: Demand;
  readonly links: readonly PublishedLink[];
  readonly report: WitnessReport | undefined;
}

/** Decides what a member claims. Whether it may answer is another question: see `activated`. */
export function choose(state: ElectionState, input: ChoiceInput, now: Instant): Choice {
  const { demand, links, report } = input;
  const speakers = speakersOf(state, links);
  const ring = sameNodes(state.ring, speakers) ? state.ring : ringOf(speakers.keys());
  const me = speakers.get(state.self.node);
  const rivals = rivalsOf(state, demand, report);
  const seats = seatsOf(state, demand, speakers, rivals);
  const back = failback(state, seats, { ring, takers: takers(speakers, demand) }, now);
  const around = { demand, me, speakers, rivals, report, failbacks: back.moves };
  const { keep, leaving, moves } = kept(state, around, now);
  const choice = { wanted: keep, leaving, ring, moves, failbackAt: back.at };
  const isMoving = [...leaving.values()].some(
    ({ since, claimedSince = since }) => now - claimedSince < LOOK_FOR_MS,
  );
  const wakeAt = isMoving ? add(now, LOOK_MS) : back.at;
  if (me === undefined || state.draining) return { ...choice, wakeAt };
  const claims = keep.size + rivals.size + claimsOfLost(state);
  const wait = startWaitEnd(state, demand, speakers, claims, now);
  if (wait !== undefined) return { ...choice, wakeAt: Math.min(wait, wakeAt) as Instant };
  const open = seats.map((seat) => reseated(seat, state, keep, rivals.get(seat.vip)));
  if (open.every((seat) => seat.claimedBy !== undefined)) return { ...choice, wakeAt };
  const placed = place(open, takers(speakers, demand), ring.order);
  for (const seat of open) {
    if (seat.claimedBy !== undefined || placed.get(seat.vip) !== state.self.node) continue;
    if (keep.size >= CLAIMS_MAX) break;
    if (isBarred(state.probes, seat.vip)) continue;
    if (!state.yielded.has(seat.vip)) keep.set(seat.vip, claimFor(state, seat.vip));
  }
  return { ...choice, wakeAt };
}

/** How many speakers may take VIPs. */
function takers(speakers: ReadonlyMap<NodeName, Candidate>, { draining }: Demand): number {
  const all = [...speakers.values()];
  const takers = all.filter((speaker) => !speaker.draining && !draining.has(speaker.node));
  return takers.length === 0 ? all.length : takers.length;
}

/** What becomes of the VIPs that were wanted so far. */
function kept(state: ElectionState, around: Surroundings, now: Instant) {
  const keep = new Map<Vip, Claim>();
  const leaving = new Map<Vip, Leaving>();
  const moves: Move[] = [];
  for (const [vip, claim] of state.wanted) {
    const fate = fateOf(state, vip, around, now);
    if (fate.kind === 'lose') {
      if (!state.active.has(vip)) continue;
      moves.push({ vip, from: state.self.node, to: undefined, reason: fate.reason });
      continue;
    }
    keep.set(vip, claim);
    if (fate.kind === 'leave') leaving.set(vip, fate.leaving);
  }
  return { keep, leaving, moves };
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
    if (!claimsStand(peer)) continue;
    const { links, draining, joined } = peer.claims;
    all.push({ node: name, links, draining, joined });
  }
  all.sort((a, b) => a.joined - b.joined || (a.node < b.node ? -1 : 1));
  return new Map(all.slice(0, SPEAKERS_MAX).map((speaker) => [speaker.node, speaker]));
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

type Eligible = ReadonlyMap<Vip, ReadonlySet<NodeName>>;

/** 3,000 VIPs by 32 speakers take 60 ms to go through, and a decision is due with every heartbeat. */
const remembered = new WeakMap<Demand, Map<string, Eligible>>();
/** Sets of speakers remembered for one demand: who comes and goes is often back soon. */
const SPEAKERS_REMEMBERED = 8;

const texts = new WeakMap<readonly PublishedLink[], string>();

/** Links as text. A list of them never changes, and stays with its claims for as long as they stand. */
function textOf(links: readonly PublishedLink[]): string {
  const text = texts.get(links) ?? JSON.stringify(links);
  texts.set(links, text);
  return text;
}

/** Who may own each VIP: the same for as long as neither the demand nor the speakers change. */
function eligibleOf(demand: Demand, speakers: ReadonlyMap<NodeName, Candidate>): Eligible {
  let key = '';
  for (const { node, draining, links } of speakers.values()) {
    key += `${node} ${draining} ${textOf(links)};`;
  }
  const sets = remembered.get(demand) ?? new Map<string, Eligible>();
  const known = sets.get(key);
  if (known !== undefined) return known;
  const eligible = new Map<Vip, ReadonlySet<NodeName>>();
  for (const wanted of demand.vips.values()) {
    const all = [...speakers.values()].filter(
      (speaker) => ineligible(wanted, speaker, demand) === undefined,
    );
    const staying = all.filter(({ node }) => !demand.draining.has(node));
    eligible.set(wanted.vip, new Set((staying.length > 0 ? staying : all).map(({ node }) => node)));
  }
  if (sets.size >= SPEAKERS_REMEMBERED) sets.clear();
  remembered.set(demand, sets.set(key, eligible));
  return eligible;
}

/** Every VIP with the live nodes that may own it, and whose claim on it stands. */
function seatsOf(
  state: ElectionState,
  demand: Demand,
  speakers: ReadonlyMap<NodeName, Candidate>,
  rivals: ReadonlyMap<Vip, Rival>,
): Seat[] {
  const seats: Seat[] = [];
  const known = eligibleOf(demand, speakers);
  for (const { vip, key } of demand.vips.values()) {
    const eligible = known.get(vip) ?? new Set();
    const claimedBy = state.wanted.has(vip) ? state.self.node : rivals.get(vip)?.node;
    seats.push({ vip, key, eligible, claimedBy });
  }
  return seats;
}

/** The seat as it is given away: one that is to move is free for everybody but who leaves it. */
function reseated(
  seat: Seat,
  state: ElectionState,
  mine: ReadonlyMap<Vip, Claim>,
  rival: Rival | undefined,
): Seat {
  if (mine.has(seat.vip)) return { ...seat, claimedBy: state.self.node };
  if (rival === undefined) return { ...seat, claimedBy: undefined };
  if (!rival.leaving) return { ...seat, claimedBy: rival.node };
  const eligible = new Set(seat.eligible);
  eligible.delete(rival.node);
  return { ...seat, eligible, claimedBy: undefined };
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
