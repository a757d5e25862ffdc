import { FOREVER, type Instant } from '../instant.ts';
import type { Clock } from '../sys/clock.ts';

/** Runs one action, at the earliest of the instants that it was set for since it ran last. */
export interface Alarm {
  setFor(at: Instant): void;
  close(): void;
}

/** An alarm that is not set. */
export function openAlarm(clock: Clock, action: () => void): Alarm {
  let setTo: Instant = FOREVER;
  let waiting = new AbortController();
  return {
    setFor(at) {
      if (at >= setTo) return;
      waiting.abort();
      waiting = new AbortController();
      const { signal } = waiting;
      setTo = at;
      // Rounded up: a timer that fires too early only has to be set again.
      clock.sleep(Math.max(0, Math.ceil(at - clock.now())), signal).then(() => {
        if (signal.aborted) return;
        setTo = FOREVER;
        action();
      });
    },
    close() {
      waiting.abort();
    },
  };
}
