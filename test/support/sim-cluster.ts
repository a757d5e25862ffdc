import type { Demand, VipDemand } from '../../src/election/eligible.ts';
import type { Timing } from '../../src/election/timing.ts';
import { seededRandom } from './random.ts';
import { SimAgent } from './sim-agent.ts';
import { SimApi } from './sim-api.ts';
import type { SimLeases } from './sim-leases.ts';
import { answeredBy, localTime, SIM_LINKS, type SimNode } from './sim-node.ts';
import { SimQueue } from './sim-queue.ts';

/** Clock rates differ by just under the 1 % of A1. */
const RATES = [1, 0.9905, 1.0095];
/** A wire notices the death of its agent within this time. */
const GHOST_MS = 200;
const RESTART_MS = 100;

/** Two nodes that answer for one VIP at the same time. */
export interface Overlap {
  readonly vip: string;
  readonly nodes: readonly [SimNode, SimNode];
}

/** Nodes, their API server and the time, all from one seed in one thread. */
export class SimCluster {
  readonly nodes: ReadonlyMap<string, SimNode>;
  readonly random: () => number;
  readonly api: SimApi;
  readonly #queue = new SimQueue();
  readonly #timing: Timing;
  readonly demand: Demand;
  #sessions = 0;
  #startsHeldUntil = 0;

  constructor(
    seed: number,
    timing: Timing,
    { nodes, vips }: { readonly nodes: readonly string[]; readonly vips: readonly string[] },
  ) {
    this.random = seededRandom(seed);
    this.#timing = timing;
    this.demand = demandFor(nodes, vips);
    this.nodes = new Map(nodes.map((name, i) => [name, newNode(name, seed + i, this.demand)]));
    this.api = new SimApi(this.#queue, this.random, this.nodes);
    for (const name of nodes) this.start(name);
  }

  get now(): number {
    return this.#queue.now;
  }

  get leases(): SimLeases {
    return this.api.leases;
  }

  node(name: string): SimNode {
    const node = this.nodes.get(name);
    if (node === undefined) throw new RangeError(`no node '${name}' in this simulation`);
    return node;
  }

  agent(name: string): SimAgent {
    const { agent } = this.node(name);
    if (agent === undefined) throw new RangeError(`no agent runs on '${name}'`);
    return agent;
  }

  /** Runs for so long, calling `check` after everything that happens. */
  run(ms: number, check: () => void = () => {}): void {
    const end = this.now + ms;
    while (this.#queue.step(end)) check();
    check();
  }

  after(ms: number, run: () => void): void {
    this.#queue.after(ms, run);
  }

  /** Starts an agent where none runs. */
  start(name: string): void {
    const node = this.node(name);
    if (node.agent !== undefined) return;
    if (this.now < this.#startsHeldUntil) {
      this.after(this.#startsHeldUntil - this.now, () => this.start(name));
      return;
    }
    this.#sessions += 1;
    const agent = new SimAgent({
      queue: this.#queue,
      random: this.random,
      node,
      api: this.api,
      timing: this.#timing,
      session: `s${this.#sessions}`,
      onEnd: (why) => {
        this.#bury(node, agent, 0);
        if (why === 'fatal') this.after(RESTART_MS, () => this.start(name));
      },
    });
    node.agent = agent;
    this.api.relist(node, this.random() * 10);
  }

  /** No agent starts for so long. */
  holdStarts(ms: number): void {
    this.#startsHeldUntil = this.now + ms;
  }

  /** The agent dies; its wire notices a moment later. */
  kill(name: string): void {
    const node = this.node(name);
    if (node.agent === undefined) return;
    node.agent.kill();
    this.#bury(node, node.agent, this.random() * GHOST_MS);
  }

  /** The host dies, and everything on it; it can be started anew. */
  crash(name: string): void {
    const node = this.node(name);
    if (node.agent !== undefined) {
      node.agent.kill();
      this.#bury(node, node.agent, 0);
    }
    node.ghosts = [];
    node.boot += 1;
    node.offset = -node.rate * this.now;
    node.stoppedUntil = 0;
    node.agentStoppedUntil = 0;
  }

  /** Agent and wire are stopped; their clock is not. */
  stop(node: SimNode, ms: number): void {
    node.stoppedUntil = Math.max(node.stoppedUntil, this.now + ms);
    this.after(node.stoppedUntil - this.now, () => {});
  }

  /** The virtual machine is frozen together with its clock. */
  freeze(node: SimNode, ms: number): void {
    if (this.now < node.stoppedUntil) return;
    this.stop(node, ms);
    node.offset -= ms * node.rate;
    node.thawedAt = node.stoppedUntil;
  }

  /** The cluster asks for something else; every node learns of it in its own time. */
  exclude(names: readonly string[]): void {
    const demand = { ...this.demand, excluded: new Set(names) };
    for (const node of this.nodes.values()) {
      this.after(this.random() * 20, () => {
        node.demand = demand;
        node.agent?.raise();
      });
    }
  }

  setLinks(node: SimNode, links: SimNode['links']): void {
    node.links = links;
    node.agent?.raise();
  }

  /** Nodes that would answer for the VIP at this moment, were a request to arrive. */
  answerers(vip: string): string[] {
    return [...this.nodes.values()]
      .filter((node) => answeredBy(node, this.now).includes(vip))
      .map((node) => node.name);
  }

  /** The first breach of G1 at this moment. */
  overlap(): Overlap | undefined {
    const seen = new Map<string, SimNode>();
    for (const node of this.nodes.values()) {
      for (const vip of answeredBy(node, this.now)) {
        const other = seen.get(vip);
        if (other !== undefined && other !== node) return { vip, nodes: [other, node] };
        seen.set(vip, node);
      }
    }
    return undefined;
  }

  /** One line for each node, to read after a failure. */
  describe(): string {
    return [...this.nodes.values()].map((node) => lineOf(node, this.now)).join('\n');
  }

  #bury(node: SimNode, { wire }: SimAgent, ghostMs: number): void {
    const until = Math.max(this.now, node.stoppedUntil) + ghostMs;
    node.agent = undefined;
    const others = node.ghosts.filter((ghost) => ghost.until > this.now);
    node.ghosts = ghostMs > 0 ? [...others, { wire, until }] : others;
    this.after(until - this.now, () => wire.end());
  }
}

function newNode(name: string, seed: number, demand: Demand): SimNode {
  return {
    name,
    rate: RATES[seed % RATES.length] ?? 1,
    offset: (seed % 7) * 100_000,
    boot: 1,
    stoppedUntil: 0,
    agentStoppedUntil: 0,
    apiCutUntil: 0,
    deafUntil: 0,
    watchLostUntil: 0,
    watchLagMs: 0,
    wireSlowUntil: 0,
    thawedAt: Number.NEGATIVE_INFINITY,
    links: SIM_LINKS,
    demand,
    agent: undefined,
    ghosts: [],
  };
}

function lineOf(node: SimNode, now: number): string {
  const { agent, rate, thawedAt } = node;
  const facts = [`rate ${rate}`, `answers ${answeredBy(node, now).join(' ') || 'nothing'}`];
  if (agent === undefined) return `${node.name}: no agent, ${facts.join(', ')}`;
  const { phase, incarnation, authUntil, lapsed, active, wanted, verdicts } = agent.state;
  facts.push(`${phase} ${incarnation}`, `for ${Math.round(authUntil - localTime(node, now))} ms`);
  facts.push(`wants ${[...wanted.keys()].join(' ')}`, `owns ${[...active.keys()].join(' ')}`);
  facts.push(`dead ${[...verdicts.dead].join(' ')}`);
  if (now - thawedAt < 10_000) facts.push(`thawed ${Math.round(now - thawedAt)} ms ago`);
  return `${node.name}: ${facts.join(', ')}, last lapse: ${lapsed ?? 'none'}`;
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
