import { type Decision, decide, type LeaseWrite } from '../../src/election/decide.ts';
import type { Demand, VipDemand } from '../../src/election/eligible.ts';
import {
  asked,
  claimsSettled,
  heartbeatSettled,
  listed,
  listFailed,
  watched,
} from '../../src/election/events.ts';
import type { Claims, Heartbeat } from '../../src/election/records.ts';
import type { WriteOutcome } from '../../src/election/register.ts';
import { type ElectionState, initialState, type Move } from '../../src/election/state.ts';
import type { Timing } from '../../src/election/timing.ts';
import { type Instant, instant } from '../../src/instant.ts';
import type { PublishedLink } from '../../src/model.ts';
import { seededRandom } from './random.ts';
import { SimLeases } from './sim-leases.ts';

const LINKS: readonly PublishedLink[] = [
  { name: 'data0', mac: '02:00:00:00:00:01', subnets: ['192.0.2.0/24'] },
];

/** One simulated node: the production election, and a wire that obeys its last table. */
export interface SimNode {
  readonly name: string;
  state: ElectionState;
  /** Crashed: does nothing any more. */
  up: boolean;
  /** Stopped (SIGSTOP): wakes at this time; its clock and the others' go on. */
  stoppedUntil: number;
  apiCutUntil: number;
  watchLagMs: number;
  /** What its wire has in force: the table, and the permission to use it. */
  table: ReadonlyMap<string, bigint>;
  until: number;
  held: ReadonlySet<string>;
  moves: Move[];
  left: boolean;
  links: readonly PublishedLink[];
}

/** Nodes, their API server and the time, all from one seed in one thread. */
export class SimCluster {
  readonly leases = new SimLeases();
  readonly nodes = new Map<string, SimNode>();
  readonly random: () => number;
  now = 1000;
  /** Whether requests are sometimes slow and answers sometimes lost. */
  api: 'reliable' | 'flaky' = 'reliable';
  demand: Demand;
  readonly #timing: Timing;
  #queue: { at: number; order: number; run: () => void }[] = [];
  #order = 0;
  #sessions = 0;

  constructor(
    seed: number,
    timing: Timing,
    { nodes, vips }: { readonly nodes: readonly string[]; readonly vips: readonly string[] },
  ) {
    this.random = seededRandom(seed);
    this.#timing = timing;
    this.demand = demandFor(nodes, vips);
    for (const name of nodes) this.start(name);
  }

  start(name: string): void {
    this.#sessions += 1;
    const self = { node: name, bootId: 'boot', session: `s${this.#sessions}` };
    const node: SimNode = {
      name,
      state: initialState(self, this.#timing),
      up: true,
      stoppedUntil: 0,
      apiCutUntil: 0,
      watchLagMs: 0,
      table: new Map(),
      until: 0,
      held: new Set(),
      moves: [],
      left: false,
      links: LINKS,
    };
    this.nodes.set(name, node);
    this.#tick(node);
  }

  node(name: string): SimNode {
    const node = this.nodes.get(name);
    if (node === undefined) throw new RangeError(`no node '${name}' in this simulation`);
    return node;
  }

  /** Nodes whose wire would answer for the VIP at this moment, were a request to arrive. */
  answerers(vip: string): string[] {
    return [...this.nodes.values()]
      .filter((node) => node.up && this.now >= node.stoppedUntil)
      .filter((node) => node.table.has(vip) && this.now < node.until)
      .map((node) => node.name);
  }

  /** Runs for so long, calling `check` after every event. */
  run(ms: number, check: () => void = () => {}): void {
    const end = this.now + ms;
    for (;;) {
      const index = this.#earliest();
      const next = this.#queue[index];
      if (next === undefined || next.at > end) break;
      this.#queue.splice(index, 1);
      this.now = Math.max(this.now, next.at);
      next.run();
      check();
    }
    this.now = end;
  }

  crash(name: string): void {
    this.node(name).up = false;
  }

  leave(name: string): void {
    const node = this.node(name);
    node.state = asked(node.state);
  }

  #earliest(): number {
    let best = 0;
    for (let i = 1; i < this.#queue.length; i += 1) {
      const a = this.#queue[i];
      const b = this.#queue[best];
      if (a && b && (a.at < b.at || (a.at === b.at && a.order < b.order))) best = i;
    }
    return best;
  }

  #after(ms: number, run: () => void): void {
    this.#order += 1;
    this.#queue.push({ at: this.now + ms, order: this.#order, run });
  }

  /** Runs on the node, later if it is stopped, never if it has crashed or was replaced. */
  #on(node: SimNode, ms: number, run: () => void): void {
    this.#after(ms, () => {
      if (!node.up || this.nodes.get(node.name) !== node) return;
      if (this.now < node.stoppedUntil) {
        this.#on(node, node.stoppedUntil - this.now, run);
      } else run();
    });
  }

  #tick(node: SimNode): void {
    this.#on(node, 5 + this.random() * 5, () => {
      if (node.left) return;
      this.#turn(node);
      this.#tick(node);
    });
  }

  #turn(node: SimNode): void {
    const now = instant(this.now);
    const { held, links } = node;
    const world = { demand: this.demand, links, held, suspectSince: undefined };
    const decision = decide(node.state, world, now);
    node.state = decision.state;
    node.moves.push(...decision.moves);
    node.left = decision.left;
    this.#wire(node, decision);
    for (const write of [decision.heartbeat, decision.claims]) {
      if (write !== undefined) this.#write(node, write);
    }
    if (decision.list !== undefined) this.#list(node, decision.list);
  }

  /** The table reaches the wire a moment later, and its acknowledgement comes back after that. */
  #wire(node: SimNode, { active, until }: Decision): void {
    node.held = new Set([...node.held, ...active.keys()]);
    this.#on(node, this.random() * 3, () => {
      node.table = active;
      node.until = until ?? 0;
      this.#on(node, this.random() * 3, () => {
        node.held = new Set([...node.table.keys(), ...node.state.active.keys()]);
      });
    });
  }

  #write(node: SimNode, write: LeaseWrite<Heartbeat | Claims>): void {
    const number = write.record.write;
    const settle = (outcome: WriteOutcome, now: Instant) => {
      const settled = write.record.kind === 'heartbeat' ? heartbeatSettled : claimsSettled;
      node.state = settled(node.state, number, outcome, now);
    };
    let answered = false;
    const slow = this.#unlucky(0.02) ? this.random() * 3000 : 0;
    this.#after(2 + this.random() * 8 + slow, () => {
      if (this.now < node.apiCutUntil) return;
      const outcome = this.leases.commit(write);
      this.#publish();
      if (this.#unlucky(0.01)) return;
      this.#on(node, 1 + this.random() * 4, () => {
        if (answered) return;
        answered = true;
        settle(outcome, instant(this.now));
      });
    });
    this.#on(node, this.#timing.requestTimeout, () => {
      if (answered) return;
      answered = true;
      settle({ kind: 'failed' }, instant(this.now));
    });
  }

  #unlucky(share: number): boolean {
    return this.api === 'flaky' && this.random() < share;
  }

  /** Every node's watch sees the new state after its own delay, in order or not: revisions tell. */
  #publish(): void {
    const cut = this.leases.cut();
    for (const node of this.nodes.values()) {
      this.#on(node, 1 + this.random() * 5 + node.watchLagMs, () => {
        if (this.now < node.apiCutUntil) return;
        node.state = watched(node.state, cut, instant(this.now));
      });
    }
  }

  #list(node: SimNode, token: number): void {
    this.#on(node, 2 + this.random() * 5, () => {
      const cut = this.leases.cut();
      const cutOff = this.now < node.apiCutUntil;
      this.#on(node, cutOff ? this.#timing.requestTimeout : 1 + this.random() * 5, () => {
        const now = instant(this.now);
        node.state = cutOff
          ? listFailed(node.state, token, now)
          : listed(node.state, token, cut, now);
      });
    });
  }
}

/** A demand in which every node may own every VIP. */
export function demandFor(nodes: readonly string[], vips: readonly string[]): Demand {
  const advert = { nodes: new Set(nodes), links: undefined };
  const wanted = vips.map((vip): [string, VipDemand] => [
    vip,
    { vip, key: vip, adverts: [advert], endpointNodes: undefined },
  ]);
  return { vips: new Map(wanted), nodes: new Set(nodes), excluded: new Set() };
}
