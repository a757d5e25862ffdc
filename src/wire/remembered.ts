import { add, type Instant } from '../instant.ts';

/** Per link. Whoever asked first is forgotten first: he asks again soonest. */
const MAX_REQUESTS = 1024;
/** Hosts ask again after a second. */
const MEMORY_MS = 1000;

/**
 * Requests for addresses that are claimed and not active yet, to be answered once they are: so a
 * move costs its own time and not the second after which a host asks again. Changed only by the
 * functions of this file.
 */
export interface Remembered {
  /** Claimed addresses, as `net/ipv4` numbers them. */
  waiting: ReadonlySet<number>;
  readonly requests: Map<string, Request>;
}

interface Request {
  readonly ip: number;
  readonly frame: Uint8Array;
  readonly at: Instant;
}

/** Nothing is waited for. */
export function nothingRemembered(): Remembered {
  return { waiting: new Set(), requests: new Map() };
}

/** Replaces what is waited for; requests for anything else are forgotten. */
export function awaitVips(remembered: Remembered, ips: ReadonlySet<number>): void {
  remembered.waiting = ips;
  for (const [key, { ip }] of remembered.requests) {
    if (!ips.has(ip)) remembered.requests.delete(key);
  }
}

/**
 * Remembers a request for `ip`, if that is waited for. `requester` tells who asks: of one requester
 * the newest request is kept. The frame is copied.
 */
export function remember(
  remembered: Remembered,
  { ip, requester, frame }: { ip: number; requester: string; frame: Uint8Array },
  now: Instant,
): void {
  if (!remembered.waiting.has(ip)) return;
  const key = `${ip} ${requester}`;
  remembered.requests.delete(key);
  remembered.requests.set(key, { ip, frame: Uint8Array.from(frame), at: now });
  for (const oldest of remembered.requests.keys()) {
    if (remembered.requests.size <= MAX_REQUESTS) break;
    remembered.requests.delete(oldest);
  }
}

/**
 * The requests of the last second for these addresses, in their order, each since the given time; those
 * for the addresses are forgotten.
 */
export function recall(
  remembered: Remembered,
  ips: ReadonlyMap<number, Instant>,
  now: Instant,
): Uint8Array[] {
  const frames: Uint8Array[] = [];
  for (const [key, { ip, frame, at }] of remembered.requests) {
    const since = ips.get(ip);
    if (since === undefined) continue;
    remembered.requests.delete(key);
    if (at >= since && now <= add(at, MEMORY_MS)) frames.push(frame);
  }
  return frames;
}
