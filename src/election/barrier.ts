import { FOREVER, type Instant } from '../instant.ts';
import type { NodeName, Vip } from '../model.ts';
import { addMove } from './failback.ts';
import { isBarred } from './probing.ts';
import { undecided } from './register.ts';
import { committedContent, type ElectionState, type Move, type Release } from './state.ts';
import { standing } from './verdict.ts';
import { claimsCount, type Peer } from './view.ts';

/**
 * Which VIPs stand committed, after the claims register has moved on: those of the newest committed
 * write that no undecided attempt gives up, since that one may commit at any moment.
 */
export function recommitted(state: ElectionState): ElectionState {
  const content = committedContent(state);
  if (content === undefined) return state;
  const claimedAt = new Map<Vip, number>();
  const pending = undecided(state.claims);
  for (const vip of content.vips.keys()) {
    if (pending.some(({ vips }) => !vips.has(vip))) continue;
    if ((state.voidUpTo.get(vip) ?? 0) >= state.claims.committed) continue;
    claimedAt.set(vip, state.claimedAt.get(vip) ?? state.claims.committed);
  }
  return { ...state, claimedAt };
}

/**
 * I1: claims that were committed when the barrier began, and on which everybody's claim that it showed has
 * gone since. Whoever claimed after it began finds our claim at its own barrier.
 */
export function activated(state: ElectionState, now: Instant): ElectionState {
  if (state.phase !== 'member') return state;
  if ([...state.claimedAt.keys()].every((vip) => state.active.has(vip))) return state;
  const active = new Map(state.active);
  const moves: Move[] = [];
  // Copied once: a node may take over thousands, and one that stands still for 0.9 s lapses.
  const takenAt = new Map(state.takenAt);
  const silentSince = new Map(state.silentSince);
  const moveTimes = new Map(state.moveTimes);
  for (const [vip, write] of state.claimedAt) {
    const claim = state.wanted.get(vip);
    if (claim === undefined || active.has(vip) || write > state.barrier) continue;
    if (blockers(state, vip).length > 0) continue;
    if (isBarred(state.probes, vip)) continue;
    active.set(vip, state.barrierRevision);
    takenAt.set(vip, now);
    silentSince.set(vip, endOfPredecessor(state, vip));
    if (claim.from !== undefined && claim.from !== state.self.node) addMove(moveTimes, vip, now);
    moves.push({ vip, from: claim.from, to: state.self.node, reason: claim.reason });
  }
  if (moves.length === 0) return state;
  return { ...state, active, takenAt, silentSince, moveTimes, moves: [...state.moves, ...moves] };
}

/**
 * Since when nobody has answered for the VIP, as its last owner has said on the segment; FOREVER if it has not. A dead
 * one may have answered until it died, after we had claimed: it was to move, and died meanwhile. And what
 * the Leases show may be ahead of the frames that a busy wire has not read yet.
 */
function endOfPredecessor(state: ElectionState, vip: Vip): Instant {
  const last = state.lastClaimants.get(vip);
  const peer = last === undefined ? undefined : state.view.get(last);
  // Of what the agent before us answered we know nothing but that it has stopped.
  if (peer === undefined || state.wanted.get(vip)?.from === state.self.node) return FOREVER;
  const release = state.released.get(peer.identity)?.get(vip);
  return release !== undefined && isLastWord(release, peer, vip) ? release.at : FOREVER;
}

/**
 * Whether the peer cannot have answered since the release: to own the VIP again takes a claims write after
 * it, and what is seen is none of these, or the very first, without the VIP. A node may release the
 * same VIP many times in one incarnation, and its Leases may show a release before its RELEASE is heard.
 */
function isLastWord({ session, upTo }: Release, { claims }: Peer, vip: Vip): boolean {
  if (claims === undefined || claims.session !== session) return false;
  return claims.write <= upTo || (claims.write === upTo + 1 && !claims.vips.has(vip));
}

/** The nodes whose claim on the VIP still stands: all that are not dead beyond doubt. */
export function blockers(state: ElectionState, vip: Vip): readonly NodeName[] {
  return [...state.view]
    .filter(([, peer]) => standing(state.verdicts, peer) !== 'dead' && mayHold(state, peer, vip))
    .map(([node]) => node);
}

function mayHold({ released }: ElectionState, peer: Peer, vip: Vip): boolean {
  // Claims are written before the heartbeat of their incarnation. Where they are absent or older,
  // somebody edited or deleted them, and nobody can tell what it claims.
  if (peer.claims === undefined || peer.claims.incarnation < peer.incarnation) return true;
  return peer.claims.vips.has(vip) && !isReleased(released, peer, vip);
}

/** Whether the peer has said on the segment that what its claims lease says of the VIP is void. */
export function isReleased(released: ElectionState['released'], peer: Peer, vip: Vip): boolean {
  const release = released.get(peer.identity)?.get(vip);
  if (release === undefined || !claimsCount(peer)) return false;
  return peer.claims.session === release.session && peer.claims.write <= release.upTo;
}
