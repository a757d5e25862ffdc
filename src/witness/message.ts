import type { BeatContent, IncarnationId, NodeName, Utterance } from '../model.ts';

/** What the wires of a segment say to each other. */
export type WitnessMessage = Beat | Said;

/**
 * What every message carries. The sequence number is the sender's boot-time clock in microseconds,
 * and always higher than the one before: it grows over restarts of the wire too.
 */
export interface Stamp {
  readonly sender: IncarnationId;
  readonly seq: number;
}

/** Said at a steady pace: what the node says of itself, and whom it hears. */
export interface Beat extends Stamp, BeatContent {
  readonly kind: 'beat';
  readonly echoes: readonly Echo[];
  /** Not all echoes fitted into the frame; the next beats carry the others. */
  readonly echoesCut: boolean;
}

/** The newest sequence number that the sender heard from a node on this link. */
export interface Echo {
  readonly node: NodeName;
  readonly seq: number;
}

/** Said once, in several copies: each has its own sequence number, all have the same `said`. */
export interface Said extends Stamp {
  readonly kind: 'said';
  readonly said: number;
  readonly utterance: Utterance;
}
