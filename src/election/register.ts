import type { Instant } from '../instant.ts';
import type { LeaseStamp, Stored } from './records.ts';

/** Attempts whose outcome may still turn up. Older ones have long timed out at the server. */
const ATTEMPTS_KEPT = 32;

/**
 * One Lease that only this process writes, with what is known of our attempts to write it.
 * `T` is the content that an attempt carried.
 */
export interface Register<T> {
  /** Revision to write upon; undefined if the object does not exist. */
  readonly base: bigint | undefined;
  readonly attempts: ReadonlyMap<number, Attempt<T>>;
  readonly inFlight: number | undefined;
  /** Newest write known to be committed; 0: none under this incarnation. */
  readonly committed: number;
  /** Newest write that came back by watch or LIST. */
  readonly seen: number;
  /** A write was refused because the object is not what we thought: a LIST must tell what it is. */
  readonly refused: boolean;
}

export interface Attempt<T> {
  readonly sentAt: Instant;
  readonly content: T;
}

export type WriteOutcome =
  | { readonly kind: 'committed'; readonly revision: bigint }
  | { readonly kind: 'conflict' }
  | { readonly kind: 'failed' };

/** A register at the start of an incarnation, over the object as the join's LIST found it. */
export function openRegister<T>(base: bigint | undefined): Register<T> {
  return {
    base,
    attempts: new Map(),
    inFlight: undefined,
    committed: 0,
    seen: 0,
    refused: false,
  };
}

/** The register after write number `write` was handed to the shell. */
export function sent<T>(
  register: Register<T>,
  write: number,
  content: T,
  now: Instant,
): Register<T> {
  const attempts = new Map(register.attempts).set(write, { sentAt: now, content });
  for (const old of attempts.keys()) {
    if (attempts.size <= ATTEMPTS_KEPT) break;
    if (old !== register.committed) attempts.delete(old);
  }
  return { ...register, attempts, inFlight: write };
}

/**
 * The register after the shell reported on write number `write`. A failed write leaves the base as it is:
 * if it did commit, the next one on that base is refused and the LIST shows whose it was.
 */
export function settled<T>(
  register: Register<T>,
  write: number,
  outcome: WriteOutcome,
): Register<T> {
  if (register.inFlight !== write) return register;
  const idle = { ...register, inFlight: undefined };
  switch (outcome.kind) {
    case 'failed':
      return idle;
    case 'conflict':
      return { ...idle, refused: true };
    case 'committed':
      return advanced(idle, write, outcome.revision);
  }
}

/**
 * The register after its object was seen as `stored` (undefined: absent) in a cut at `revision`, or
 * 'foreign' if somebody else wrote or deleted it: the incarnation is over then (design 4.1).
 */
export function seenBack<T>(
  register: Register<T>,
  stored: Stored<LeaseStamp> | undefined,
  revision: bigint,
  self: Pick<LeaseStamp, 'session' | 'incarnation'>,
): Register<T> | 'foreign' {
  if (stored === undefined) {
    const older = register.base !== undefined && revision < register.base;
    if (register.base === undefined || older) return { ...register, refused: false };
    return 'foreign';
  }
  if (register.base !== undefined && stored.revision < register.base) return register;
  const { record } = stored;
  const ours = record.session === self.session && record.incarnation === self.incarnation;
  // What the join's LIST found is the predecessor's, and ours to overwrite.
  if (stored.revision === register.base && !(ours && register.attempts.has(record.write))) {
    return { ...register, refused: false };
  }
  if (!ours || !register.attempts.has(record.write)) return 'foreign';
  // A write of ours at another revision than the one it got: somebody edited it and kept the stamp. Or an
  // older one: somebody deleted the object, and a request that we had long given up made it anew.
  const isNewest = record.write >= register.committed;
  const isMoved = record.write === register.committed && stored.revision !== register.base;
  if (!isNewest || isMoved) return 'foreign';
  const known = advanced(register, record.write, stored.revision);
  return { ...known, seen: Math.max(register.seen, record.write), refused: false };
}

/** Attempts of which nobody knows whether they will still commit: newer than the newest that did. */
export function undecided<T>(register: Register<T>): readonly T[] {
  const contents: T[] = [];
  for (const [write, { content }] of register.attempts) {
    if (write > register.committed) contents.push(content);
  }
  return contents;
}

function advanced<T>(register: Register<T>, write: number, revision: bigint): Register<T> {
  if (register.base !== undefined && revision < register.base) return register;
  return { ...register, base: revision, committed: Math.max(register.committed, write) };
}
