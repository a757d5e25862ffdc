import process from 'node:process';
import type { Log } from './log.ts';

/** Aborts when the process is asked to end (SIGTERM or SIGINT); a second request is left to the first. */
export function stopSignal(log: Log): AbortSignal {
  const stop = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    process.on(name, () => {
      if (stop.signal.aborted) return;
      log.info({ signal: name }, 'asked to end: everything is given up in order');
      stop.abort();
    });
  }
  return stop.signal;
}
