import { add, type Instant, NEVER } from '../instant.ts';
import type { IncarnationId, NodeName, PublishedLink, Vip } from '../model.ts';
import type { Namesake } from './namesake.ts';
import { NO_PROBES, type Probes } from './probing.ts';
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
  /** Of this machine since it was started: what runs under the same one shares the lock of the host. */
  readonly bootId: string;
  readonly session: string;
}

/** What a claims lease says besides its stamp. */
export interface ClaimsContent {
  readonly vips: ReadonlyMap<Vip, Claim>;
  readonly leaving: ReadonlySet<Vip>;
  readonly fences: ReadonlySet<IncarnationId>;
  readonly joined: number;
  readonly draining: boolean;
  readonly mayHold: boolean;
  readonly links: readonly PublishedLink[];
}

/**
 * `reading`: a LIST must show what our Leases hold. `writing`: the new incarnation is being written and
 * has not been seen back. `member`: authority is held by the lease. `held`: the lease ran out while the
 * API server was away for everybody audible. `silent`: it ran out, and for a moment it may turn out to be
 * that; nothing is answered meanwhile. (Suspicion is the wires' own.)
 */
export type Phase = 'reading' | 'writing' | 'member' | 'held' | 'silent';

/** A release that was heard on the segment. */
export interface Release {
  /** The write number up to which the incarnation's claims on the VIP are void. */
  readonly upTo: number;
  /** Since then it has answered for it no more. */
  readonly at: Instant;
  /** Whose write numbers these are: a process counts its own. */
  readonly session: string | undefined;
}

/** Why and since when an owned VIP is to move; it is answered until a successor is ready. */
export interface Leaving {
  readonly reason: string;
  readonly since: Instant;
  /** When another node's claim on it was seen first. */
  readonly claimedSince: Instant | undefined;
}

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
  readonly beganAt: Instant;
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
  /** Newest claims write that a finished barrier covers, and the revision of that barrier. */
  readonly barrier: number;
  readonly barrierRevision: bigint;
  /** No answer leaves at or after it (I4). */
  readonly authUntil: Instant;
  /** Send time of the newest own heartbeat that was seen back. */
  readonly provenAt: Instant;
  /** Send time of the newest own heartbeat that was acknowledged: our contact with the API server. */
  readonly contactAt: Instant;
  /** Since when our beats have shown contact without a gap: an audible peer may have held until then. */
  readonly shownSince: Instant;
  /** Since when it is known that the committed claims say `mayHold`. */
  readonly mayHoldSince: Instant | undefined;
  /** While the phase is `held`: until when the authority is handed out. */
  readonly heldUntil: Instant;
  /** Newest contact that an audible peer has told, if it counts, and since when one has. */
  readonly peerContactAt: Instant | undefined;
  readonly peerContactSince: Instant | undefined;
  /** Since when each peer has been audible without a break: `<link>/<node>`. */
  readonly audibleSince: ReadonlyMap<string, Instant>;
  /** Since when each audible peer hears us no more, which it did: `<link>/<node>`. */
  readonly missedSince: ReadonlyMap<string, Instant>;
  /** Who has ever said that it hears us: `<link>/<node>`. */
  readonly heardBy: ReadonlySet<string>;
  /** Incarnations that have fenced themselves on the segment. */
  readonly selfFenced: ReadonlySet<IncarnationId>;
  /** What incarnations have released on the segment. */
  readonly released: ReadonlyMap<IncarnationId, ReadonlyMap<Vip, Release>>;
  /** Until then a wire of a predecessor on this host may still let a frame pass; set by the first join. */
  readonly quietUntil: Instant | undefined;
  /** The claims of the process before us on this host were handed to us, and we are no member yet. */
  readonly inherits: boolean;
  /** While reading: another machine under our name that is waited for. */
  readonly namesake: Namesake | undefined;
  /** When this process became a member for the first time. */
  readonly firstMemberAt: Instant | undefined;
  /** Newest revision heard of. */
  readonly newest: bigint;
  /** A linearizable LIST was older than that: the API server was restored from a backup. */
  readonly wentBack: boolean;
  readonly view: View;
  readonly verdicts: Verdicts;
  readonly probes: Probes;
  /** VIPs that we claim or want to. */
  readonly wanted: ReadonlyMap<Vip, Claim>;
  /** Of these, the ones that are to move. */
  readonly leaving: ReadonlyMap<Vip, Leaving>;
  /** VIPs that a successor is ready for or has taken: not wanted again at once. */
  readonly yielded: ReadonlyMap<Vip, { readonly at: Instant; readonly reason: string }>;
  /** VIPs of which a release was told, with the write number up to which our claims on them are void. */
  readonly voidUpTo: ReadonlyMap<Vip, number>;
  /** When the fences that rest on the witness alone were committed. */
  readonly fencedAt: ReadonlyMap<IncarnationId, Instant>;
  /** VIPs given up under this incarnation; told on the segment once no wire holds them. */
  readonly stopping: ReadonlySet<Vip>;
  /** When a READY was told last for a VIP that waits for its release. */
  readonly readyAt: ReadonlyMap<Vip, Instant>;
  /** Of each VIP that we own: since when its predecessor has answered no more; requests since then are ours. */
  readonly silentSince: ReadonlyMap<Vip, Instant>;
  /** When each VIP was taken over by this incarnation, for those of the last seconds. */
  readonly takenAt: ReadonlyMap<Vip, Instant>;
  /** When VIPs changed hands, as far as seen and recent: what limits failback. */
  readonly moveTimes: ReadonlyMap<Vip, readonly Instant[]>;
  /** When failback is to be thought about again. */
  readonly failbackAt: Instant;
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

const NOTHING_MOVES = {
  leaving: new Map<Vip, Leaving>(),
  yielded: new Map<Vip, { readonly at: Instant; readonly reason: string }>(),
  voidUpTo: new Map<Vip, number>(),
  fencedAt: new Map<IncarnationId, Instant>(),
  stopping: new Set<Vip>(),
  readyAt: new Map<Vip, Instant>(),
  takenAt: new Map<Vip, Instant>(),
  silentSince: new Map<Vip, Instant>(),
};

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
    barrierRevision: 0n,
    authUntil: NEVER,
    provenAt: NEVER,
    contactAt: NEVER,
    shownSince: NEVER,
    mayHoldSince: undefined,
    heldUntil: NEVER,
    peerContactAt: undefined,
    peerContactSince: undefined,
    audibleSince: new Map(),
    missedSince: new Map(),
    heardBy: new Set(),
    selfFenced: new Set(),
    released: new Map(),
    quietUntil: undefined,
    inherits: false,
    namesake: undefined,
    firstMemberAt: undefined,
    newest: 0n,
    wentBack: false,
    view: new Map(),
    verdicts: NO_VERDICTS,
    probes: NO_PROBES,
    wanted: new Map(),
    ...NOTHING_MOVES,
    moveTimes: new Map(),
    failbackAt: NEVER,
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
    contactAt: NEVER,
    wanted: new Map(),
    ...NOTHING_MOVES,
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
