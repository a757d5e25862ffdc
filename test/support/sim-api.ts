import type { LeaseWrite } from '../../src/election/decide.ts';
import type { Claims, Heartbeat, LeaseCut } from '../../src/election/records.ts';
import type { WriteOutcome } from '../../src/election/register.ts';
import type { SimJournal } from './sim-journal.ts';
import { type Backup, type LeaseKind, SimLeases } from './sim-leases.ts';
import { localTime, type SimNode } from './sim-node.ts';
import type { SimQueue } from './sim-queue.ts';

const SLOW_MS = 4500;
const RELIST_MS = 500;
/** What waited for etcd is carried out within this. */
const BACKLOG_MS = 150;
/** Cuts that a stale watch cache may still show. */
const PAST_CUTS = 40;

export interface ApiDeps {
  readonly queue: SimQueue;
  readonly random: () => number;
  readonly nodes: ReadonlyMap<string, SimNode>;
  readonly journal: SimJournal;
  /** To look at everything right after a commit. */
  readonly unclaimed: (node: SimNode) => string | undefined;
}

/** The API server and the ways to it: what a request meets on its way there and back. */
export class SimApi {
  readonly leases = new SimLeases();
  /** Whether requests are sometimes slow and answers sometimes lost. */
  mood: 'reliable' | 'flaky' = 'reliable';
  /** Until then every request takes up to 4.5 s. */
  slowUntil = 0;
  /** Until then etcd stands still; then it gets to what waited, whoever has given up on it, in any order. */
  stillUntil = 0;
  readonly #deps: ApiDeps;
  readonly #past: LeaseCut[] = [];
  /** What will happen to the next request of a node. */
  readonly #next = new Map<string, 'lost' | 'no answer' | number>();

  constructor(deps: ApiDeps) {
    this.#deps = deps;
  }

  /** A request that is under way is carried out even if its sender has died or given up since. */
  write(
    node: SimNode,
    write: LeaseWrite<Heartbeat | Claims>,
    answer: (outcome: WriteOutcome) => void,
  ): void {
    const { queue, journal } = this.#deps;
    const sentAt = localTime(node, queue.now);
    journal.sent(node, write.record);
    this.#served(node, (answers) => {
      const outcome = this.leases.commit(write, node.version);
      if (outcome.kind === 'committed') {
        journal.committed(node, write.record, { sentAt, now: queue.now });
        const text = write.record.kind === 'claims' ? this.#deps.unclaimed(node) : undefined;
        if (text !== undefined) journal.breach('S4', text);
        this.publish();
      }
      this.#answered(node, answers, () => answer(outcome));
    });
  }

  list(node: SimNode, answer: (cut: LeaseCut) => void): void {
    this.#served(node, (answers) => {
      const cut = this.leases.list();
      this.#answered(node, answers, () => answer(cut));
    });
  }

  /** A person does something to the Leases of a node; the watches see it. */
  meddle(node: string, change: (leases: SimLeases) => void): void {
    this.#deps.journal.meddled(node);
    change(this.leases);
    this.publish();
  }

  deleteLeases(node: string, kinds: readonly LeaseKind[]): void {
    this.meddle(node, (leases) => {
      for (const kind of kinds) leases.delete(kind, node);
    });
  }

  /** The API servers are stopped for it, as the manual of etcd demands: no cache shows what was lost. */
  restore(backup: Backup): void {
    this.#deps.journal.restored(this.#deps.queue.now);
    this.leases.restore(backup);
    this.#past.length = 0;
    this.publish();
  }

  /** Every watch shows the new state after a delay of its own, in order or not: revisions tell. */
  publish(): void {
    this.#past.push(this.leases.watchCut());
    if (this.#past.length > PAST_CUTS) this.#past.shift();
    const { nodes, random } = this.#deps;
    for (const node of nodes.values()) {
      if (node.agent !== undefined) this.#show(node, random() * 5 + node.watchLagMs);
    }
  }

  /** What a watch does when it begins, or begins anew. */
  relist(node: SimNode, ms: number): void {
    this.#deps.queue.after(ms, () => this.#show(node, this.#deps.random() * 5));
  }

  /** A watch that was broken begins anew at an API server whose cache is behind. */
  showPast(node: SimNode, share: number): void {
    const cut = this.#past[Math.floor(share * this.#past.length)];
    if (cut !== undefined) node.agent?.seen(cut);
  }

  cutOff(node: SimNode, ms: number): void {
    node.apiCutUntil = Math.max(node.apiCutUntil, this.#deps.queue.now + ms);
    this.relist(node, ms + this.#deps.random() * RELIST_MS);
  }

  deafen(node: SimNode, ms: number): void {
    node.deafUntil = Math.max(node.deafUntil, this.#deps.queue.now + ms);
    this.relist(node, ms + this.#deps.random() * RELIST_MS);
  }

  loseWatch(node: SimNode, ms: number): void {
    node.watchLostUntil = Math.max(node.watchLostUntil, this.#deps.queue.now + ms);
    this.relist(node, ms + this.#deps.random() * RELIST_MS);
  }

  /** The next request of the node is lost, or its answer. */
  loseNext(node: SimNode, answer: boolean): void {
    this.#next.set(node.name, answer ? 'no answer' : 'lost');
  }

  /** The next request of the node takes that much longer. */
  hangNext(node: SimNode, ms: number): void {
    this.#next.set(node.name, ms);
  }

  #show(node: SimNode, ms: number): void {
    const cut = this.leases.watchCut();
    const { agent } = node;
    const { queue } = this.#deps;
    queue.after(1 + ms, () => {
      if (!this.#hears(node) || queue.now < node.watchLostUntil) return;
      agent?.seen(cut);
    });
  }

  #served(node: SimNode, serve: (answers: boolean) => void): void {
    const { queue, random, journal } = this.#deps;
    const fate = this.#next.get(node.name);
    this.#next.delete(node.name);
    if (fate === 'lost') return;
    const isSlow = queue.now < this.slowUntil || this.#unlucky(0.06);
    const slow = isSlow ? random() * SLOW_MS : 0;
    const hangs = typeof fate === 'number' ? fate : 0;
    const arrive = () => {
      if (queue.now < node.apiCutUntil) return;
      if (isSlow) journal.disturbedAt = queue.now;
      serve(fate !== 'no answer');
    };
    queue.after(2 + random() * 8 + slow + hangs, () => {
      const wait = this.stillUntil - queue.now;
      if (wait <= 0) arrive();
      else queue.after(wait + random() * BACKLOG_MS, arrive);
    });
  }

  #answered(node: SimNode, answers: boolean, answer: () => void): void {
    const { queue, random } = this.#deps;
    const slow = this.#unlucky(0.03) ? random() * 1000 : 0;
    if (this.#unlucky(0.02) || !answers) return;
    queue.after(1 + random() * 4 + slow, () => {
      if (this.#hears(node)) answer();
    });
  }

  #hears(node: SimNode): boolean {
    return this.#deps.queue.now >= Math.max(node.apiCutUntil, node.deafUntil);
  }

  #unlucky(share: number): boolean {
    return this.mood === 'flaky' && this.#deps.random() < share;
  }
}
