import type { LeaseWrite } from '../../src/election/decide.ts';
import type { Claims, Heartbeat, LeaseCut } from '../../src/election/records.ts';
import type { WriteOutcome } from '../../src/election/register.ts';
import { SimLeases } from './sim-leases.ts';
import type { SimNode } from './sim-node.ts';
import type { SimQueue } from './sim-queue.ts';

const SLOW_MS = 4500;
const RELIST_MS = 500;

/** The API server and the ways to it: what a request meets on its way there and back. */
export class SimApi {
  readonly leases = new SimLeases();
  /** Whether requests are sometimes slow and answers sometimes lost. */
  mood: 'reliable' | 'flaky' = 'reliable';
  readonly #queue: SimQueue;
  readonly #random: () => number;
  readonly #nodes: ReadonlyMap<string, SimNode>;

  constructor(queue: SimQueue, random: () => number, nodes: ReadonlyMap<string, SimNode>) {
    this.#queue = queue;
    this.#random = random;
    this.#nodes = nodes;
  }

  /** A request that is under way is carried out even if its sender has died or given up since. */
  write(
    node: SimNode,
    write: LeaseWrite<Heartbeat | Claims>,
    answer: (outcome: WriteOutcome) => void,
  ): void {
    this.#served(node, () => {
      const outcome = this.leases.commit(write);
      if (outcome.kind === 'committed') this.publish();
      this.#answered(node, () => answer(outcome));
    });
  }

  list(node: SimNode, answer: (cut: LeaseCut) => void): void {
    this.#served(node, () => {
      const cut = this.leases.list();
      this.#answered(node, () => answer(cut));
    });
  }

  /** A person does something to the Leases; the watches see it. */
  meddle(change: (leases: SimLeases) => void): void {
    change(this.leases);
    this.publish();
  }

  /** Every watch shows the new state after a delay of its own, in order or not: revisions tell. */
  publish(): void {
    for (const node of this.#nodes.values()) this.#show(node, this.#random() * 5 + node.watchLagMs);
  }

  /** What a watch does when it begins, or begins anew. */
  relist(node: SimNode, ms: number): void {
    this.#queue.after(ms, () => this.#show(node, this.#random() * 5));
  }

  cutOff(node: SimNode, ms: number): void {
    node.apiCutUntil = Math.max(node.apiCutUntil, this.#queue.now + ms);
    this.relist(node, ms + this.#random() * RELIST_MS);
  }

  deafen(node: SimNode, ms: number): void {
    node.deafUntil = Math.max(node.deafUntil, this.#queue.now + ms);
    this.relist(node, ms + this.#random() * RELIST_MS);
  }

  loseWatch(node: SimNode, ms: number): void {
    node.watchLostUntil = Math.max(node.watchLostUntil, this.#queue.now + ms);
    this.relist(node, ms + this.#random() * RELIST_MS);
  }

  #show(node: SimNode, ms: number): void {
    const cut = this.leases.watchCut();
    const { agent } = node;
    this.#queue.after(1 + ms, () => {
      if (!this.#hears(node) || this.#queue.now < node.watchLostUntil) return;
      agent?.seen(cut);
    });
  }

  #served(node: SimNode, serve: () => void): void {
    const slow = this.#unlucky(0.06) ? this.#random() * SLOW_MS : 0;
    this.#queue.after(2 + this.#random() * 8 + slow, () => {
      if (this.#queue.now >= node.apiCutUntil) serve();
    });
  }

  #answered(node: SimNode, answer: () => void): void {
    const slow = this.#unlucky(0.03) ? this.#random() * 1000 : 0;
    if (this.#unlucky(0.02)) return;
    this.#queue.after(1 + this.#random() * 4 + slow, () => {
      if (this.#hears(node)) answer();
    });
  }

  #hears(node: SimNode): boolean {
    return this.#queue.now >= Math.max(node.apiCutUntil, node.deafUntil);
  }

  #unlucky(share: number): boolean {
    return this.mood === 'flaky' && this.#random() < share;
  }
}
