import { type Claims, type Heartbeat, incarnationId } from '../../src/election/records.ts';
import type { Timing } from '../../src/election/timing.ts';
import { add, type Instant, NEVER } from '../../src/instant.ts';
import type { IncarnationId, NodeName, Vip } from '../../src/model.ts';
import type { WitnessMessage } from '../../src/witness/message.ts';
import type { SimNode } from './sim-node.ts';

/** What a node itself has committed last; what people did to its Leases since does not count here. */
export interface Committed {
  readonly id: IncarnationId;
  readonly session: string;
  /** Number of the write. */
  readonly write: number;
  readonly vips: ReadonlySet<Vip>;
}

/** A VIP that a node began to answer for, with the epoch that it gave itself. */
export interface Activation {
  readonly node: NodeName;
  readonly vip: Vip;
  readonly epoch: bigint;
  readonly at: number;
}

/**
 * What happened in a simulation as nobody in it can know: the oracle that the properties ask. It is kept
 * from the commits at the API server and from what the wires do, never from what the core believes.
 */
export class SimJournal {
  /** By host: its newest claims as it wrote them. */
  readonly claims = new Map<string, Committed>();
  /** Up to which write of its claims each incarnation has released VIPs on the segment. */
  readonly released = new Map<IncarnationId, Map<Vip, number>>();
  /** Until when, on its own clock, the heartbeats that an incarnation committed entitle it to answer. */
  readonly entitledUntil = new Map<IncarnationId, Instant>();
  /** When the first fence on each incarnation was committed. */
  readonly fencedAt = new Map<IncarnationId, number>();
  /** Activations that have not come to an answer yet. */
  activations: Activation[] = [];
  /** Activations since the newest fault, with the node that had the VIP when it began. */
  displaced: (Activation & { readonly had: NodeName })[] = [];
  /** Breaches that only the moment of a commit shows, in the order of their property's name. */
  readonly breaches: { readonly property: string; readonly text: string }[] = [];
  readonly heartbeats = new Map<NodeName, number>();
  readonly claimsWrites = new Map<NodeName, number>();
  /** Something has happened that may have changed who answers by what right. */
  isStirred = true;
  /** Activations in all. */
  moves = 0;
  /** When anything last happened that a cluster has to recover from. */
  disturbedAt = 0;
  /** When etcd went back last. */
  restoredAt = Number.NEGATIVE_INFINITY;
  readonly #timing: Timing;
  /** By host: two may write under one name. */
  readonly #written = new Map<
    string,
    { readonly node: NodeName; readonly session: string; readonly incarnation: number }
  >();
  /** By host: of the newest write that was committed. */
  readonly #newest = new Map<string, number>();
  /** The node that activated each VIP last. */
  readonly #owners = new Map<Vip, NodeName>();
  #ownersBefore: ReadonlyMap<Vip, NodeName> = new Map();
  /**
   * Nodes that may find any number, or none, when their next process reads, with how many processes that
   * may concern: one may have read before the loss and write after it.
   */
  readonly #lost = new Map<NodeName, number>();

  constructor(timing: Timing) {
    this.#timing = timing;
  }

  /** The node sends a write; it may be carried out much later, or never. */
  sent(
    { name, as }: Pick<SimNode, 'name' | 'as'>,
    { node, kind, session, incarnation }: Heartbeat | Claims,
  ): void {
    if (as !== node) this.breach('S6', `${name} wrote a ${kind} lease of ${node}`);
    const before = this.#written.get(name);
    this.#written.set(name, { node, session, incarnation });
    if (before !== undefined && before.session !== session) this.#forgetReleases(node);
    if (before?.session !== session && this.#hasLost(node)) return;
    // A process finds what those before it have committed, not what they have sent in vain.
    const last = before?.session === session ? before.incarnation : this.#newest.get(name);
    if (last === undefined || incarnation >= last) return;
    this.breach('S6', `${name} wrote as incarnation ${incarnation} after ${last}`);
  }

  /** Whether a process that begins may have found anything: the one after the loss, or the one after that. */
  #hasLost(node: NodeName): boolean {
    const processes = this.#lost.get(node) ?? 0;
    if (processes > 1) this.#lost.set(node, processes - 1);
    else this.#lost.delete(node);
    return processes > 0;
  }

  /** The record, sent by a host at that time of its clock, is committed at the true time `now`. */
  committed(
    { name }: Pick<SimNode, 'name'>,
    record: Heartbeat | Claims,
    { sentAt, now }: { readonly sentAt: Instant; readonly now: number },
  ): void {
    const { node, session } = record;
    this.#newest.set(name, record.incarnation);
    const id = incarnationId(record);
    this.stirred();
    if (record.kind === 'claims') {
      for (const fenced of record.fences) {
        if (!this.fencedAt.has(fenced)) this.fencedAt.set(fenced, now);
      }
      this.#claimed(name, { id, session, write: record.write, vips: new Set(record.vips.keys()) });
      this.claimsWrites.set(node, (this.claimsWrites.get(node) ?? 0) + 1);
      return;
    }
    this.heartbeats.set(node, (this.heartbeats.get(node) ?? 0) + 1);
    const until = add(sentAt, this.#timing.holderPatience);
    this.entitledUntil.set(id, max(until, this.entitledUntil.get(id) ?? NEVER));
  }

  /** What people delete may come back by a request that its sender has long given up: that is theirs, too. */
  #claimed(host: string, committed: Committed): void {
    const known = this.claims.get(host);
    if (known?.session === committed.session && known.write > committed.write) return;
    this.claims.set(host, committed);
  }

  stirred(): void {
    this.isStirred = true;
  }

  /** Something is said on the segment. */
  said(message: WitnessMessage): void {
    if (message.kind !== 'said' || message.utterance.kind !== 'release') return;
    this.stirred();
    const { vips, upTo } = message.utterance;
    const known = this.released.get(message.sender) ?? new Map<Vip, number>();
    for (const vip of vips) known.set(vip, Math.max(known.get(vip) ?? 0, upTo));
    this.released.set(message.sender, known);
  }

  /** Another process counts its writes anew. */
  #forgetReleases(node: NodeName): void {
    for (const id of this.released.keys()) {
      if (id.startsWith(`${node}/`)) this.released.delete(id);
    }
  }

  /** Whether the claim of the incarnation on the VIP is committed, and not released since. */
  isClaimed(host: string, id: IncarnationId, vip: Vip): boolean {
    const committed = this.claims.get(host);
    if (committed?.id !== id || !committed.vips.has(vip)) return false;
    return committed.write > (this.released.get(id)?.get(vip) ?? 0);
  }

  activated(activation: Activation): void {
    const { vip, node } = activation;
    this.stirred();
    this.#owners.set(vip, node);
    this.activations.push(activation);
    const had = this.#ownersBefore.get(vip);
    if (had !== undefined) this.displaced.push({ ...activation, had });
    this.moves += 1;
  }

  faultBegins(): void {
    this.displaced = [];
    this.#ownersBefore = new Map(this.#owners);
  }

  breach(property: string, text: string): void {
    this.stirred();
    this.breaches.push({ property, text });
  }

  /** People changed or deleted Leases of the node: it may find any number there, or none. */
  meddled(node: NodeName): void {
    this.#lost.set(node, 2);
  }

  restored(now: number): void {
    this.restoredAt = now;
    for (const { node } of this.#written.values()) this.#lost.set(node, 2);
  }
}

function max(a: Instant, b: Instant): Instant {
  return a > b ? a : b;
}
