import assert from 'node:assert/strict';
import { add, FOREVER, type Instant, NEVER } from '../instant.ts';
import type { BeatContent, IncarnationId, PublishedLink, Utterance, Vip } from '../model.ts';
import { authority, authorityWakeAt, isAlone } from './authority.ts';
import { recommitted } from './barrier.ts';
import { choose } from './choose.ts';
import type { Demand } from './eligible.ts';
import { sameContent } from './events.ts';
import {
  audibleIds,
  heardLinks,
  missedPatience,
  NO_SILENCE,
  silenceOf,
  type WitnessReport,
} from './hearing.ts';
import { echoPatience, ripeAt, withListing } from './listing.ts';
import { type ProbeOrder, probeAt, unsureOf, withoutSettled, withProbes } from './probing.ts';
import type { Claim, Claims, Heartbeat } from './records.ts';
import { sent, undecided } from './register.ts';
import { beatOf, tellAt, told, yielding } from './speech.ts';
import {
  type ClaimsContent,
  committedContent,
  type ElectionState,
  type Move,
  stamp,
} from './state.ts';
import { contactGap } from './timing.ts';
import { judged, nextVerdictAt } from './verdict.ts';

/** What the election decides upon besides its own state. */
export interface World {
  readonly demand: Demand;
  /** This node's usable links at this moment. */
  readonly links: readonly PublishedLink[];
  /** VIPs that a wire of ours may still be answering for. */
  readonly held: ReadonlySet<Vip>;
  /** When a wire became suspect, if one is (I8). */
  readonly suspectSince: Instant | undefined;
  /** Highest incarnation number of ours that a wire gave up by itself, 0 if none. */
  readonly selfFenced: number;
  /** What the witness has told; undefined where it is off. */
  readonly witness: WitnessReport | undefined;
}

/** A Lease to write: created if `base` is undefined, else replaced upon that revision. */
export interface LeaseWrite<T> {
  readonly base: bigint | undefined;
  readonly record: T;
}

/** What is to be done now, in this order: tables, then writes, then the LIST. */
export interface Decision {
  readonly state: ElectionState;
  /** The VIPs to answer for. */
  readonly active: ReadonlyMap<Vip, bigint>;
  /** VIPs that are claimed and may soon be answered for: who asks for them now is to be remembered. */
  readonly waiting: ReadonlySet<Vip>;
  /** Of each VIP to answer for: the requests that were remembered since then are to be answered too. */
  readonly silentSince: ReadonlyMap<Vip, Instant>;
  /** Null: no authority. */
  readonly until: Instant | null;
  /** Whose answers to look for on the segment now. */
  readonly probes: readonly ProbeOrder[];
  /** What to say on the segment now. */
  readonly tell: readonly Utterance[];
  /** What every beat says from now on. */
  readonly beat: Beat;
  readonly heartbeat: LeaseWrite<Heartbeat> | undefined;
  readonly claims: LeaseWrite<Claims> | undefined;
  /** Token of a linearizable LIST of all Leases to begin now. */
  readonly list: number | undefined;
  readonly moves: readonly Move[];
  readonly wakeAt: Instant;
  /** The node has left: nothing is answered and the release is committed. */
  readonly left: boolean;
  /** Why this process cannot go on and must be started anew. */
  readonly fatal: string | undefined;
}

/** A beat's content, with the time of the last contact instead of its age. */
export type Beat = Omit<BeatContent, 'contactAgeMs'> & { readonly contactAt: Instant };

/** Decides from the present state what to do at `now`. Pure: the same input gives the same decision. */
export function decide(before: ElectionState, world: World, now: Instant): Decision {
  const alive = authority(before, world, now);
  const given = yielding(alive, world.witness, now);
  const chosen = chosenState(given.state, world, now);
  const asking = withProbes(chosen.state, world, now);
  const beating = withHeartbeat(asking.state, world, now);
  const claiming = withClaims(beating.state, world, now);
  const listing = withListing(claiming.state, world, now);
  const telling = told(listing.state, world, now);
  const state = telling.state.moves.length === 0 ? telling.state : { ...telling.state, moves: [] };
  assertSound(state);
  // What was just released may be wanted again already: then it takes another write, in the next turn.
  const nextAt = state.voidUpTo === listing.state.voidUpTo ? chosen.wakeAt : now;
  return {
    state,
    active: state.active,
    waiting: new Set([...state.wanted.keys()].filter((vip) => !state.active.has(vip))),
    silentSince: state.silentSince,
    until: authorityOf(state),
    probes: asking.orders,
    tell: telling.tell,
    beat: beatOf(state, chosen.suspects, now),
    heartbeat: beating.write,
    claims: claiming.write,
    list: listing.token,
    moves: [...alive.moves, ...given.moves, ...chosen.moves],
    wakeAt: Math.min(wakeAt(state, now), nextAt) as Instant,
    left: hasLeft(state, world),
    fatal: state.wentBack
      ? 'The API server went back to an older revision: was etcd restored from a backup?'
      : undefined,
  };
}

/** Until when the wires may answer; null where there is no authority. */
export function authorityOf(state: ElectionState): Instant | null {
  if (state.phase === 'member') return state.authUntil;
  return state.phase === 'held' ? state.heldUntil : null;
}

/** What proves to the wires that nobody has taken over since: an echo that came in time (I8). */
export function proofOf(state: ElectionState): Instant | null {
  // One that comes after the lease ran out is too old for that.
  return state.phase === 'member' && state.provenAt !== NEVER ? state.provenAt : null;
}

function chosenState(
  before: ElectionState,
  world: World,
  now: Instant,
): {
  state: ElectionState;
  suspects: ReadonlySet<IncarnationId>;
  moves: readonly Move[];
  wakeAt: Instant;
} {
  if (before.phase !== 'member') {
    return { state: before, suspects: NO_SILENCE.suspects, moves: [], wakeAt: FOREVER };
  }
  const state = withoutSettled(before, world.demand);
  const { suspects, silenced } = silenceOf(state, world.witness, world.suspectSince, now);
  const { selfFenced, shownSince, timing, provenAt: contact } = state;
  const audible = audibleIds(world.witness, timing);
  const unsure = unsureOf(state);
  const grounds = { contact, shownSince, audible, silenced, unsure, selfFenced, timing };
  const verdicts = judged(state.verdicts, state.view, grounds, now);
  const links = heardLinks(state, world.links, world.witness, now);
  const input = { demand: world.demand, links, report: world.witness };
  const member = verdicts === state.verdicts ? state : { ...state, verdicts };
  const { wanted, leaving, ring, moves, failbackAt, wakeAt } = choose(member, input, now);
  const active = new Map([...state.active].filter(([vip]) => wanted.has(vip)));
  const lost = moves.map(({ vip }) => vip);
  const stopping = lost.length === 0 ? state.stopping : state.stopping.union(new Set(lost));
  return {
    state: { ...member, wanted, leaving, ring, active, stopping, failbackAt },
    suspects,
    moves,
    wakeAt,
  };
}

/** The heartbeat that is due: on schedule, or at once if a suspicion waits to be settled. */
function withHeartbeat(
  state: ElectionState,
  world: World,
  now: Instant,
): { state: ElectionState; write: LeaseWrite<Heartbeat> | undefined } {
  const idle = { state, write: undefined };
  // Claims first: a heartbeat of an incarnation whose claims are unknown would block every barrier.
  if (state.phase === 'reading' || state.claims.committed === 0) return idle;
  if (state.heartbeat.refused) return idle;
  const newest = newestSentAt(state);
  // A request that an outage has swallowed is not waited for once others reach the API server again.
  const isBack = state.phase === 'held' && newest < (state.peerContactSince ?? NEVER);
  if (state.heartbeat.inFlight !== undefined && !isBack) return idle;
  const settles = world.suspectSince !== undefined && newest < world.suspectSince;
  if (now < state.nextHeartbeatAt && !settles && !isBack) return idle;
  const write = state.write + 1;
  return {
    state: {
      ...state,
      write,
      heartbeat: sent(state.heartbeat, write, undefined, now),
      nextHeartbeatAt: add(now, state.timing.renewInterval),
    },
    write: { base: state.heartbeat.base, record: { kind: 'heartbeat', ...stamp(state, write) } },
  };
}

/** The claims write that is due. A VIP leaves it only after no wire can answer for it any more (I2). */
function withClaims(
  state: ElectionState,
  world: World,
  now: Instant,
): { state: ElectionState; write: LeaseWrite<Claims> | undefined } {
  const idle = { state, write: undefined };
  if (state.phase === 'reading' || now < state.nextClaimsAt) return idle;
  if (state.claims.inFlight !== undefined || state.claims.refused) return idle;
  // I5: the next incarnation is not announced while a wire may still answer under the last one. But for an
  // heir: its first write claims all that its predecessor claimed, and that one's wires stop before anybody could doubt it (0016).
  if (state.claims.committed === 0 && world.held.size > 0 && !state.inherits) return idle;
  const content = contentOf(state, world, now);
  // An attempt that may still commit is written over, whatever it said: until then nothing is certain.
  const settledAlready = undecided(state.claims).length === 0 && !hasVoid(state, content);
  if (settledAlready && sameContent(committedContent(state), content)) return idle;
  const write = state.write + 1;
  return {
    state: recommitted({ ...state, write, claims: sent(state.claims, write, content, now) }),
    write: {
      base: state.claims.base,
      record: { kind: 'claims', ...stamp(state, write), ...content },
    },
  };
}

/** Whether something is wanted that the committed claims say, and of which a release was told since. */
function hasVoid({ claims, voidUpTo }: ElectionState, { vips }: ClaimsContent): boolean {
  for (const vip of vips.keys()) if ((voidUpTo.get(vip) ?? 0) >= claims.committed) return true;
  return false;
}

function contentOf(state: ElectionState, world: World, now: Instant): ClaimsContent {
  const vips = new Map<Vip, Claim>(state.wanted);
  const leaving = new Set(state.leaving.keys());
  const committed = committedContent(state);
  for (const [vip, claim] of committed?.vips ?? []) {
    if (!world.held.has(vip) || vips.has(vip)) continue;
    vips.set(vip, claim);
    if (committed?.leaving.has(vip)) leaving.add(vip);
  }
  return {
    vips,
    leaving,
    fences: state.verdicts.fences,
    joined: state.joined,
    draining: state.draining,
    // Whoever holds by it must not take it back, which could commit.
    mayHold: state.phase === 'held' ? committed?.mayHold === true : isAlone(state, world.witness),
    links: heardLinks(state, world.links, world.witness, now),
  };
}

function newestSentAt(state: ElectionState): number {
  let newest = Number.NEGATIVE_INFINITY;
  for (const attempt of state.heartbeat.attempts.values()) {
    newest = Math.max(newest, attempt.sentAt);
  }
  return newest;
}

function wakeAt(state: ElectionState, now: Instant): number {
  const times: number[] = [state.nextHeartbeatAt, state.nextClaimsAt, state.nextListAt];
  if (state.phase !== 'reading' && state.phase !== 'writing') {
    times.push(authorityWakeAt(state, now));
    times.push(nextVerdictAt(state.verdicts, state.view, state.timing, now));
    times.push(state.shownSince + state.timing.takerPatience);
    // Of two, who loses contact does not trust its ears any longer.
    if (state.verdicts.doubted.size > 0) times.push(state.provenAt + contactGap(state.timing));
  }
  times.push(tellAt(state), probeAt(state));
  for (const at of state.fencedAt.values()) times.push(ripeAt(at));
  if (state.unseenSince !== undefined) times.push(state.unseenSince + echoPatience(state));
  for (const since of state.missedSince.values()) times.push(since + missedPatience(state.timing));
  return Math.min(...times.filter((time) => time > now));
}

function hasLeft(state: ElectionState, world: World): boolean {
  if (!state.draining || world.held.size > 0) return false;
  // After a lapse the claims of the last incarnation still stand: they are written off first.
  // But for those that another machine has overwritten.
  if (state.incarnation === 0 || state.namesake !== undefined) return true;
  const content = committedContent(state);
  return content?.draining === true && content.vips.size === 0;
}

/** A broken rule ends the process: the lease runs out, which is safe; going on would not be. */
function assertSound(state: ElectionState): void {
  for (const vip of state.active.keys()) {
    const isMember = state.phase !== 'reading' && state.phase !== 'writing';
    assert(isMember, `owns ${vip} without being a member`);
    assert(state.wanted.has(vip), `owns ${vip} without wanting it`);
    assert(state.claimedAt.has(vip), `owns ${vip} without a committed claim`);
  }
}
