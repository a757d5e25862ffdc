import { add, type Instant, NEVER } from '../instant.ts';
import type { Service, Vip } from '../model.ts';
import type { StatusWrite } from './plan.ts';

/** What is known of our writes to one Service, until their effect is seen. */
export interface Attempt {
  /** The address that may have been committed; undefined if the write was to clear it. */
  readonly vip: Vip | undefined;
  /**
   * What the write built upon: once the Service is past that, the write can have no effect any
   * more.
   */
  readonly base: bigint;
  /** The revision that our write made, or 0 while none is known to have succeeded. */
  readonly revision: bigint;
  /** Failures in a row. */
  readonly failures: number;
  readonly notBefore: Instant;
}

const FIRST_PAUSE_MS = 100;
const MAX_PAUSE_MS = 60_000;

/**
 * The attempt after a write that succeeded: nothing to do until the store has caught up with it.
 */
export function succeeded(write: StatusWrite, revision: bigint): Attempt {
  return { ...madeBy(write), revision, failures: 0, notBefore: NEVER };
}

/** The attempt after a write that failed, or whose answer never came: the next one waits longer. */
export function failed(write: StatusWrite, before: Attempt | undefined, now: Instant): Attempt {
  const failures = (before?.failures ?? 0) + 1;
  const pause = Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(failures - 1, 20));
  return { ...madeBy(write), revision: 0n, failures, notBefore: add(now, pause) };
}

/**
 * Whether the attempt has nothing more to tell: its Service is gone, or shows a state that came
 * after it.
 */
export function isSettled(attempt: Attempt, service: Service | undefined): boolean {
  if (service === undefined) return true;
  const shown = BigInt(service.resourceVersion);
  return attempt.revision > 0n ? shown >= attempt.revision : shown > attempt.base;
}

/** Whether the write may be sent now. */
export function isDue(attempt: Attempt | undefined, now: Instant): boolean {
  return attempt === undefined || (attempt.revision === 0n && now >= attempt.notBefore);
}

function madeBy(write: StatusWrite): Pick<Attempt, 'vip' | 'base'> {
  return { vip: write.vip, base: BigInt(write.resourceVersion) };
}
