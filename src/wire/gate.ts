import { add, FOREVER, type Instant, instant, NEVER } from '../instant.ts';
import type { Grant } from './messages.ts';

/** A wire that has not run for longer than this cannot know what happened meanwhile. */
export const MAX_GAP_MS = 200;
/** An agent that has been silent for longer than this no longer vouches for anything. */
export const MAX_AGENT_SILENCE_MS = 1000;
/** After such a silence the incarnation is over for good, and the segment is told so. */
export const SELF_FENCE_MS: number = MAX_AGENT_SILENCE_MS + 60;

/** What decides whether a frame may leave now. Changed only by the functions of this file. */
export interface Gate {
  tickedAt: Instant;
  /** When the agent sent the newest permit. */
  sentAt: Instant;
  until: Instant;
  suspectSince: Instant | null;
  /** The API server is away for everybody: echoes of peers may settle a suspicion. */
  held: boolean;
  /** Of the newest permit; 0: none. */
  incarnation: number;
  /** This incarnation and all before it are over. */
  fenced: number;
}

/** Why no frame may leave; also the label of its metric. */
export type Shut = 'suspect' | 'no_authority' | 'agent_silent' | 'fenced';

/** What the gate needs to know of a permit. */
export type GateGrant = Pick<Grant, 'until' | 'provenAt' | 'sentAt' | 'incarnation' | 'held'>;

/** A gate that is shut until the first permit. */
export function shutGate(now: Instant): Gate {
  return {
    tickedAt: now,
    sentAt: NEVER,
    until: NEVER,
    // To its peers a wire that was replaced was a gap like any other (I8).
    suspectSince: now,
    held: false,
    incarnation: 0,
    fenced: 0,
  };
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
export function permit(gate: Gate, grant: GateGrant, now: Instant): void {
  // Before anything else: a permit that waited in the queue during the gap must not hide the gap.
  noticeGap(gate, now);
  // When it was sent, not when it came: a channel that is stalled must not lend the agent life.
  gate.sentAt = instant(Math.max(gate.sentAt, grant.sentAt));
  gate.until = grant.until ?? NEVER;
  gate.incarnation = grant.incarnation;
  gate.held = grant.held;
  const since = gate.suspectSince;
  if (since !== null && grant.provenAt !== null && grant.provenAt >= since) settle(gate);
}

/**
 * What keeps a frame from leaving at `now`, undefined if nothing does: to be asked right before
 * every single frame.
 */
export function shutReason(gate: Gate, now: Instant): Shut | undefined {
  noticeGap(gate, now);
  if (gate.suspectSince !== null) return 'suspect';
  if (isFenced(gate)) return 'fenced';
  if (now >= gate.until) return 'no_authority';
  if (now > add(gate.sentAt, MAX_AGENT_SILENCE_MS)) return 'agent_silent';
  return undefined;
}

/** The suspicion has been cleared: nobody has taken over during the gap. */
export function settle(gate: Gate): void {
  gate.suspectSince = null;
}

/** Ends this incarnation and all before it. */
export function fence(gate: Gate, incarnation: number): void {
  gate.fenced = Math.max(gate.fenced, incarnation);
}

/** Whether the incarnation of the newest permit is over. */
export function isFenced(gate: Gate): boolean {
  return gate.incarnation !== 0 && gate.incarnation <= gate.fenced;
}

/** When the wire ends the incarnation by itself unless its agent is heard before; FOREVER if there is none. */
export function selfFenceAt(gate: Gate): Instant {
  if (gate.incarnation === 0 || isFenced(gate)) return FOREVER;
  return add(gate.sentAt, SELF_FENCE_MS);
}

function noticeGap(gate: Gate, now: Instant): void {
  if (now <= add(gate.tickedAt, MAX_GAP_MS)) return;
  // After a stop, queued frames are handled before the timer that would tick: so the first of them
  // finds the gap.
  gate.suspectSince = now;
}
