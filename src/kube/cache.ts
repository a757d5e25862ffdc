import type { Log } from '../sys/log.ts';
import { keyOf, revisionOf } from './json.ts';
import type { Resource } from './resources.ts';
import type { Snapshot } from './store.ts';

/**
 * What a store holds in memory. Never takes an object at a revision lower than one already seen for
 * it.
 */
export interface Cache<T> {
  snapshot(): Snapshot<T>;
  /** Objects that could not be decoded, counted since the start. */
  malformed(): number;
  put(raw: unknown): void;
  /** `raw` is the last state of the object, at the revision of its deletion. */
  remove(raw: unknown): void;
  /** Nothing older than this is outstanding. */
  advance(revision: bigint): void;
  /**
   * Replaces everything by a complete list; false, and nothing done, if the list is older than what
   * is known.
   */
  replace(objects: readonly CacheEntry<T>[], revision: bigint): boolean;
  /** Decodes without storing: a page of a list that is not complete yet. */
  decode(raw: unknown): CacheEntry<T>;
}

/** One object as it will be stored; `error` in the place of an object that cannot be read. */
export interface CacheEntry<T> {
  readonly key: string;
  readonly revision: bigint;
  readonly value: { readonly object: T } | { readonly error: string };
}

/** The objects of one list and what has happened to them since. */
interface Shelf<T> {
  readonly items: Map<string, T>;
  readonly malformed: Map<string, string>;
  readonly seen: Map<string, bigint>;
  /** Kept until a bookmark or list passes them, so that a late event cannot bring them back. */
  readonly deleted: Map<string, bigint>;
}

export function createCache<T>(resource: Resource<T>, log: Log): Cache<T> {
  let shelf = emptyShelf<T>();
  let revision = 0n;
  let synced = false;
  let malformed = 0;
  let latest: Snapshot<T> | undefined;

  function advance(to: bigint): void {
    if (to > revision) revision = to;
    latest = undefined;
  }

  function decode(raw: unknown): CacheEntry<T> {
    const entry = entryOf(resource, raw);
    const { key, value } = entry;
    if ('error' in value && shelf.malformed.get(key) !== value.error) {
      malformed += 1;
      const place = { resource: resource.name, object: key };
      log.warn(place, `set aside, it cannot be read: ${value.error}`);
    }
    return entry;
  }

  return {
    decode,
    malformed: () => malformed,
    snapshot() {
      const { items, malformed } = shelf;
      latest ??= { revision, items: new Map(items), malformed: new Map(malformed), synced };
      return latest;
    },
    put(raw) {
      if (isOld(shelf, keyOf(raw), revisionOf(raw))) return;
      place(shelf, decode(raw));
      advance(revisionOf(raw));
    },
    remove(raw) {
      const key = keyOf(raw);
      if (isOld(shelf, key, revisionOf(raw))) return;
      for (const map of [shelf.items, shelf.malformed, shelf.seen]) map.delete(key);
      shelf.deleted.set(key, revisionOf(raw));
      advance(revisionOf(raw));
    },
    advance(to) {
      advance(to);
      for (const [key, at] of shelf.deleted) if (at <= to) shelf.deleted.delete(key);
    },
    replace(entries, at) {
      if (at < revision) return false;
      shelf = emptyShelf();
      for (const entry of entries) place(shelf, entry);
      synced = true;
      advance(at);
      return true;
    },
  };
}

function emptyShelf<T>(): Shelf<T> {
  return { items: new Map(), malformed: new Map(), seen: new Map(), deleted: new Map() };
}

function entryOf<T>(resource: Resource<T>, raw: unknown): CacheEntry<T> {
  const decoded = resource.decode(raw);
  const value = decoded.ok ? { object: decoded.value } : { error: decoded.error.message };
  return { key: keyOf(raw), revision: revisionOf(raw), value };
}

function isOld<T>({ seen, deleted }: Shelf<T>, key: string, at: bigint): boolean {
  return at < (seen.get(key) ?? 0n) || at <= (deleted.get(key) ?? -1n);
}

function place<T>(shelf: Shelf<T>, { key, revision, value }: CacheEntry<T>): void {
  shelf.seen.set(key, revision);
  if ('object' in value) {
    shelf.items.set(key, value.object);
    shelf.malformed.delete(key);
  } else {
    shelf.items.delete(key);
    shelf.malformed.set(key, value.error);
  }
}
