import { add, type Instant, NEVER } from '../instant.ts';
import type { Clock } from '../sys/clock.ts';

/** A level, not a queue: however often it is raised before the wait, one look at the world answers it. */
export interface Changed {
  raise(): void;
  /** Resolves once it was raised, or at `deadline`; lowers it. */
  wait(deadline: Instant): Promise<void>;
}

/**
 * Raises another signal at once, but not twice within `ms`: for what comes in crowds and may wait a
 * moment, like Services, so that each of them does not cost a turn.
 */
export function paced(clock: Clock, ms: number, raise: () => void): () => void {
  let quietUntil = NEVER;
  let waiting = false;
  const fire = () => {
    quietUntil = add(clock.now(), ms);
    raise();
  };
  return () => {
    if (waiting) return;
    const wait = quietUntil - clock.now();
    if (wait <= 0) return fire();
    waiting = true;
    void clock.sleep(wait).then(() => {
      waiting = false;
      fire();
    });
  };
}

export function changedSignal(clock: Clock): Changed {
  let raised = false;
  let wake: (() => void) | undefined;
  return {
    raise() {
      raised = true;
      wake?.();
    },
    async wait(deadline) {
      if (!raised) {
        const timer = new AbortController();
        wake = () => timer.abort();
        await clock.sleep(Math.max(0, deadline - clock.now()), timer.signal);
        wake = undefined;
      }
      raised = false;
    },
  };
}
