import { add, type Instant, NEVER } from '../instant.ts';
import type { Grant } from './messages.ts';

/** A wire that has not run for longer than this cannot know what happened meanwhile. */
export const MAX_GAP_MS = 200;
/** An agent that has been silent for longer than this no longer vouches for anything. */
export const MAX_AGENT_SILENCE_MS = 1000;

/** What decides whether a frame may leave now. Changed only by the functions of this file. */
export interface Gate {
  tickedAt: Instant;
  heardAt: Instant;
  until: Instant;
  suspectSince: Instant | null;
}

/** Why no frame may leave; also the label of its metric. */
export type Shut = 'suspect' | 'no_authority' | 'agent_silent';

/** A gate that is shut until the first permit. */
export function shutGate(now: Instant): Gate {
  return { tickedAt: now, heardAt: NEVER, until: NEVER, suspectSince: null };
}

/**
 * Notes that the process runs; called on the wire's regular ticks only. A frame or a message proves
 * no regular life: it is handled in the same breath as the hundreds queued behind it.
 */
export function tick(gate: Gate, now: Instant): void {
  noticeGap(gate, now);
  gate.tickedAt = now;
}

/** Takes over what the agent permits; a proof newer than the suspicion settles it. */
export function permit(gate: Gate, grant: Grant, now: Instant): void {
  // Before anything else: a permit that waited in the queue during the gap must not hide the gap.
  noticeGap(gate, now);
  gate.heardAt = now;
  gate.until = grant.until ?? NEVER;
  const since = gate.suspectSince;
  if (since !== null && grant.provenAt !== null && grant.provenAt >= since) {
    gate.suspectSince = null;
  }
}

/**
 * What keeps a frame from leaving at `now`, undefined if nothing does: to be asked right before
 * every single frame.
 */
export function shutReason(gate: Gate, now: Instant): Shut | undefined {
  noticeGap(gate, now);
  if (gate.suspectSince !== null) return 'suspect';
  if (now >= gate.until) return 'no_authority';
  if (now > add(gate.heardAt, MAX_AGENT_SILENCE_MS)) return 'agent_silent';
  return undefined;
}

function noticeGap(gate: Gate, now: Instant): void {
  if (now <= add(gate.tickedAt, MAX_GAP_MS)) return;
  // After a stop, queued frames are handled before the timer that would tick: so the first of them
  // finds the gap.
  gate.suspectSince = now;
}
