import { add, type Instant, NEVER } from '../instant.ts';
import type { NodeName } from '../model.ts';
import type { World } from './decide.ts';
import {
  audibleSince,
  hearers,
  isFencedByBeat,
  lastHeardAt,
  missedSince,
  peersInContact,
} from './hearing.ts';
import { isSupplanted, namesakeHeard, SUPPLANTED } from './namesake.ts';
import { undecided } from './register.ts';
import { committedContent, type ElectionState, lapse } from './state.ts';
import { contactGap } from './timing.ts';
import { standing } from './verdict.ts';

/** A held authority is handed out for so long, and renewed at every look at the world. */
const HOLD_MS = 500;
/** So long before its lease runs out an owner decides to hold: its wires must never be without permission. */
const AHEAD_MS = 200;
/** At least so often the world is looked at while the authority is not an ordinary one. */
const LOOK_MS = 50;
/** Share of takerPatience that a held owner waits for its own contact once a peer shows some. */
const HOLD_GRACE = 0.4;
/** Peers that are in contact again have to be so for so long before an owner asks them for successors. */
const LEAD_MS = 500;
/** From the time-out of a renewal to the answer to its repetition. */
const RETRIED_MS = 200;
/** Beats for which an owner without authority keeps its incarnation, in silence. */
const SILENT_BEATS = 3;

/**
 * The state of the authority at `now` (design 4.4.3). It ends with the lease, unless no audible peer is in
 * contact with the API server either: then it is the API that is away, nobody can be taking over, and
 * the owner holds on.
 */
export function authority(before: ElectionState, world: World, now: Instant): ElectionState {
  const state = withMayHold(withHearing(before, world, now), now);
  if (state.phase === 'reading') return namesakeHeard(state, world.witness, now);
  if (isSupplanted(state, world.witness)) return lapse(state, SUPPLANTED, now);
  if (state.phase === 'writing') return state;
  if (state.wentBack) return lapse(state, 'the API server went back in time', now);
  if (world.selfFenced >= state.incarnation) {
    return lapse(state, 'its wires had not heard of it for too long', now);
  }
  if (isFencedByBeat(state, world.witness)) return lapse(state, 'fenced by another node', now);
  if (now < state.authUntil) return isOutageNear(state, world, now) ? held(state, now) : state;
  // Asked once: a contact that comes back while it is held is no reason to end it.
  if (state.phase === 'member' && !mayHold(state, world)) {
    return lapse(state, 'its lease ran out', now);
  }
  if (wasInterrupted(state, world, now)) return lapse(state, 'its hold was interrupted', now);
  return state.peerContactSince === undefined ? held(state, now) : yielding(state, now);
}

/** When the authority wants to be looked at again. */
export function authorityWakeAt(state: ElectionState, now: Instant): Instant {
  if (state.phase !== 'member') return add(now, LOOK_MS);
  const ahead = add(state.authUntil, -AHEAD_MS);
  return now < ahead ? ahead : (Math.min(state.authUntil, add(now, LOOK_MS)) as Instant);
}

/** Whether the node asks its peers for successors: they are in contact, and it is not (design 4.4.4). */
export function asksForSuccessors(state: ElectionState, now: Instant): boolean {
  const { peerContactSince: since, peerContactAt: at, phase, timing } = state;
  if (since === undefined || at === undefined || phase === 'reading') return false;
  if (now - state.contactAt <= contactGap(timing)) return false;
  // After an outage somebody is back first, and our own next request may be, too. That holds for a member
  // as well: the first of ours that is carried out may be one that was sent long ago.
  if (now - since < LEAD_MS) return false;
  if (phase === 'held') return true;
  // The peer reached the API server after we had failed to: it is not the API server that is away. And
  // a request that was lost once is no reason to move everything: the next has had its chance.
  const failedAt = firstFailedAt(state);
  return at > failedAt && now - failedAt >= timing.requestTimeout + RETRIED_MS;
}

function withHearing(state: ElectionState, { witness }: World, now: Instant): ElectionState {
  if (witness === undefined) return state;
  const contacts = peersInContact(witness, state.timing, now);
  const news = hearers(witness, state.self.node).filter((each) => !state.heardBy.has(each));
  return {
    ...state,
    peerContactAt: contacts.size === 0 ? undefined : newest(contacts),
    peerContactSince: contacts.size === 0 ? undefined : contactSince(state, contacts, now),
    audibleSince: audibleSince(witness, state.audibleSince, state.timing),
    missedSince: missedSince(state, witness, now),
    heardBy: news.length === 0 ? state.heardBy : new Set([...state.heardBy, ...news]),
  };
}

/** Since when peers may have been in contact: of one that was not audible before nobody can tell. */
function contactSince(
  { peerContactSince, audibleSince: heard }: ElectionState,
  contacts: ReadonlyMap<NodeName, Instant>,
  now: Instant,
): Instant {
  const audible = new Set([...heard.keys()].map((key) => key.slice(key.indexOf('/') + 1)));
  for (const node of contacts.keys()) if (!audible.has(node)) return NEVER;
  return peerContactSince ?? now;
}

function newest(contacts: ReadonlyMap<NodeName, Instant>): Instant {
  return Math.max(NEVER, ...contacts.values()) as Instant;
}

function isOutageNear(state: ElectionState, world: World, now: Instant): boolean {
  if (state.phase !== 'member' || now < add(state.authUntil, -AHEAD_MS)) return false;
  return state.peerContactSince === undefined && mayHold(state, world);
}

/**
 * A node that has heard no peer since its own last contact cannot tell whether the API server is away or
 * itself cut off: where the network swallows the witness, leases alone decide. Unless it is alone, and
 * whoever comes knows that it has to ask on the segment first (design 4.4.3).
 */
function mayHold(state: ElectionState, { witness }: World): boolean {
  if (lastHeardAt(witness) >= state.contactAt) return true;
  // Known too late is as good as unknown: by now somebody may have looked without seeing it.
  const { mayHoldSince, authUntil } = state;
  return mayHoldSince !== undefined && mayHoldSince < authUntil && isAlone(state, witness);
}

/** Whether nobody could have been heard: the witness is on, and no other incarnation is live. */
export function isAlone({ view, verdicts }: ElectionState, witness: World['witness']): boolean {
  if (witness === undefined) return false;
  return [...view.values()].every((peer) => standing(verdicts, peer) === 'dead');
}

/**
 * Whoever asked on the segment while a lone speaker was silent found nobody, and may have taken over: with
 * nobody to hear it must not begin again by itself.
 */
function wasInterrupted(state: ElectionState, { witness }: World, now: Instant): boolean {
  if (state.phase !== 'held' || now < state.heldUntil) return false;
  return lastHeardAt(witness) < state.contactAt;
}

/** Notes when it became known that whoever reads our claims finds that we may hold. */
function withMayHold(state: ElectionState, now: Instant): ElectionState {
  const said = committedContent(state)?.mayHold === true;
  const isSure = said && undecided(state.claims).every(({ mayHold }) => mayHold);
  return { ...state, mayHoldSince: isSure ? (state.mayHoldSince ?? now) : undefined };
}

function held(state: ElectionState, now: Instant): ElectionState {
  return { ...state, phase: 'held', heldUntil: add(now, HOLD_MS) };
}

/** A peer is in contact: it may judge us as soon as it has been for takerPatience. */
function yielding(state: ElectionState, now: Instant): ElectionState {
  const { timing, peerContactSince = now } = state;
  if (state.phase === 'held') {
    if (now - peerContactSince < timing.takerPatience * HOLD_GRACE) return held(state, now);
    return lapse(state, 'others reach the API server, and it does not', now);
  }
  if (now - state.authUntil < SILENT_BEATS * timing.beatInterval) {
    return { ...state, phase: 'silent' };
  }
  return lapse(state, 'its lease ran out', now);
}

/** When the oldest renewal was sent that has failed since the last that was acknowledged. */
function firstFailedAt({ heartbeat }: ElectionState): number {
  const times = [...heartbeat.attempts]
    .filter(([write]) => write > heartbeat.committed && write !== heartbeat.inFlight)
    .map(([, { sentAt }]) => sentAt);
  return Math.min(Number.POSITIVE_INFINITY, ...times);
}
