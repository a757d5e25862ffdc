import type { Instant } from '../instant.ts';
import type { Vip } from '../model.ts';

/** What an agent tells the wire process of one link, over the IPC channel. */
export type ToWire = Table | Permit;

/** Replaces the wire's whole table: what is not in it is not answered any more. */
export interface Table {
  readonly kind: 'table';
  /** Counted up by the agent; the wire acknowledges it once it is in force. */
  readonly version: number;
  readonly vips: readonly TableEntry[];
}

export interface TableEntry {
  readonly vip: Vip;
  /** Resource version of the barrier that activated the ownership, in decimal. A change of it is a new takeover. */
  readonly epoch: string;
}

/** Sent every 50 ms tick: keeps the wire answering, and asks for a sign of life. */
export interface Permit {
  readonly kind: 'permit';
  readonly ping: number;
  /** No frame leaves at or after it. Null: no authority. */
  readonly until: Instant | null;
  /** Send time of the newest own heartbeat that was seen back: a suspicion raised before it is settled. Null: none yet. */
  readonly provenAt: Instant | null;
}

/** The permission of the moment, as the agent hands it to every wire on each tick. */
export type Grant = Pick<Permit, 'until' | 'provenAt'>;

/** What a wire tells its agent. */
export type FromWire = Ready | Ack | Pong | Failed;

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
}

/** Last words before the wire ends by itself. */
export interface Failed {
  readonly kind: 'failed';
  readonly reason: string;
}
