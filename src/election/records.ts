import type { IncarnationId, NodeName, PublishedLink, Vip } from '../model.ts';

/** What every Lease that an agent writes says about its writing. */
export interface LeaseStamp {
  readonly node: NodeName;
  readonly bootId: string;
  readonly incarnation: number;
  /** Random, one for each agent process: tells our own ambiguous writes from those of a predecessor. */
  readonly session: string;
  /** Write number within the session, counted up with every attempt. */
  readonly write: number;
}

/** `hb.<node>`: small, rewritten every `renewInterval`. */
export interface Heartbeat extends LeaseStamp {
  readonly kind: 'heartbeat';
}

/** `claims.<node>`: written on change only. */
export interface Claims extends LeaseStamp {
  readonly kind: 'claims';
  readonly vips: ReadonlyMap<Vip, Claim>;
  /** Of these, the ones that are to move: they give way to any other claim, and block it until released. */
  readonly leaving: ReadonlySet<Vip>;
  /** Incarnations that this node has judged dead and that have not shown a newer one since. */
  readonly fences: ReadonlySet<IncarnationId>;
  /** Position in the order of joining: the first 32 make up the speaker set. */
  readonly joined: number;
  /** The node takes no VIP: it drains, or has left. */
  readonly draining: boolean;
  /**
   * No other node was live when this was written: its writer may hold on in an outage of the API server
   * with nobody to hear it, and has to be asked on the segment before it is called dead (design 4.4.3).
   */
  readonly mayHold: boolean;
  readonly links: readonly PublishedLink[];
}

export interface Claim {
  /** Why it was claimed: `first claim`, `n1 is dead` ... for people, never compared. */
  readonly reason: string;
  /** The node that had it before, if any. */
  readonly from: NodeName | undefined;
}

/** A Lease as stored: its content and etcd's revision, which orders all Leases of one namespace. */
export interface Stored<T> {
  readonly record: T;
  readonly revision: bigint;
}

/**
 * All Leases of the election at one revision: the state of the watch, or the answer of a LIST.
 * An object that is absent does not exist at `revision`.
 */
export interface LeaseCut {
  readonly revision: bigint;
  readonly heartbeats: ReadonlyMap<NodeName, Stored<Heartbeat>>;
  readonly claims: ReadonlyMap<NodeName, Stored<Claims>>;
  /** Leases that exist but make no sense (somebody edited them), with their revision. */
  readonly unreadable: ReadonlyMap<LeaseKey, bigint>;
}

export type LeaseKey = `${'heartbeat' | 'claims'}/${NodeName}`;

/** The identity that a stamp carries, as `holderIdentity` and fences spell it. */
export function incarnationId(stamp: LeaseStamp): IncarnationId {
  return `${stamp.node}/${stamp.bootId}/${stamp.incarnation}`;
}
