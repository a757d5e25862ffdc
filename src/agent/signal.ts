import type { Instant } from '../instant.ts';
import type { Clock } from '../sys/clock.ts';

/** A level, not a queue: however often it is raised before the wait, one look at the world answers it. */
export interface Changed {
  raise(): void;
  /** Resolves once it was raised, or at `deadline`; lowers it. */
  wait(deadline: Instant): Promise<void>;
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
