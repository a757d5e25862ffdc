import type { Instant } from '../instant.ts';
import { MAX_GAP_MS } from './gate.ts';

/** How long a wire may leave its agent without an answer. */
export const ANSWER_PATIENCE_MS = 300;
/** How long it may take to start: the link is opened and the code loaded meanwhile. */
export const START_PATIENCE_MS = 5000;

/**
 * When a wire last gave a sign of life, on the clock of the agent's own ticks. Changed only by the
 * functions of this file.
 */
export interface Liveness {
  tickedAt: Instant;
  aliveAt: Instant;
}

/** The count starts at `now`. */
export function startCount(now: Instant): Liveness {
  return { tickedAt: now, aliveAt: now };
}

/** Notes an answer. */
export function answered(liveness: Liveness, now: Instant): void {
  liveness.aliveAt = now;
}

/**
 * Whether the wire has been silent for longer than `patienceMs`; called on every tick of the agent.
 * An agent that was itself stalled has not read the answers yet: it counts from anew instead of
 * killing a healthy wire.
 */
export function isHung(liveness: Liveness, patienceMs: number, now: Instant): boolean {
  if (now - liveness.tickedAt > MAX_GAP_MS) liveness.aliveAt = now;
  liveness.tickedAt = now;
  return now - liveness.aliveAt > patienceMs;
}
