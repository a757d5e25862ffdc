import { add, type Instant } from '../instant.ts';
import type { IncarnationId, NodeName, Vip } from '../model.ts';
import { incarnationId, type LeaseCut } from './records.ts';
import { openRegister, seenBack, settled, undecided, type WriteOutcome } from './register.ts';
import {
  type ClaimsContent,
  committedContent,
  type ElectionState,
  lapse,
  type Move,
  stamp,
} from './state.ts';
import { contactGap } from './timing.ts';
import { buried, confirmed, standing } from './verdict.ts';
import { observe, type Peer, restarted, type View } from './view.ts';

/** After a write or a LIST that failed, the next one waits this long. */
const RETRY_MS = 100;
/**
 * A wire ends with its agent, but a frame that it let pass may take until then (A2): a successor on the
 * same host voids the claims of a predecessor that did not release them no sooner.
 */
const LAST_FRAME_MS = 250;

/** The state after the watch showed `cut`. */
export function watched(state: ElectionState, cut: LeaseCut, now: Instant): ElectionState {
  const view = observe(state.view, cut, state.self.node, now);
  const seen: ElectionState = {
    ...state,
    newest: newer(cut.revision, state.newest),
    view: buried(view, state.verdicts, cut),
    lastClaimants: claimants(state.lastClaimants, state.view, view),
  };
  if (seen.phase === 'reading') return seen;
  if (isFenced(seen)) return lapse(seen, 'fenced by another node', now);
  return ownSeen(seen, cut, now);
}

/** The state after the LIST with this token was answered. */
export function listed(
  state: ElectionState,
  token: number,
  cut: LeaseCut,
  now: Instant,
): ElectionState {
  const listing = state.listing;
  const seen = watched(state, cut, now);
  if (listing === undefined || listing.token !== token) return seen;
  const idle = { ...seen, listing: undefined };
  // I7 would refuse everything from now on, and nobody would hear of anybody: only a new start helps.
  if (cut.revision < listing.newest) return { ...idle, wentBack: true };
  if (idle.phase === 'reading') return state.phase === 'reading' ? joined(idle, cut, now) : idle;
  const verdicts = confirmed(idle.verdicts, idle.view, listing.published);
  const barrier = Math.max(idle.barrier, listing.forWrite);
  return activated({ ...idle, verdicts, barrier }, listing.forWrite, cut.revision);
}

/** The state after the LIST with this token failed. */
export function listFailed(state: ElectionState, token: number, now: Instant): ElectionState {
  if (state.listing?.token !== token) return state;
  return { ...state, listing: undefined, nextListAt: add(now, RETRY_MS) };
}

/** The state after the shell reported on heartbeat number `write`. */
export function heartbeatSettled(
  state: ElectionState,
  write: number,
  outcome: WriteOutcome,
  now: Instant,
): ElectionState {
  if (state.heartbeat.inFlight !== write) return state;
  const heartbeat = settled(state.heartbeat, write, outcome);
  switch (outcome.kind) {
    case 'committed': {
      const unseen = heartbeat.committed > heartbeat.seen;
      return { ...state, heartbeat, unseenSince: unseen ? (state.unseenSince ?? now) : undefined };
    }
    case 'conflict':
    case 'failed': {
      // Soon again: an API server that is back should find us within a fraction of the interval.
      const retryAt = add(now, Math.min(RETRY_MS, state.timing.renewInterval / 4));
      const nextHeartbeatAt = Math.min(state.nextHeartbeatAt, retryAt) as Instant;
      return { ...state, heartbeat, nextHeartbeatAt };
    }
  }
}

/** The state after the shell reported on claims write number `write`. */
export function claimsSettled(
  state: ElectionState,
  write: number,
  outcome: WriteOutcome,
  now: Instant,
): ElectionState {
  if (state.claims.inFlight !== write) return state;
  const claims = settled(state.claims, write, outcome);
  const nextClaimsAt = outcome.kind === 'committed' ? state.nextClaimsAt : add(now, RETRY_MS);
  return recommitted({ ...state, claims, nextClaimsAt });
}

/** The state after the node was asked to leave for good. */
export function asked(state: ElectionState): ElectionState {
  return { ...state, draining: true };
}

/** Our own Leases in the cut: what came back extends authority, what is foreign ends it. */
function ownSeen(state: ElectionState, cut: LeaseCut, now: Instant): ElectionState {
  const self = stamp(state, 0);
  const node = state.self.node;
  const heartbeat = seenBack(state.heartbeat, cut.heartbeats.get(node), cut.revision, self);
  const claims = seenBack(state.claims, cut.claims.get(node), cut.revision, self);
  if (heartbeat === 'foreign')
    return lapse(state, 'its heartbeat lease was changed by others', now);
  if (claims === 'foreign') return lapse(state, 'its claims lease was changed by others', now);
  const next = recommitted({ ...state, heartbeat, claims });
  return heartbeat.seen > state.heartbeat.seen ? echoed(next, now) : next;
}

/** A heartbeat of ours came back: authority and contact count from when it was sent (I4). */
function echoed(state: ElectionState, now: Instant): ElectionState {
  const sentAt = state.heartbeat.attempts.get(state.heartbeat.seen)?.sentAt;
  if (sentAt === undefined || sentAt <= state.provenAt) return state;
  const authUntil = add(sentAt, state.timing.holderPatience);
  const gap = sentAt - state.provenAt > contactGap(state.timing);
  return {
    ...state,
    authUntil,
    provenAt: sentAt,
    unseenSince: state.heartbeat.committed > state.heartbeat.seen ? now : undefined,
    view: gap ? restarted(state.view, now) : state.view,
    phase: now < authUntil ? 'member' : state.phase,
    firstMemberAt: state.firstMemberAt ?? now,
  };
}

/** The LIST that a join needs: takes over our Leases as they are stored, under the next incarnation. */
function joined(state: ElectionState, cut: LeaseCut, now: Instant): ElectionState {
  const node = state.self.node;
  const heartbeat = cut.heartbeats.get(node);
  const claims = cut.claims.get(node);
  const known = [state.incarnation, heartbeat?.record.incarnation, claims?.record.incarnation];
  const others = [...state.view.values()].map((peer) => peer.claims?.joined ?? 0);
  const own = claims?.record.joined ?? state.joined;
  const { bootId, session } = state.self;
  const quietUntil = state.quietUntil ?? add(now, LAST_FRAME_MS);
  // Without a claims lease nobody can tell: a predecessor's may have been deleted.
  const orphaned =
    claims === undefined ||
    (claims.record.bootId === bootId &&
      claims.record.session !== session &&
      claims.record.vips.size > 0);
  return {
    ...state,
    phase: 'writing',
    incarnation: Math.max(...known.map((number) => number ?? 0), ...fencesOfOurs(state)) + 1,
    joined: own > 0 ? own : Math.max(0, ...others) + 1,
    heartbeat: openRegister(heartbeat?.revision ?? cut.unreadable.get(`heartbeat/${node}`)),
    claims: openRegister(claims?.revision ?? cut.unreadable.get(`claims/${node}`)),
    quietUntil,
    nextClaimsAt: orphaned ? quietUntil : state.nextClaimsAt,
    barrier: 0,
  };
}

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
    claimedAt.set(vip, state.claimedAt.get(vip) ?? state.claims.committed);
  }
  return { ...state, claimedAt };
}

/** I1: claims that were committed when the barrier began and that it shows nobody else to hold. */
function activated(state: ElectionState, forWrite: number, revision: bigint): ElectionState {
  const active = new Map(state.active);
  const moves: Move[] = [];
  for (const [vip, write] of state.claimedAt) {
    const claim = state.wanted.get(vip);
    if (claim === undefined || active.has(vip) || write > forWrite) continue;
    if (blockers(state, vip).length > 0) continue;
    active.set(vip, revision);
    moves.push({ vip, from: claim.from, to: state.self.node, reason: claim.reason });
  }
  if (moves.length === 0) return state;
  return { ...state, active, moves: [...state.moves, ...moves] };
}

/** The nodes whose claim on the VIP still stands: all that are not dead beyond doubt. */
export function blockers(state: ElectionState, vip: Vip): readonly NodeName[] {
  return [...state.view]
    .filter(([, peer]) => standing(state.verdicts, peer) !== 'dead' && mayHold(peer, vip))
    .map(([node]) => node);
}

function mayHold(peer: Peer, vip: Vip): boolean {
  // Claims are written before the heartbeat of their incarnation. Where they are absent or older,
  // somebody edited or deleted them, and nobody can tell what it claims.
  if (peer.claims === undefined || peer.claims.incarnation < peer.incarnation) return true;
  return peer.claims.vips.has(vip);
}

/** A fence on the incarnation that we are, or are about to be: it retires whatever state it is in (I6). */
function isFenced(state: ElectionState): boolean {
  const own = incarnationId(stamp(state, 0));
  return [...state.view.values()].some((peer) => peer.claims?.fences.has(own) === true);
}

/** Incarnation numbers of ours that others have fenced: none of them may be used again. */
function fencesOfOurs(state: ElectionState): number[] {
  const prefix = `${state.self.node}/${state.self.bootId}/`;
  const ids: IncarnationId[] = [...state.view.values()].flatMap((peer) => [
    ...(peer.claims?.fences ?? []),
  ]);
  return ids
    .filter((id) => id.startsWith(prefix))
    .map((id) => Number(id.slice(prefix.length)))
    .filter((number) => Number.isSafeInteger(number));
}

function claimants(
  known: ReadonlyMap<Vip, NodeName>,
  before: View,
  after: View,
): ReadonlyMap<Vip, NodeName> {
  const news = [...after].filter(([node, peer]) => peer.claims !== before.get(node)?.claims);
  if (news.length === 0) return known;
  const next = new Map(known);
  for (const [node, peer] of news) {
    for (const vip of peer.claims?.vips.keys() ?? []) next.set(vip, node);
  }
  return next;
}

function newer(a: bigint, b: bigint): bigint {
  if (a > b) return a;
  return b;
}

/** Whether two contents would be stored alike. */
export function sameContent(a: ClaimsContent | undefined, b: ClaimsContent): boolean {
  if (a === undefined || a.draining !== b.draining || a.joined !== b.joined) return false;
  if (a.vips.size !== b.vips.size || a.fences.size !== b.fences.size) return false;
  for (const vip of b.vips.keys()) if (!a.vips.has(vip)) return false;
  return b.fences.isSubsetOf(a.fences) && JSON.stringify(a.links) === JSON.stringify(b.links);
}
