import { add, type Instant, NEVER } from '../instant.ts';

const FIRST_PAUSE_MS = 50;
const MAX_PAUSE_MS = 5000;
/** A wire that has served for this long did not fail at its start. */
const SERVICE_MS = 1000;

/** When the next wire of a link may start, and how many have failed in a row. */
export interface Restart {
  readonly at: Instant;
  readonly failures: number;
}

export const FIRST_START: Restart = { at: NEVER, failures: 0 };

/**
 * After a wire has ended: soon again, so that it is back within 500 ms of its link. Ever later only
 * for wires that fail at once on a link that is up: haste will not cure that.
 */
export function afterExit(
  { failures }: Restart,
  exit: { readonly servedMs: number; readonly linkUp: boolean },
  now: Instant,
): Restart {
  if (exit.servedMs >= SERVICE_MS || !exit.linkUp)
    return { at: add(now, FIRST_PAUSE_MS), failures: 0 };
  const pause = Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** failures);
  return { at: add(now, pause), failures: failures + 1 };
}
