declare const instantBrand: unique symbol;

/**
 * A point in time in milliseconds on this host's boot-time clock (it runs on while the host is suspended).
 * Comparable between the processes of one host, never between hosts and never with a wall-clock time.
 */
export type Instant = number & { readonly [instantBrand]: true };

/** The instant that lies `ms` milliseconds after the clock's zero. */
export function instant(ms: number): Instant {
  return ms as Instant;
}

/** The instant `ms` milliseconds after `from` (before it, if negative). */
export function add(from: Instant, ms: number): Instant {
  return instant(from + ms);
}

/** Before every instant: the deadline of an authority that nobody has. */
export const NEVER: Instant = instant(Number.NEGATIVE_INFINITY);

/** After every instant: nothing is waited for. */
export const FOREVER: Instant = instant(Number.POSITIVE_INFINITY);
