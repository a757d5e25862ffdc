import type { IncarnationParts } from './incarnation.ts';

/** More senders than this are forgotten, the longest silent first: a cluster has a few dozen. */
const MAX_STREAMS = 256;

/** What was accepted of one node since it booted. */
export interface Stream {
  seq: number;
  /** Beats accepted. */
  beats: number;
  /**
   * It has answered something that was said here: what comes from it is of today. Only a stream
   * that was unknown could be a recording.
   */
  proven: boolean;
}

/** How far each sender has been heard. Changed only by the function of this file. */
export type ReplayGuard = Map<string, Stream>;

/**
 * The stream that an authentic message belongs to, or `replayed` if it is not newer than what was
 * heard before. Numbers are the sender's boot-time clock, so they alone tell what is newer: incarnations
 * start over when somebody has deleted the Leases.
 */
export function accept(
  guard: ReplayGuard,
  { node, bootId }: Pick<IncarnationParts, 'node' | 'bootId'>,
  seq: number,
): Stream | 'replayed' {
  const key = `${node}/${bootId}`;
  const known = guard.get(key);
  if (known === undefined) {
    const stream = { seq, beats: 0, proven: false };
    guard.set(key, stream);
    for (const oldest of guard.keys()) {
      if (guard.size <= MAX_STREAMS) break;
      guard.delete(oldest);
    }
    return stream;
  }
  if (seq <= known.seq) return 'replayed';
  known.seq = seq;
  // To the end of the order: what stands first has been silent longest.
  guard.delete(key);
  guard.set(key, known);
  return known;
}
