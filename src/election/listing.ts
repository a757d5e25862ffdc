import { add, FOREVER, type Instant } from '../instant.ts';
import type { IncarnationId, NodeName } from '../model.ts';
import { blockers } from './barrier.ts';
import type { World } from './decide.ts';
import { committedContent, type ElectionState } from './state.ts';

/** A committed write that has not come back by the watch for this long is looked for by a LIST. */
const ECHO_PATIENCE_MS = 300;

/** Between the commit of a fence that rests on the witness alone and the barrier that makes it final. */
const FENCE_GRACE_MS = 50;

/** A LIST is due to join, to learn why a write was refused, as a read barrier, or for a missing echo. */
export function withListing(
  state: ElectionState,
  world: World,
  now: Instant,
): { state: ElectionState; token: number | undefined } {
  const idle = { state, token: undefined };
  if (state.listing !== undefined || now < state.nextListAt) return idle;
  const neverJoins = state.draining && state.incarnation === 0;
  const joining = state.phase === 'reading' && world.held.size === 0 && !neverJoins;
  const refused = state.heartbeat.refused || state.claims.refused;
  const echoLost =
    state.unseenSince !== undefined && now - state.unseenSince >= echoPatience(state);
  if (!joining && !refused && !echoLost && !needsBarrier(state, now)) return idle;
  const token = state.write + 1;
  const listing = {
    token,
    beganAt: now,
    forWrite: state.claims.committed,
    newest: state.newest,
    published: ripeFences(state, now),
  };
  // After an echo was looked for, the next look waits as long again.
  const unseenSince = echoLost ? now : state.unseenSince;
  return { state: { ...state, write: token, listing, unseenSince }, token };
}

/** Whether a barrier could activate a claim or settle a verdict that none before it could. */
function needsBarrier(state: ElectionState, now: Instant): boolean {
  // The first heartbeat need not have come back by the watch: the LIST shows it too. But it has to be
  // committed, or others might take our claims for those of the incarnation before, of which they know the end.
  const isAboutToJoin = state.phase === 'writing' && state.heartbeat.committed > 0;
  if (state.phase !== 'member' && !isAboutToJoin) return false;
  const ripe = ripeFences(state, now);
  for (const id of state.verdicts.provisional.keys()) if (ripe.has(id)) return true;
  for (const [vip, write] of state.claimedAt) {
    if (state.active.has(vip) || !state.wanted.has(vip) || state.barrier >= write) continue;
    if (!blockers(state, vip).some((node) => isUnripe(state, node, ripe))) return true;
  }
  return false;
}

/** A verdict by the witness alone is settled a little later: a barrier now could not activate the claim. */
function isUnripe(state: ElectionState, node: NodeName, ripe: ReadonlySet<IncarnationId>): boolean {
  const id = state.view.get(node)?.identity ?? '';
  return state.verdicts.provisional.has(id) && !ripe.has(id);
}

/**
 * The committed fences that a barrier may make final. One that rests on the witness alone gives its subject
 * time to read it: it may be alive, and hears of it by its watch or by a beat.
 */
function ripeFences(state: ElectionState, now: Instant): ReadonlySet<IncarnationId> {
  const fences = committedContent(state)?.fences ?? new Set<IncarnationId>();
  const { bySilence, doubted } = state.verdicts;
  if (bySilence.size + doubted.size === 0) return fences;
  return new Set(
    [...fences.difference(doubted)].filter(
      (id) => !bySilence.has(id) || now >= ripeAt(state.fencedAt.get(id)),
    ),
  );
}

export function ripeAt(fencedAt: Instant | undefined): Instant {
  return fencedAt === undefined ? FOREVER : add(fencedAt, FENCE_GRACE_MS);
}

export function echoPatience(state: ElectionState): number {
  return Math.min(ECHO_PATIENCE_MS, state.timing.renewInterval / 2);
}
