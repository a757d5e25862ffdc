import type { Timing } from '../../src/election/timing.ts';
import type { IncarnationId } from '../../src/model.ts';
import { CHECK_MS, type SimCluster } from './sim-cluster.ts';
import type { Activation } from './sim-journal.ts';
import { answeredBy, answering, localTime, type SimNode, trueTime } from './sim-node.ts';
import { SEND_DELAY_MS } from './sim-wire.ts';

/** So long after a restore epochs may repeat: a LIST takes up to 6 s, and who notices starts anew. */
const RESTORED_MS = 15_000;

/** A beat of each peer, or a watch event, and what the agent does about it. */
const THAWED_MS = 250;
/** Where a third of the beats is lost, one of four in a row arrives. */
const ROUGH_MS = 450;
/** Errors of the arithmetic. */
const LATE_MS = 0.001;

/** A promise of the protocol that a simulation can break (reliability.md 1.8). */
export interface Property {
  readonly id: string;
  readonly text: string;
  /** How it is broken at this moment, undefined if it is not. */
  readonly check: (sim: SimCluster, past: Past) => string | undefined;
}

/** What the properties remember between two checks of one run. */
export interface Past {
  readonly timing: Timing;
  readonly epochs: Map<string, Activation>;
}

export function newPast(timing: Timing): Past {
  return { timing, epochs: new Map() };
}

/** Checked after everything that happens. S7 (foreign addresses) is not the election's: see `ipam`. */
export const ALWAYS: readonly Property[] = [
  {
    id: 'S1',
    text: 'at most one node answers for a VIP on a segment',
    check: (sim, { timing }) => doubled(sim, timing),
  },
  {
    id: 'S2',
    text: 'the epochs of a VIP never decrease from one owner that answers to the next',
    check: epochsGrow,
  },
  {
    id: 'S3',
    text: 'every answer rests on a committed, unreleased claim of the same incarnation',
    check: (sim) => unclaimed(sim),
  },
  {
    id: 'S4',
    text: 'a node has stopped answering before its release is committed',
    check: (sim) => noted(sim, 'S4'),
  },
  {
    id: 'S5',
    text: 'nothing is answered later than holderPatience after a committed heartbeat was sent, unless held',
    check: (sim) => overdue(sim),
  },
  {
    id: 'S6',
    text: 'incarnations only grow, and nobody writes the Leases of another node',
    check: (sim) => noted(sim, 'S6'),
  },
];

/** The first of these properties that is broken now. */
export function brokenNow(
  sim: SimCluster,
  past: Past,
  properties: readonly Property[] = ALWAYS,
): { readonly property: string; readonly text: string } | undefined {
  for (const { id, check } of properties) {
    const text = check(sim, past);
    if (text !== undefined) return { property: id, text };
  }
  return undefined;
}

/**
 * When to look again although nothing has happened. Time alone ends answers and excuses, and begins an
 * answer only where a stop ends: so while nobody needs an excuse, the properties can break at two kinds
 * of moments only, the end of a stop and the end of what a committed heartbeat entitles to (S5).
 */
export function nextLookAt(sim: SimCluster): number {
  const { now, journal } = sim;
  if (journal.activations.length > 0 || isRestored(sim) || sim.isDoubled()) return now + CHECK_MS;
  let at = Number.POSITIVE_INFINITY;
  for (const node of sim.nodes.values()) {
    if (isOverslept(sim, node)) return now + CHECK_MS;
    if (now < node.stoppedUntil) at = Math.min(at, node.stoppedUntil);
    for (const { id, held } of answering(node, now)) {
      const until = held ? at : trueTime(node, entitledUntil(sim, id) + SEND_DELAY_MS + LATE_MS);
      at = Math.min(at, until);
    }
  }
  return at;
}

/**
 * S1 between nodes that one client may hear both. The exceptions are G2 (a node that was frozen with its
 * clock, until it hears of what happened meanwhile) and a segment that loses more than the witness is made
 * for, until the node that it made silent hears of its fence.
 */
export function doubled(sim: SimCluster, timing: Timing): string | undefined {
  const overlap = sim.overlap();
  if (overlap === undefined) return undefined;
  const [a, b] = overlap.nodes;
  if (isThawed(sim, a, timing) || isThawed(sim, b, timing)) return undefined;
  if (isHolding(sim, a) || isHolding(sim, b)) return undefined;
  if (isDrownedOut(sim, a) || isDrownedOut(sim, b)) return undefined;
  return `${a.name} and ${b.name} both answer for ${overlap.vip}`;
}

/** Who holds on, cut off, while etcd goes back to before its claim: no promise covers both at once. */
function isHolding(sim: SimCluster, node: SimNode): boolean {
  return isRestored(sim) && answering(node, sim.now).some(({ held }) => held);
}

function isRestored({ now, journal }: SimCluster): boolean {
  return now <= journal.restoredAt + RESTORED_MS;
}

/** Fenced a moment ago on a rough segment, within its lease: by silence, and it may not have heard. */
function isDrownedOut(sim: SimCluster, node: SimNode): boolean {
  if (sim.segment?.isRough() !== true) return false;
  return answering(node, sim.now).some(({ id, held }) => {
    const at = sim.journal.fencedAt.get(id);
    return !held && at !== undefined && sim.now - at < ROUGH_MS;
  });
}

/**
 * With the witness a frozen node hears of its fence by the next beat; else its lease has to run out. So it has
 * where etcd went back to before its claims: nobody has to fence it to take what it owns. Its fence may come
 * after the thaw, for its lease is older than its clock says: then the next beat after that ends it.
 */
function isThawed(sim: SimCluster, node: SimNode, timing: Timing): boolean {
  const { now, journal, segment } = sim;
  const awake = now - node.thawedAt;
  if (awake < THAWED_MS) return true;
  if (awake >= timing.holderPatience / 0.99 + SEND_DELAY_MS + 10) return false;
  if (segment?.isSmooth() !== true || isRestored(sim)) return true;
  return answering(node, now).some(({ id }) => {
    const fencedAt = journal.fencedAt.get(id);
    return fencedAt !== undefined && now - fencedAt < THAWED_MS;
  });
}

function epochsGrow(sim: SimCluster, { timing, epochs }: Past): string | undefined {
  const { journal } = sim;
  if (journal.activations.length === 0) return undefined;
  const pending = journal.activations;
  journal.activations = [];
  for (const activation of pending) {
    const { vip, epoch, node } = activation;
    const on = sim.node(node);
    if (!answeredBy(on, sim.now).includes(vip)) {
      // A wire that stood still is shut: an activation that it never came to answer for was none.
      if (on.agent?.state.active.get(vip) === epoch) journal.activations.push(activation);
      continue;
    }
    const last = epochs.get(vip);
    epochs.set(vip, activation);
    if (last === undefined || epoch >= last.epoch || isExcused(sim, last.at)) continue;
    // As with S1: no client heard both.
    if (sim.segment?.areTogether(node, last.node) === false) continue;
    if (isThawed(sim, on, timing)) continue;
    return `${node} took ${vip} over in epoch ${epoch} after ${last.epoch}`;
  }
  return undefined;
}

/** A restored etcd gives out revisions once more, until the last node has noticed: what was before counts no more. */
function isExcused(sim: SimCluster, lastAt: number): boolean {
  return lastAt < sim.journal.restoredAt + RESTORED_MS;
}

function unclaimed(sim: SimCluster): string | undefined {
  for (const node of sim.nodes.values()) {
    const text = unclaimedBy(sim, node);
    if (text !== undefined) return text;
  }
  return undefined;
}

/** G2: another machine of its name may have taken over while it was frozen with its clock. */
function isOverslept(sim: SimCluster, node: SimNode): boolean {
  return sim.namesakeOf(node.as) !== undefined && isThawed(sim, node, sim.timing);
}

/** What the node answers for without a claim to match, in words. */
export function unclaimedBy(sim: SimCluster, node: SimNode): string | undefined {
  if (isOverslept(sim, node)) return undefined;
  for (const { id, vips } of answering(node, sim.now)) {
    const committed = sim.journal.claims.get(node.name);
    // Its own write, long given up, that was carried out on the revision that the restore brought back.
    if (isRestored(sim) && committed?.id === id) continue;
    for (const vip of vips) {
      if (sim.journal.isClaimed(node.name, id, vip)) continue;
      const has = `${committed?.id}: ${[...(committed?.vips ?? [])].join(' ')}`;
      return `${id} answers for ${vip}, but committed is ${has}`;
    }
  }
  return undefined;
}

function overdue(sim: SimCluster): string | undefined {
  for (const node of sim.nodes.values()) {
    for (const { id, held } of answering(node, sim.now)) {
      // G3: the API server is away for everybody.
      if (held) continue;
      const late = localTime(node, sim.now) - entitledUntil(sim, id) - SEND_DELAY_MS;
      if (late > LATE_MS) return `${id} answers ${Math.round(late + SEND_DELAY_MS)} ms too late`;
    }
  }
  return undefined;
}

function entitledUntil({ journal }: SimCluster, id: IncarnationId): number {
  return journal.entitledUntil.get(id) ?? 0;
}

function noted(sim: SimCluster, property: string): string | undefined {
  return sim.journal.breaches.find((breach) => breach.property === property)?.text;
}
