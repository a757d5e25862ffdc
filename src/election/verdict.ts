import type { Instant } from '../instant.ts';
import type { IncarnationId } from '../model.ts';
import type { LeaseCut } from './records.ts';
import { contactGap, type Timing } from './timing.ts';
import { DELETED, type Peer, type View } from './view.ts';

/**
 * What this node has judged. A verdict is provisional from when patience ran out until the read barrier
 * after the write that published its fence; only then it is final (I6).
 */
export interface Verdicts {
  /** Incarnations whose fences we publish, with the beat on which the verdict rests. */
  readonly provisional: ReadonlyMap<IncarnationId, string>;
  /** Of these, the ones that rest on the witness alone: their lease may still run. */
  readonly bySilence: ReadonlySet<IncarnationId>;
  readonly dead: ReadonlySet<IncarnationId>;
  /** Incarnations that only wait to be asked on the segment, since they may be holding (design 4.4.3). */
  readonly doubted: ReadonlySet<IncarnationId>;
  /** Everything that our claims lease publishes: kept until the node shows a newer incarnation. */
  readonly fences: ReadonlySet<IncarnationId>;
}

export const NO_VERDICTS: Verdicts = {
  provisional: new Map(),
  bySilence: new Set(),
  dead: new Set(),
  doubted: new Set(),
  fences: new Set(),
};

export type Standing = 'live' | 'provisionally dead' | 'dead';

/** How the peer stands with us now. */
export function standing(verdicts: Verdicts, peer: Peer): Standing {
  if (verdicts.dead.has(peer.identity)) return 'dead';
  return verdicts.provisional.has(peer.identity) ? 'provisionally dead' : 'live';
}

/** What a verdict may rest on. */
export interface Grounds {
  /** Our own contact: send time of the newest own heartbeat that came back. */
  readonly contact: Instant;
  /** Incarnations that the witness says are gone, by as many ears as it takes. */
  readonly silenced: ReadonlySet<IncarnationId>;
  /** Incarnations that are audible: their owners may hold, until our beats have shown contact for long. */
  readonly audible: ReadonlySet<IncarnationId>;
  /** Since when our beats have shown contact without a gap. */
  readonly shownSince: Instant;
  /** Incarnations that may be holding with nobody to hear them, and were not asked yet or answered. */
  readonly unsure: ReadonlySet<IncarnationId>;
  /** Incarnations that have said so themselves. */
  readonly selfFenced: ReadonlySet<IncarnationId>;
  readonly timing: Timing;
}

/**
 * The verdicts at `now`. New ones need takerPatience without a change, and a view that is fresh: an own
 * heartbeat sent within the contact gap has come back, through the same watch that carries the others'; or
 * the witness's word for it, which needs neither.
 * The caller has restarted all patience if contact was ever lost for longer (see `restarted`).
 */
export function judged(
  verdicts: Verdicts,
  view: View,
  { contact, shownSince, audible, silenced, unsure, selfFenced, timing }: Grounds,
  now: Instant,
): Verdicts {
  const fresh = now - contact <= contactGap(timing);
  const provisional = new Map<IncarnationId, string>();
  const bySilence = new Set<IncarnationId>();
  const dead = new Set<IncarnationId>();
  const doubted = new Set<IncarnationId>();
  const fences = new Set<IncarnationId>();
  for (const peer of view.values()) {
    const id = peer.identity;
    if (verdicts.fences.has(id)) fences.add(id);
    if (verdicts.dead.has(id)) {
      dead.add(id);
      continue;
    }
    const basis = verdicts.provisional.get(id);
    // Design 4.4.3: whoever holds is given time to hear that others are in contact again.
    const mayHold = audible.has(id) && now - shownSince < timing.takerPatience;
    const isOver = selfFenced.has(id) || (fresh && !mayHold && isExpired(peer, timing, now));
    // A beat after the verdict: it lives, will read the fence and come back as the next incarnation.
    const stands = basis !== undefined && basis === peer.beat;
    const isDue = isOver || silenced.has(id);
    const isUnsure = unsure.has(id);
    // A doubt stays while our own contact comes and goes.
    const stays = verdicts.doubted.has(id) && isExpired(peer, timing, now);
    if (isUnsure && (isDue || stands || stays)) doubted.add(id);
    if (!stands && (isUnsure || !isDue)) continue;
    provisional.set(id, peer.beat);
    fences.add(id);
    if (!isOver && (stands ? verdicts.bySilence.has(id) : true)) bySilence.add(id);
  }
  return sameVerdicts(verdicts, { provisional, bySilence, dead, doubted, fences });
}

/** The verdicts after a barrier that began when `published` was committed: what it left unchanged is final. */
export function confirmed(
  verdicts: Verdicts,
  view: View,
  published: ReadonlySet<IncarnationId>,
): Verdicts {
  const provisional = new Map(verdicts.provisional);
  const dead = new Set(verdicts.dead);
  for (const peer of view.values()) {
    const basis = provisional.get(peer.identity);
    if (basis === undefined || basis !== peer.beat || !published.has(peer.identity)) continue;
    provisional.delete(peer.identity);
    dead.add(peer.identity);
  }
  return { ...verdicts, provisional, dead };
}

/** The view without peers that are dead for good and of whom no Lease exists in `cut` any more. */
export function buried(view: View, verdicts: Verdicts, cut: LeaseCut): View {
  const gone = [...view].filter(
    ([node, peer]) =>
      peer.beat === DELETED && verdicts.dead.has(peer.identity) && !cut.claims.has(node),
  );
  if (gone.length === 0) return view;
  const next = new Map(view);
  for (const [node] of gone) next.delete(node);
  return next;
}

/** When the next verdict may be due, if nothing changes. */
export function nextVerdictAt(
  verdicts: Verdicts,
  view: View,
  timing: Timing,
  now: Instant,
): number {
  let at = Number.POSITIVE_INFINITY;
  for (const peer of view.values()) {
    const due = peer.seenAt + timing.takerPatience;
    // Those that are overdue wait for something else, and hide nobody who is not due yet.
    if (standing(verdicts, peer) !== 'dead' && due > now) at = Math.min(at, due);
  }
  return at;
}

function isExpired(peer: Peer, timing: Timing, now: Instant): boolean {
  return now - peer.seenAt >= timing.takerPatience;
}

function sameVerdicts(before: Verdicts, after: Verdicts): Verdicts {
  const same =
    before.provisional.size === after.provisional.size &&
    before.dead.size === after.dead.size &&
    before.fences.size === after.fences.size &&
    before.doubted.size === after.doubted.size &&
    [...after.provisional].every(([id, beat]) => before.provisional.get(id) === beat) &&
    before.bySilence.size === after.bySilence.size &&
    after.bySilence.isSubsetOf(before.bySilence) &&
    after.doubted.isSubsetOf(before.doubted) &&
    after.dead.isSubsetOf(before.dead) &&
    after.fences.isSubsetOf(before.fences);
  return same ? before : after;
}
