import { add, type Instant } from '../instant.ts';
import type { IncarnationId } from '../model.ts';
import { namesakeIn, nextLookAt } from './namesake.ts';
import type { LeaseCut } from './records.ts';
import { openRegister } from './register.ts';
import type { ElectionState, Listing } from './state.ts';

/**
 * A wire ends with its agent, but a frame that it let pass may take until then (A2): a successor on the
 * same host voids the claims of a predecessor that did not release them no sooner.
 */
const LAST_FRAME_MS = 250;

/** The state after the LIST that a join needs: it joins, unless another machine lives under our name. */
export function entered(
  state: ElectionState,
  { beganAt }: Listing,
  cut: LeaseCut,
  now: Instant,
): ElectionState {
  const namesake = namesakeIn(state, cut, { beganAt, now });
  if (namesake === undefined) return joined({ ...state, namesake }, cut, now);
  const nextListAt = nextLookAt(namesake, state.timing, now);
  return { ...state, namesake, inherits: false, nextListAt };
}

/** The state that takes over our Leases as they are stored, under the next incarnation. */
export function joined(state: ElectionState, cut: LeaseCut, now: Instant): ElectionState {
  const node = state.self.node;
  const heartbeat = cut.heartbeats.get(node);
  const claims = cut.claims.get(node);
  const known = [state.incarnation, heartbeat?.record.incarnation, claims?.record.incarnation];
  const others = [...state.view.values()].map((peer) => peer.claims?.joined ?? 0);
  const own = claims?.record.joined ?? state.joined;
  const { bootId, session } = state.self;
  const quietUntil = state.quietUntil ?? add(now, LAST_FRAME_MS);
  // Whatever its claims say now: it may have answered for others, and they were deleted or etcd restored.
  const orphaned =
    claims === undefined || (claims.record.bootId === bootId && claims.record.session !== session);
  return {
    ...state,
    phase: 'writing',
    incarnation: Math.max(...known.map((number) => number ?? 0), ...fencesOfOurs(state)) + 1,
    joined: own > 0 ? own : Math.max(0, ...others) + 1,
    heartbeat: openRegister(heartbeat?.revision ?? cut.unreadable.get(`heartbeat/${node}`)),
    claims: openRegister(claims?.revision ?? cut.unreadable.get(`claims/${node}`)),
    quietUntil,
    nextClaimsAt: orphaned && !state.inherits ? quietUntil : state.nextClaimsAt,
    wanted: inherited(state, cut),
    barrier: 0,
  };
}

/** What a process that was handed the lock still wishes to go on with, if its first attempt was refused. */
function inherited(state: ElectionState, cut: LeaseCut): ElectionState['wanted'] {
  const { node } = state.self;
  const last = cut.claims.get(node)?.record;
  if (!state.inherits || last === undefined) return state.wanted;
  const claim = { from: node, reason: 'handed over by the agent before' };
  return new Map([...last.vips.keys()].map((vip) => [vip, claim]));
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
