import { add, type Instant } from '../instant.ts';
import { audible, type WitnessReport } from './hearing.ts';
import { isUnsure, type Suspect } from './probing.ts';
import type { Claims, LeaseCut } from './records.ts';
import type { ElectionState } from './state.ts';
import type { Timing } from './timing.ts';

interface Voice {
  readonly bootId: string;
  readonly number: number;
}

/** Why an incarnation ended, for people. */
export const SUPPLANTED = 'another machine runs an agent under its node name';

/**
 * Another machine under the name of ours, whose Leases stand where ours should: it runs an agent, or it is
 * this machine before it was started anew. Nobody can tell which, so it is waited for: who is there, stays.
 * It may be holding with nobody to hear it, and is asked on the segment then. Since `seenAt` it has shown no
 * sign of life. (What an earlier process of this boot has left needs no wait: the lock of the host is ours.)
 */
export interface Namesake extends Suspect {
  readonly bootId: string;
  /** Its Leases as the newest LIST showed them. */
  readonly trace: string;
  /** Whether it has shown one while we watched. */
  readonly isAlive: boolean;
}

/**
 * The namesake that is still to be waited for after a LIST, begun at `beganAt`, showed `cut`; undefined if
 * there is none, or none any more. Nothing that it wrote between two LISTs takerPatience apart means that its
 * authority is over: as of others, but by LISTs, since who has no heartbeat cannot tell how old its watch is.
 */
export function namesakeIn(
  { self, namesake: known, timing, probes }: ElectionState,
  cut: LeaseCut,
  { beganAt, now }: { readonly beganAt: Instant; readonly now: Instant },
): Namesake | undefined {
  const heartbeat = cut.heartbeats.get(self.node);
  const claims = cut.claims.get(self.node);
  const stranger = [heartbeat, claims].find((lease) => {
    return lease !== undefined && lease.record.bootId !== self.bootId;
  });
  const bootId = stranger?.record.bootId ?? known?.bootId;
  if (bootId === undefined || hasLeft(claims?.record)) return undefined;
  const trace = `${heartbeat?.revision} ${claims?.revision}`;
  if (known?.trace !== trace) {
    const { incarnation = 0 } = (heartbeat ?? claims)?.record ?? {};
    const identity = `${self.node}/${bootId}/${incarnation}`;
    const suspect = { identity, incarnation, claims: claims?.record, seenAt: now };
    return { ...suspect, bootId, trace, isAlive: known !== undefined };
  }
  const isOver = beganAt >= add(known.seenAt, timing.takerPatience) && !isUnsure(known, probes);
  return isOver ? undefined : known;
}

/** Whether it has ended in order: it claims nothing any more. */
function hasLeft(claims: Claims | undefined): boolean {
  return claims?.draining === true && claims.vips.size === 0;
}

/** When the Leases of a namesake are to be looked at again. */
export function nextLookAt({ seenAt }: Namesake, timing: Timing, now: Instant): Instant {
  const over = add(seenAt, timing.takerPatience);
  const next = add(now, timing.renewInterval);
  return over > now && over < next ? over : next;
}

/**
 * The state of a node that is about to join: a namesake that it hears, and that has an incarnation, may be
 * holding, and renews nothing then.
 */
export function namesakeHeard(
  state: ElectionState,
  report: WitnessReport | undefined,
  now: Instant,
): ElectionState {
  const voice = namesakeVoice(state, report);
  if (voice === undefined) return state;
  const { bootId, number: incarnation } = voice;
  const identity = `${state.self.node}/${bootId}/${incarnation}`;
  const unknown = { identity, incarnation, claims: undefined, trace: '' };
  const namesake = { ...unknown, ...state.namesake, bootId, seenAt: now, isAlive: true };
  return { ...state, namesake };
}

/** Whether another machine has taken our Leases over, as it says on the segment itself. */
export function isSupplanted(state: ElectionState, report: WitnessReport | undefined): boolean {
  return (namesakeVoice(state, report)?.number ?? 0) > state.incarnation;
}

/** The newest incarnation under our name for which another machine speaks. */
function namesakeVoice(
  { self, timing }: ElectionState,
  report: WitnessReport | undefined,
): Voice | undefined {
  let voice: Voice | undefined;
  for (const { peers } of report?.links.values() ?? []) {
    const id = peers.get(self.node)?.id;
    if (id === undefined || audible(report, self.node, id, timing) === undefined) continue;
    const [, bootId = '', digits] = id.split('/');
    const number = Number(digits);
    if (number > (voice?.number ?? 0)) voice = { bootId, number };
  }
  return voice;
}
