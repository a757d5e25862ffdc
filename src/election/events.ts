import { add, type Instant } from '../instant.ts';
import type { IncarnationId } from '../model.ts';
import { activated, recommitted } from './barrier.ts';
import { addMove } from './failback.ts';
import { entered, joined } from './joining.ts';
import { SUPPLANTED } from './namesake.ts';
import { unsureOf } from './probing.ts';
import { incarnationId, type LeaseCut, type LeaseStamp, type Stored } from './records.ts';
import { seenBack, settled, type WriteOutcome } from './register.ts';
import { type ClaimsContent, committedContent, type ElectionState, lapse, stamp } from './state.ts';
import { contactGap } from './timing.ts';
import { buried, confirmed } from './verdict.ts';
import { observe, restarted, type View } from './view.ts';

/** After a write or a LIST that failed, the next one waits this long. */
const RETRY_MS = 100;

/** The state after the watch showed `cut`. */
export function watched(state: ElectionState, cut: LeaseCut, now: Instant): ElectionState {
  const view = observe(state.view, cut, state.self.node, now);
  const seen: ElectionState = {
    ...state,
    newest: newer(cut.revision, state.newest),
    view: buried(view, state.verdicts, cut),
    ...claimantsSeen(state, view, now),
    ...forgotten(state, view),
  };
  if (seen.phase === 'reading') return seen;
  if (isFenced(seen)) return lapse(seen, 'fenced by another node', now);
  return activated(ownSeen(seen, cut, now), now);
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
  if (idle.phase === 'reading') {
    return state.phase === 'reading' ? entered(idle, listing, cut, now) : idle;
  }
  const published = listing.published.difference(unsureOf(idle));
  const verdicts = confirmed(idle.verdicts, idle.view, published);
  if (listing.forWrite < idle.barrier) return activated({ ...idle, verdicts }, now);
  const barrier = { barrier: listing.forWrite, barrierRevision: cut.revision };
  return activated({ ...idle, verdicts, ...barrier }, now);
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
      const sentAt = heartbeat.attempts.get(write)?.sentAt ?? state.contactAt;
      const contactAt = Math.max(sentAt, state.contactAt) as Instant;
      const unseen = heartbeat.committed > heartbeat.seen;
      return {
        ...state,
        heartbeat,
        contactAt,
        shownSince: contactShownSince(state, now),
        unseenSince: unseen ? (state.unseenSince ?? now) : undefined,
      };
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
  return withFenceTimes(recommitted({ ...state, claims, nextClaimsAt }), now);
}

/** Notes when fences that rest on the witness alone were committed. */
function withFenceTimes(state: ElectionState, now: Instant): ElectionState {
  const fences = committedContent(state)?.fences;
  const { bySilence } = state.verdicts;
  const isNew = [...bySilence].some((id) => fences?.has(id) && !state.fencedAt.has(id));
  if (!isNew) return state;
  const known = [...bySilence].filter((id) => fences?.has(id));
  return { ...state, fencedAt: new Map(known.map((id) => [id, state.fencedAt.get(id) ?? now])) };
}

/** The state after this process has stood still for so long that its wires may have fenced it. */
export function stalled(state: ElectionState, now: Instant): ElectionState {
  return state.phase === 'reading' ? state : lapse(state, 'its agent stood still', now);
}

/** The state after the node was asked to leave for good. */
export function asked(state: ElectionState): ElectionState {
  return { ...state, draining: true };
}

/** Our own Leases in the cut: what came back extends authority, what is foreign ends it. */
function ownSeen(state: ElectionState, cut: LeaseCut, now: Instant): ElectionState {
  const self = stamp(state, 0);
  const node = state.self.node;
  const stored = { heartbeat: cut.heartbeats.get(node), claims: cut.claims.get(node) };
  const heartbeat = seenBack(state.heartbeat, stored.heartbeat, cut.revision, self);
  const claims = seenBack(state.claims, stored.claims, cut.revision, self);
  if (heartbeat === 'foreign') {
    return lapse(state, changedBy(state, 'heartbeat', stored.heartbeat), now);
  }
  if (claims === 'foreign') return lapse(state, changedBy(state, 'claims', stored.claims), now);
  const next = recommitted({ ...state, heartbeat, claims });
  return heartbeat.seen > state.heartbeat.seen ? echoed(next, now) : next;
}

/** Why the incarnation is over, for people. */
function changedBy(
  { self }: ElectionState,
  kind: string,
  stored: Stored<LeaseStamp> | undefined,
): string {
  const isOther = stored !== undefined && stored.record.bootId !== self.bootId;
  return isOther ? SUPPLANTED : `its ${kind} lease was changed by others`;
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
    shownSince: contactShownSince(state, now),
    contactAt: Math.max(sentAt, state.contactAt) as Instant,
    unseenSince: state.heartbeat.committed > state.heartbeat.seen ? now : undefined,
    view: gap ? restarted(state.view, now) : state.view,
    phase: now < authUntil ? 'member' : state.phase,
    inherits: state.inherits && now >= authUntil,
    firstMemberAt: state.firstMemberAt ?? now,
  };
}

/** Since when our beats have shown contact without a gap. */
function contactShownSince(
  { contactAt, shownSince, timing }: ElectionState,
  now: Instant,
): Instant {
  return now - contactAt > contactGap(timing) ? now : shownSince;
}

/**
 * The state of a process to which its predecessor on this host has handed over: that has stopped answering
 * and left its claims as they are. They become ours under the next incarnation, in its first write, so
 * that no peer ever sees the VIPs free. `cut` may be behind: the writes are built on its revisions, and
 * are refused if it is. `dead` are the incarnations that it had fenced, beyond doubt: whoever took over from
 * them must not wait for them once more.
 */
export function succeeded(
  state: ElectionState,
  cut: LeaseCut,
  { dead, now }: { readonly dead: readonly IncarnationId[]; readonly now: Instant },
): ElectionState {
  const { node } = state.self;
  const seen = watched(state, cut, now);
  const last = cut.claims.get(node)?.record;
  if (last === undefined || !cut.heartbeats.has(node)) return seen;
  // Not what was handed over: another machine has taken it since.
  if (last.bootId !== state.self.bootId) return seen;
  const verdicts = { ...seen.verdicts, dead: new Set(dead), fences: last.fences };
  return joined({ ...seen, verdicts, inherits: true, quietUntil: now }, cut, now);
}

/** A fence on the incarnation that we are, or are about to be: it retires whatever state it is in (I6). */
function isFenced(state: ElectionState): boolean {
  const own = incarnationId(stamp(state, 0));
  return [...state.view.values()].some((peer) => peer.claims?.fences.has(own) === true);
}

/** Who claimed each VIP last, and when VIPs so changed hands between peers. */
function claimantsSeen(
  state: ElectionState,
  after: View,
  now: Instant,
): Pick<ElectionState, 'lastClaimants' | 'moveTimes'> {
  const { lastClaimants, moveTimes, view } = state;
  const news = [...after].filter(([node, peer]) => peer.claims !== view.get(node)?.claims);
  if (news.length === 0) return { lastClaimants, moveTimes };
  const next = new Map(lastClaimants);
  const times = new Map(moveTimes);
  for (const [node, peer] of news) {
    const known = view.get(node)?.claims?.vips;
    for (const vip of peer.claims?.vips.keys() ?? []) {
      // Rewritten claims of who is on his way out are no moves back; what we own is ours, seen or not.
      if (known?.has(vip) === true) continue;
      const before = state.active.has(vip) ? state.self.node : next.get(vip);
      if (before !== undefined && before !== node) addMove(times, vip, now);
      next.set(vip, node);
    }
  }
  return { lastClaimants: next, moveTimes: times };
}

/** What was said on the segment by incarnations that are not any more. */
function forgotten(
  { released, selfFenced }: ElectionState,
  view: View,
): Pick<ElectionState, 'released' | 'selfFenced'> {
  if (released.size === 0 && selfFenced.size === 0) return { released, selfFenced };
  const present = new Set([...view.values()].map((peer) => peer.identity));
  return {
    released: new Map([...released].filter(([id]) => present.has(id))),
    selfFenced: selfFenced.intersection(present),
  };
}

function newer(a: bigint, b: bigint): bigint {
  if (a > b) return a;
  return b;
}

/** Whether two contents would be stored alike. */
export function sameContent(a: ClaimsContent | undefined, b: ClaimsContent): boolean {
  if (a === undefined || a.draining !== b.draining || a.joined !== b.joined) return false;
  if (a.mayHold !== b.mayHold) return false;
  if (a.vips.size !== b.vips.size || a.fences.size !== b.fences.size) return false;
  if (a.leaving.size !== b.leaving.size || !b.leaving.isSubsetOf(a.leaving)) return false;
  for (const vip of b.vips.keys()) if (!a.vips.has(vip)) return false;
  if (!b.fences.isSubsetOf(a.fences)) return false;
  return a.links === b.links || JSON.stringify(a.links) === JSON.stringify(b.links);
}
