import { add, FOREVER, type Instant, NEVER } from '../instant.ts';
import type { IncarnationId, Takeover, Utterance, Vip } from '../model.ts';
import { asksForSuccessors } from './authority.ts';
import { blockers } from './barrier.ts';
import type { Beat, World } from './decide.ts';
import { audible, audibleBeats, type WitnessReport } from './hearing.ts';
import { incarnationId } from './records.ts';
import { committedContent, type ElectionState, type Move, stamp } from './state.ts';
import { contactGap } from './timing.ts';

/** A READY that was not followed by a release is said again. */
const READY_AGAIN_MS = 100;
/** For so long a takeover is told with every beat. */
const TAKEOVER_MS = 3000;
/** A VIP that a successor took is not wanted again before we know better. */
const YIELDED_MS = 1000;

/** What every beat says from now on. */
export function beatOf(
  state: ElectionState,
  suspects: ReadonlySet<IncarnationId>,
  now: Instant,
): Beat {
  const { phase, self, takenAt, active } = state;
  const takeovers: Takeover[] = [];
  for (const [vip, at] of takenAt) {
    const epoch = active.get(vip);
    if (epoch !== undefined && now - at < TAKEOVER_MS) takeovers.push({ vip, epoch });
  }
  const isOne = phase !== 'reading';
  return {
    sender: isOne ? incarnationId(stamp(state, 0)) : `${self.node}/${self.bootId}/0`,
    contactAt: state.contactAt,
    leaving: asksForSuccessors(state, now),
    fences: fencesToTell(state),
    suspects: [...suspects],
    takeovers,
  };
}

/** Those first whose subjects lived last and may still answer: a beat that is full ends in the middle. */
function fencesToTell(state: ElectionState): readonly IncarnationId[] {
  const seenAt = new Map([...state.view.values()].map((peer) => [peer.identity, peer.seenAt]));
  const lived = (id: IncarnationId) => seenAt.get(id) ?? NEVER;
  const fences = [...(committedContent(state)?.fences ?? [])];
  return fences.sort((a, b) => Number(lived(a) < lived(b)) - Number(lived(a) > lived(b)));
}

/**
 * What is to be said at once: that VIPs are released which no wire holds any more, and that our claims are
 * ready to take over from owners that are to move.
 */
export function told(
  state: ElectionState,
  wires: Pick<World, 'held' | 'witness'>,
  now: Instant,
): { state: ElectionState; tell: readonly Utterance[] } {
  const tell: Utterance[] = [];
  const stopped = [...state.stopping].filter(
    (vip) => !wires.held.has(vip) && !state.active.has(vip),
  );
  if (stopped.length > 0) {
    tell.push({ kind: 'release', vips: stopped, upTo: state.write });
  }
  const stopping =
    stopped.length === 0 ? state.stopping : new Set(state.stopping).difference(new Set(stopped));
  const { readyAt, calls } = readyCalls(state, wires.witness, now);
  for (const [to, vips] of calls) {
    tell.push({ kind: 'ready', to, vips, revision: state.barrierRevision });
  }
  const isQuiet = stopped.length === 0 && readyAt.size === 0 && state.readyAt.size === 0;
  if (isQuiet) return { state, tell };
  return { state: { ...withoutClaims(state, stopped), stopping, readyAt }, tell };
}

/** After a release was told nothing written so far claims the VIPs: to own one again takes a new write. */
function withoutClaims(state: ElectionState, stopped: readonly Vip[]): ElectionState {
  if (stopped.length === 0) return state;
  const voidUpTo = new Map(state.voidUpTo);
  const claimedAt = new Map(state.claimedAt);
  for (const vip of stopped) {
    voidUpTo.set(vip, state.write);
    claimedAt.delete(vip);
  }
  return { ...state, voidUpTo, claimedAt };
}

/** When something is to be said again, or a VIP may be wanted again. */
export function tellAt({ readyAt, yielded }: ElectionState): Instant {
  let at: number = FOREVER;
  for (const { at: since } of yielded.values()) at = Math.min(at, add(since, YIELDED_MS));
  for (const time of readyAt.values()) at = Math.min(at, add(time, READY_AGAIN_MS));
  return at as Instant;
}

/** Owners that are to move and that alone keep our committed claims from being answered. */
function readyCalls(state: ElectionState, report: WitnessReport | undefined, now: Instant) {
  const calls = new Map<IncarnationId, Vip[]>();
  const readyAt = new Map<Vip, Instant>();
  if (state.phase !== 'member') return { readyAt, calls };
  for (const [vip, write] of state.claimedAt) {
    if (state.active.has(vip) || !state.wanted.has(vip) || write > state.barrier) continue;
    const [owner, ...others] = blockers(state, vip);
    const peer = owner === undefined ? undefined : state.view.get(owner);
    if (owner === undefined || peer === undefined || others.length > 0) continue;
    const id = peer.identity;
    const asks = audible(report, owner, id, state.timing)?.leaving === true;
    if (!asks && peer.claims?.leaving.has(vip) !== true) continue;
    const last = state.readyAt.get(vip);
    if (last !== undefined && now - last < READY_AGAIN_MS) {
      readyAt.set(vip, last);
      continue;
    }
    readyAt.set(vip, now);
    calls.set(id, [...(calls.get(id) ?? []), vip]);
  }
  return { readyAt, calls };
}

/** The VIPs that successors have taken and that are not to be claimed again yet. */
function stillYielded(state: ElectionState, now: Instant): ElectionState['yielded'] {
  if (state.yielded.size === 0) return state.yielded;
  const inContact = now - state.contactAt <= contactGap(state.timing);
  return new Map([...state.yielded].filter(([, { at }]) => !inContact || now - at < YIELDED_MS));
}

/** G2: VIPs of which a peer tells a takeover in a later epoch: we were frozen or cut off meanwhile. */
function outbid(
  state: ElectionState,
  before: ElectionState['yielded'],
  report: WitnessReport | undefined,
  now: Instant,
): ElectionState['yielded'] {
  let yielded = before;
  for (const { id, takeovers } of audibleBeats(report, state.timing)) {
    for (const { vip, epoch } of takeovers) {
      const own = state.active.get(vip);
      if (own === undefined || own >= epoch) continue;
      const reason = `${id.split('/')[0]} took it over since`;
      yielded = new Map(yielded).set(vip, { at: now, reason });
    }
  }
  return yielded;
}

/** The state without the VIPs that successors are ready for or have taken; whatever the phase. */
export function yielding(
  before: ElectionState,
  report: WitnessReport | undefined,
  now: Instant,
): { state: ElectionState; moves: readonly Move[] } {
  const yielded = outbid(before, stillYielded(before, now), report, now);
  const state = yielded === before.yielded ? before : { ...before, yielded };
  const given = [...state.active.keys()].filter((vip) => yielded.has(vip));
  if (given.length === 0) return { state, moves: [] };
  const isKept = (vip: Vip) => !given.includes(vip);
  const moves = given.map((vip) => ({
    vip,
    from: state.self.node,
    to: undefined,
    reason: yielded.get(vip)?.reason ?? '',
  }));
  return {
    state: {
      ...state,
      active: new Map([...state.active].filter(([vip]) => isKept(vip))),
      wanted: new Map([...state.wanted].filter(([vip]) => isKept(vip))),
      leaving: new Map([...state.leaving].filter(([vip]) => isKept(vip))),
      stopping: state.stopping.union(new Set(given)),
    },
    moves,
  };
}
