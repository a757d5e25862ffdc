import { add, type Instant, NEVER } from '../instant.ts';
import type { IncarnationId, NodeName, PublishedLink, Vip } from '../model.ts';
import { type Ring, ringOf } from './rank.ts';
import type { Claim, LeaseStamp } from './records.ts';
import { openRegister, type Register } from './register.ts';
import type { Timing } from './timing.ts';
import { NO_VERDICTS, type Verdicts } from './verdict.ts';
import type { View } from './view.ts';

/** Pause between the end of an incarnation and the LIST that begins the next. */
const REJOIN_MS = 50;

/** Who this agent process is: constant over its life. */
export interface Self {
  readonly node: NodeName;
  readonly bootId: string;
  readonly session: string;
}

/** What a claims lease says besides its stamp. */
export interface ClaimsContent {
  readonly vips: ReadonlyMap<Vip, Claim>;
  readonly fences: ReadonlySet<IncarnationId>;
  readonly joined: number;
  readonly draining: boolean;
  readonly links: readonly PublishedLink[];
}

/**
 * `reading`: a LIST must show what our Leases hold. `writing`: the new incarnation is being written and
 * has not been seen back. `member`: authority is held. (Suspicion is the wires' own; hold belongs here.)
 */
export type Phase = 'reading' | 'writing' | 'member';

/** A change of ownership, for people: the log, events, metrics. */
export interface Move {
  readonly vip: Vip;
  readonly from: NodeName | undefined;
  readonly to: NodeName | undefined;
  readonly reason: string;
}

/** A LIST under way, and what its answer may prove. */
export interface Listing {
  readonly token: number;
  /** Newest claims write that was committed when it began. */
  readonly forWrite: number;
  /** Newest revision heard of when it began. */
  readonly newest: bigint;
  /** Fences that were committed when it began. */
  readonly published: ReadonlySet<IncarnationId>;
}

/** The ownership protocol of one node. Immutable: events and `decide` return the next one. */
export interface ElectionState {
  readonly self: Self;
  readonly timing: Timing;
  readonly phase: Phase;
  readonly incarnation: number;
  readonly joined: number;
  readonly draining: boolean;
  /** Number of the newest write, over both Leases. */
  readonly write: number;
  readonly heartbeat: Register<undefined>;
  readonly claims: Register<ClaimsContent>;
  readonly nextHeartbeatAt: Instant;
  readonly nextClaimsAt: Instant;
  readonly nextListAt: Instant;
  /** When the newest heartbeat was acknowledged, until it is seen back. */
  readonly unseenSince: Instant | undefined;
  readonly listing: Listing | undefined;
  /** Newest claims write that a finished barrier covers. */
  readonly barrier: number;
  /** No answer leaves at or after it (I4). */
  readonly authUntil: Instant;
  /** Send time of the newest own heartbeat that was seen back. */
  readonly provenAt: Instant;
  /** Until then a wire of a predecessor on this host may still let a frame pass; set by the first join. */
  readonly quietUntil: Instant | undefined;
  /** When this process became a member for the first time. */
  readonly firstMemberAt: Instant | undefined;
  /** Newest revision heard of. */
  readonly newest: bigint;
  /** A linearizable LIST was older than that: the API server was restored from a backup. */
  readonly wentBack: boolean;
  readonly view: View;
  readonly verdicts: Verdicts;
  /** VIPs that we claim or want to. */
  readonly wanted: ReadonlyMap<Vip, Claim>;
  /** Committed claims, with the claims write since which each has stood without interruption. */
  readonly claimedAt: ReadonlyMap<Vip, number>;
  /** VIPs that we own, with the epoch: the revision of the barrier that activated them. */
  readonly active: ReadonlyMap<Vip, bigint>;
  /** Who claimed each VIP last, as far as we saw. */
  readonly lastClaimants: ReadonlyMap<Vip, NodeName>;
  readonly ring: Ring;
  /** Changes of ownership that `decide` has not handed out yet. */
  readonly moves: readonly Move[];
  /** Why the last incarnation ended. */
  readonly lapsed: string | undefined;
}

/** An agent that has not read the Leases yet. */
export function initialState(self: Self, timing: Timing): ElectionState {
  return {
    self,
    timing,
    phase: 'reading',
    incarnation: 0,
    joined: 0,
    draining: false,
    write: 0,
    heartbeat: openRegister(undefined),
    claims: openRegister(undefined),
    nextHeartbeatAt: NEVER,
    nextClaimsAt: NEVER,
    nextListAt: NEVER,
    unseenSince: undefined,
    listing: undefined,
    barrier: 0,
    authUntil: NEVER,
    provenAt: NEVER,
    quietUntil: undefined,
    firstMemberAt: undefined,
    newest: 0n,
    wentBack: false,
    view: new Map(),
    verdicts: NO_VERDICTS,
    wanted: new Map(),
    claimedAt: new Map(),
    active: new Map(),
    lastClaimants: new Map(),
    ring: ringOf([]),
    moves: [],
    lapsed: undefined,
  };
}

/**
 * The state after this node lost its authority: nothing is owned or claimed, and the next incarnation
 * starts by reading. What it has seen of others, its fences and its verdicts stay (I5, I6).
 */
export function lapse(state: ElectionState, reason: string, now: Instant): ElectionState {
  const stopped = [...state.active.keys()].map((vip) => ({
    vip,
    from: state.self.node,
    to: undefined,
    reason,
  }));
  return {
    ...state,
    phase: 'reading',
    heartbeat: openRegister(undefined),
    claims: openRegister(undefined),
    nextHeartbeatAt: NEVER,
    // Not at once: two agents under one name would drive each other round at the API server's pace.
    nextListAt: add(now, REJOIN_MS),
    nextClaimsAt: NEVER,
    unseenSince: undefined,
    listing: undefined,
    barrier: 0,
    authUntil: NEVER,
    provenAt: NEVER,
    wanted: new Map(),
    claimedAt: new Map(),
    active: new Map(),
    moves: [...state.moves, ...stopped],
    lapsed: reason,
  };
}

/** What the claims lease holds as far as we know: the content of its newest committed write. */
export function committedContent(state: ElectionState): ClaimsContent | undefined {
  return state.claims.attempts.get(state.claims.committed)?.content;
}

/** The stamp of write number `write` under the present incarnation. */
export function stamp(state: ElectionState, write: number): LeaseStamp {
  return { ...state.self, incarnation: state.incarnation, write };
}
