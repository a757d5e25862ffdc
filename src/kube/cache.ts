import type { Log } from '../sys/log.ts';
import { keyOf, revisionOf } from './json.ts';
import type { Resource } from './resources.ts';
import type { Snapshot } from './store.ts';

/** What a store holds in memory. Never takes an object at a revision lower than one already seen for it. */
export interface Cache<T> {
  snapshot(): Snapshot<T>;
  /** Objects that could not be decoded, counted since the start. */
  malformed(): number;
  put(raw: unknown): void;
  /** `raw` is the last state of the object, at the revision of its deletion. */
  remove(raw: unknown): void;
  /** Nothing older than this is outstanding. */
  advance(revision: bigint): void;
  /** Replaces everything by a complete list; false, and nothing done, if the list is older than what is known. */
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

export function createCache<T>(resource: Resource<T>, log: Log): Cache<T> {
  let items = new Map<string, T>();
  let malformed = new Map<string, string>();
  /** Deleted objects are kept until a bookmark or list passes them, so that a late event cannot revive them. */
  let seen = new Map<string, bigint>();
  const deleted = new Map<string, bigint>();
  let revision = 0n;
  let synced = false;
  let malformedCount = 0;
  let latest: Snapshot<T> | undefined;

  function isOld(key: string, at: bigint): boolean {
    return at < (seen.get(key) ?? 0n) || at <= (deleted.get(key) ?? -1n);
  }

  function store({ key, revision: at, value }: CacheEntry<T>): void {
    seen.set(key, at);
    if ('object' in value) {
      items.set(key, value.object);
      malformed.delete(key);
    } else {
      items.delete(key);
      malformed.set(key, value.error);
    }
  }

  function decode(raw: unknown): CacheEntry<T> {
    const key = keyOf(raw);
    const decoded = resource.decode(raw);
    if (decoded.ok) return { key, revision: revisionOf(raw), value: { object: decoded.value } };
    const error = decoded.error.message;
    if (malformed.get(key) !== error) {
      malformedCount += 1;
      log.warn({ resource: resource.name, object: key }, `set aside, it cannot be read: ${error}`);
    }
    return { key, revision: revisionOf(raw), value: { error } };
  }

  function advance(to: bigint): void {
    if (to > revision) revision = to;
    latest = undefined;
  }

  return {
    decode,
    advance(to) {
      advance(to);
      for (const [key, at] of deleted) if (at <= to) deleted.delete(key);
    },
    malformed: () => malformedCount,
    snapshot() {
      latest ??= { revision, items: new Map(items), malformed: new Map(malformed), synced };
      return latest;
    },
    put(raw) {
      if (isOld(keyOf(raw), revisionOf(raw))) return;
      store(decode(raw));
      advance(revisionOf(raw));
    },
    remove(raw) {
      const key = keyOf(raw);
      if (isOld(key, revisionOf(raw))) return;
      items.delete(key);
      malformed.delete(key);
      seen.delete(key);
      deleted.set(key, revisionOf(raw));
      advance(revisionOf(raw));
    },
    replace(entries, at) {
      if (at < revision) return false;
      items = new Map();
      malformed = new Map();
      seen = new Map();
      deleted.clear();
      for (const entry of entries) store(entry);
      synced = true;
      advance(at);
      return true;
    },
  };
}
