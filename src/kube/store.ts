import type { Instant } from '../instant.ts';
import type { Clock } from '../sys/clock.ts';
import type { Log } from '../sys/log.ts';
import type { KubeApi, Lane } from './api.ts';
import { createCache } from './cache.ts';
import { type Backoff, Reflector } from './reflector.ts';
import type { Resource } from './resources.ts';

export interface StoreOptions<T> {
  readonly api: KubeApi;
  readonly resource: Resource<T>;
  readonly clock: Clock;
  readonly log: Log;
  /**
   * Something may have changed (objects or health): take a new snapshot. Carries no data, and may
   * come often.
   */
  readonly onChange: () => void;
  /** Default `general`. */
  readonly lane?: Lane;
  /**
   * A watch without a byte for so long is given up; default 90 s, as bookmarks come every minute,
   * and 10 s on the lane of the Leases, which somebody writes every few seconds.
   */
  readonly inactivityMs?: number;
  /** Pauses between failed attempts, doubling; default 0.2 s up to 30 s, for Leases 0.1 s to 1 s. */
  readonly backoff?: Backoff;
}

/** The objects of one kind as the API server has them, kept up to date. */
export interface Store<T> {
  /** Immutable and consistent; the same object until something changes. */
  snapshot(): Snapshot<T>;
  health(): StoreHealth;
  close(): Promise<void>;
}

export interface Snapshot<T> {
  /** The newest revision heard of; 0 until the first list is complete. */
  readonly revision: bigint;
  /** By `namespace/name`, or `name` for objects without a namespace. */
  readonly items: ReadonlyMap<string, T>;
  /** What exists but could not be read: key and reason. */
  readonly malformed: ReadonlyMap<string, string>;
  /** A full list has been read at least once. */
  readonly synced: boolean;
}

export interface StoreHealth {
  /** `watching` is the good one; the others name what is in the way. */
  readonly state: 'listing' | 'watching' | 'missing' | 'forbidden' | 'unreachable';
  /** When the API server last sent anything for this store; NEVER before the first byte. */
  readonly lastByteAt: Instant;
  /** Counters since the start. */
  readonly lists: number;
  readonly watches: number;
  readonly failures: number;
  readonly malformed: number;
}

/** Starts to list and watch; never gives up until closed. */
export function watchStore<T>(options: StoreOptions<T>): Store<T> {
  const cache = createCache(options.resource, options.log);
  const reflector = new Reflector(options, cache);
  return {
    snapshot: () => cache.snapshot(),
    health: () => ({ ...reflector.health(), malformed: cache.malformed() }),
    close: () => reflector.close(),
  };
}
