import type { Instant } from '../instant.ts';
import type {
  BeatContent,
  IncarnationId,
  LinkHearing,
  Neighbour,
  NodeName,
  ProbeAnswer,
  Utterance,
  Vip,
} from '../model.ts';

/**
 * What an agent tells the wire process of one link, over the IPC channel. It carries what structured
 * cloning carries: bigints, maps and infinite instants too.
 */
export type ToWire = Table | Permit | WitnessSetup | Tell | Probe;

/** Replaces the wire's whole table: what is not in it is not answered any more. */
export interface Table {
  readonly kind: 'table';
  /** Counted up by the agent; the wire acknowledges it once it is in force. */
  readonly version: number;
  readonly vips: readonly TableEntry[];
  /** Claimed, not active yet: who asks for them is remembered, and answered once they are. */
  readonly waiting: readonly Vip[];
}

export interface TableEntry {
  readonly vip: Vip;
  /** Resource version of the barrier that activated the ownership, in decimal. A change of it is a new takeover. */
  readonly epoch: string;
  /**
   * Requests that were remembered since then are to be answered too: nobody else has answered them. FOREVER:
   * nobody knows since when, and what has come in and is not read yet is not to be answered either.
   */
  readonly since: Instant;
}

/** Sent every 50 ms tick: keeps the wire answering, and asks for a sign of life. */
export interface Permit {
  readonly kind: 'permit';
  readonly ping: number;
  /** No frame leaves at or after it. Null: no authority. */
  readonly until: Instant | null;
  /** Send time of the newest own heartbeat that was seen back: a suspicion raised before it is settled. Null: none yet. */
  readonly provenAt: Instant | null;
  /** When the agent sent it: what the silence of the agent is measured from. */
  readonly sentAt: Instant;
  /** Number of the incarnation that all this is permitted to; 0: there is none now. */
  readonly incarnation: number;
  /** The API server is away for everybody: a suspicion may be settled by what peers say. */
  readonly held: boolean;
  /** What the node says of itself on the segment, with ages as of `sentAt`. Null: nothing. */
  readonly beat: BeatContent | null;
  /** Peers of whose silence this node alone may judge: it asks for them, to learn whether its own ears work. */
  readonly ask: readonly Neighbour[];
}

/** The permission of the moment, as the agent hands it to every wire on each tick. */
export type Grant = Omit<Permit, 'kind' | 'ping'>;

/** Who speaks on the witness, and how. */
export interface WitnessSettings {
  readonly node: NodeName;
  /** Of this machine since it was started: another machine under the same name is a peer. */
  readonly bootId: string;
  /** UID of the namespace `kube-system`. */
  readonly clusterUid: string;
  /** Contents of the key files in hexadecimal: the first signs, all verify. Null: the witness is off. */
  readonly keys: readonly string[] | null;
  readonly beatMs: number;
  /** So many beats that are missed, and 50 ms, are a silence. */
  readonly silentBeats: number;
  /** An API contact younger than this is fresh: 1.3 renewal intervals. */
  readonly contactMs: number;
}

/** Sent once a wire is ready, and whenever any of it changes. */
export interface WitnessSetup extends WitnessSettings {
  readonly kind: 'witness';
  /** The highest incarnation that any wire of the link has fenced: it is never permitted again. */
  readonly fenced: number;
}

/** To be said on the segment at once. */
export interface Tell {
  readonly kind: 'tell';
  readonly utterance: Utterance;
}

/** Ask the link who answers for these, three times, and tell what came of it. */
export interface Probe {
  readonly kind: 'probe';
  /** Counted up by the agent; comes back with the result. */
  readonly token: number;
  readonly vips: readonly Vip[];
}

/** What a wire tells its agent. */
export type FromWire = Ready | Ack | Pong | Failed | HeardNow | Told | SelfFenced | Probed;

export interface Ready {
  readonly kind: 'ready';
}

export interface Ack {
  readonly kind: 'ack';
  readonly version: number;
}

export interface Pong {
  readonly kind: 'pong';
  readonly ping: number;
  /** When the wire became suspect (a gap of its own ticks), null if it is not. */
  readonly suspectSince: Instant | null;
  /** Counters since the wire started, by metric key: `arp_answered`, `dropped_<reason>`, `sent_garp` ... */
  readonly counters: Readonly<Record<string, number>>;
  /** What was heard on the witness, if anything has been since the last pong. */
  readonly hearing?: LinkHearing;
}

/** A peer has fallen silent, or says something that must not wait for the next pong. */
export interface HeardNow {
  readonly kind: 'heard';
  readonly hearing: LinkHearing;
}

/** A peer has said something. */
export interface Told {
  readonly kind: 'told';
  readonly from: IncarnationId;
  /** When it was heard, in the order of the link: requests that came before it were handled before. */
  readonly at: Instant;
  readonly utterance: Utterance;
}

/**
 * The wire answers no more for this incarnation, nor for an earlier one: its agent was silent, or a
 * peer's beat carries a fence on it.
 */
export interface SelfFenced {
  readonly kind: 'self-fenced';
  readonly incarnation: number;
}

/**
 * The VIPs of a probe have all been asked for, and had the time to be answered. A wire that could not ask
 * tells nothing.
 */
export interface Probed {
  readonly kind: 'probed';
  readonly token: number;
  readonly answers: readonly ProbeAnswer[];
}

/** Last words before the wire ends by itself. */
export interface Failed {
  readonly kind: 'failed';
  readonly reason: string;
}
