import type { Demand, VipDemand } from '../../src/election/eligible.ts';
import type { Timing } from '../../src/election/timing.ts';
import { seededRandom } from './random.ts';
import { SimAgent } from './sim-agent.ts';
import { SimApi } from './sim-api.ts';
import { SimJournal } from './sim-journal.ts';
import type { SimLeases } from './sim-leases.ts';
import { answeredBy, answersNow, localTime, type SimNode, simLinks, simMac } from './sim-node.ts';
import { unclaimedBy } from './sim-properties.ts';
import { SimQueue } from './sim-queue.ts';
import { shareRings } from './sim-rings.ts';
import { SimSegment, type Surroundings } from './sim-segment.ts';

/** Clock rates are wrong by just under the 1 % of A1. */
const RATES = [1, 0.9905, 1.0095];
/** A wire notices the death of its agent within this time. */
const GHOST_MS = 200;
const RESTART_MS = 100;
/** Pace of the checks while nothing changes. */
export const CHECK_MS = 2;
/** Until every agent has heard of a change of what the cluster asks for. */
const NEWS_MS = 20;
/** The same for what comes over other watches than that of the Leases. */
const DIFFER_MS = 500;

/** Boots of a second machine under one name are counted from here. */
const NAMESAKE_BOOT = 101;

/** Two nodes that answer for one VIP at the same time. */
export interface Overlap {
  readonly vip: string;
  readonly nodes: readonly [SimNode, SimNode];
}

export type WitnessMode = 'off' | 'on' | 'signed' | 'swallowed';

const CARRIES = { on: 'messages', signed: 'frames', swallowed: 'nothing' } as const;

export interface SimSize {
  readonly nodes: readonly string[];
  readonly vips: readonly string[];
  /** Nodes that are not there from the start. */
  readonly later?: readonly string[];
  /** Of each node in turn, if not the usual ones. */
  readonly rates?: readonly number[];
  /**
   * Whether there is a witness; `signed`: with frames and signatures; `swallowed`: switches drop its
   * multicast, from the start and for everybody.
   */
  readonly witness?: WitnessMode;
  /** What else is on the segment: `busy` if not given. */
  readonly surroundings?: Surroundings;
}

/** Nodes, their API server and the time, all from one seed in one thread. */
export class SimCluster {
  readonly nodes: ReadonlyMap<string, SimNode>;
  readonly #hosts: Map<string, SimNode>;
  readonly random: () => number;
  readonly api: SimApi;
  readonly journal: SimJournal;
  /** Undefined: the witness is off. */
  readonly segment: SimSegment | undefined;
  readonly #queue = new SimQueue();
  readonly timing: Timing;
  readonly allVips: readonly string[];
  /** What the cluster asks for now; each node knows of it a moment later. */
  demand: Demand;
  #sessions = 0;
  #startsHeldUntil = 0;
  /** By node name. */
  readonly #namesakesHeldUntil = new Map<string, number>();

  constructor(
    seed: number,
    timing: Timing,
    { nodes, vips, later = [], rates = [], witness = 'off', surroundings = 'busy' }: SimSize,
  ) {
    shareRings();
    this.random = seededRandom(seed);
    this.timing = timing;
    this.journal = new SimJournal(timing);
    this.allVips = vips;
    this.demand = demandFor(nodes, vips);
    const all = [...nodes, ...later];
    this.#hosts = new Map(
      all.map((name, i) => [name, newNode(name, seed + i, this.demand, rates[i])]),
    );
    this.nodes = this.#hosts;
    const queue = this.#queue;
    this.api = new SimApi({
      queue,
      random: this.random,
      nodes: this.nodes,
      journal: this.journal,
      unclaimed: (node) => unclaimedBy(this, node),
    });
    this.segment =
      witness === 'off'
        ? undefined
        : new SimSegment(queue, this.random, {
            nodes: this.nodes,
            carries: CARRIES[witness],
            surroundings,
          });
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

  /**
   * Runs for so long, calling `check` after everything that may have changed who answers or by what right,
   * and at the first event from `nextLookAt` on: every 2 ms, if that is not given.
   */
  run(
    ms: number,
    check: () => void = () => {},
    nextLookAt: () => number = () => this.now + CHECK_MS,
  ): void {
    const queue = this.#queue;
    const { journal } = this;
    const end = queue.now + ms;
    let lookAt = Number.NEGATIVE_INFINITY;
    while (queue.step(end)) {
      if (!journal.isStirred && queue.now < lookAt) continue;
      journal.isStirred = false;
      check();
      lookAt = nextLookAt();
    }
    check();
  }

  after(ms: number, run: () => void): void {
    this.#queue.after(ms, run);
  }

  /** Starts an agent where none runs. */
  start(name: string): void {
    const node = this.node(name);
    if (node.agent !== undefined || !this.demand.nodes.has(node.as)) return;
    const namesakesHeldUntil = node.as === name ? 0 : (this.#namesakesHeldUntil.get(node.as) ?? 0);
    const heldUntil = Math.max(this.#startsHeldUntil, namesakesHeldUntil);
    if (this.now < heldUntil) {
      this.after(heldUntil - this.now, () => this.start(name));
      return;
    }
    this.#sessions += 1;
    this.journal.disturbedAt = this.now;
    const agent = new SimAgent({
      queue: this.#queue,
      random: this.random,
      node,
      api: this.api,
      journal: this.journal,
      segment: this.segment,
      probe: (from, vip) => this.#probe(from, vip),
      timing: this.timing,
      session: `s${this.#sessions}`,
      onEnd: (why) => {
        this.#bury(node, agent, 0);
        if (why === 'fatal') this.after(RESTART_MS, () => this.start(name));
      },
    });
    node.agent = agent;
    node.isDown = false;
    this.api.relist(node, this.random() * 10);
  }

  /** The other machine on which somebody has an agent run under the name of this node, if there is one. */
  namesakeOf(name: string): SimNode | undefined {
    return this.nodes.get(`${name}'`);
  }

  /** An agent is started under the name of a node on another machine, and killed there after so long. */
  impersonate(name: string, ms: number): void {
    const host = `${name}'`;
    if (!this.nodes.has(host)) {
      const node = newNode(host, host.length, this.demand);
      this.#hosts.set(host, { ...node, as: name, boot: NAMESAKE_BOOT });
    }
    this.start(host);
    this.after(ms, () => this.kill(host));
  }

  /** No second machine starts under that name for so long. */
  holdNamesakes(name: string, ms: number): void {
    this.#namesakesHeldUntil.set(name, this.now + ms);
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
    node.isDown = true;
    node.boot += 1;
    node.offset = -node.rate * this.now;
    node.stoppedUntil = 0;
    node.agentStoppedUntil = 0;
  }

  /** Agent and wire are stopped; their clock is not. */
  stop(node: SimNode, ms: number): void {
    node.stoppedUntil = Math.max(node.stoppedUntil, this.now + ms);
    this.after(node.stoppedUntil - this.now, () => this.disturbed());
  }

  /** Something happens that the cluster has to recover from. */
  disturbed(): void {
    this.journal.stirred();
    this.journal.disturbedAt = this.now;
  }

  /** The virtual machine is frozen together with its clock. */
  freeze(node: SimNode, ms: number): void {
    if (this.now < node.stoppedUntil) return;
    this.stop(node, ms);
    node.offset -= ms * node.rate;
    node.thawedAt = node.stoppedUntil;
  }

  /** The cluster asks for something else; every node learns of it in its own time. */
  ask(change: Partial<Demand>, withinMs = NEWS_MS): void {
    this.demand = { ...this.demand, ...change };
    for (const node of this.nodes.values()) {
      this.after(this.random() * withinMs, () => {
        node.demand = this.demand;
        node.agent?.raise();
      });
    }
  }

  exclude(names: readonly string[]): void {
    this.ask({ excluded: new Set(names) });
  }

  /** A node that did not exist is there, with an agent. */
  join(name: string): void {
    if (this.demand.nodes.has(name)) return;
    this.#setMembers([...this.demand.nodes, name]);
    this.start(name);
  }

  /** The host dies and its Node object goes; then its Leases, of which that was the owner. */
  removeForGood(name: string): void {
    this.node(name).isGone = true;
    this.crash(name);
    this.#setMembers([...this.demand.nodes].filter((other) => other !== name));
    this.after(this.random() * 2000, () => this.api.deleteLeases(name, ['heartbeat', 'claims']));
  }

  /** The Service of a VIP is gone for so long. */
  without(vip: string, ms: number): void {
    const vips = new Map(this.demand.vips);
    vips.delete(vip);
    this.ask({ vips });
    this.after(ms, () => this.#restore(vip));
  }

  /** For so long only these nodes may own the VIP, by its endpoints or by the selector of its pool. */
  narrow(vip: string, by: 'endpoints' | 'selector', names: readonly string[], ms: number): void {
    const wanted = demandFor([...this.demand.nodes], [vip]).vips.get(vip);
    if (wanted === undefined || !this.demand.vips.has(vip)) return;
    const nodes = new Set(names);
    const narrowed =
      by === 'endpoints'
        ? { ...wanted, endpointNodes: nodes }
        : { ...wanted, adverts: [{ nodes, links: undefined }] };
    // Nodes hear of it one after the other, and may differ about it for longer than a handover takes.
    this.ask({ vips: new Map(this.demand.vips).set(vip, narrowed) }, DIFFER_MS);
    this.after(ms, () => this.#restore(vip));
  }

  #restore(vip: string): void {
    const wanted = demandFor([...this.demand.nodes], [vip]).vips.get(vip);
    if (wanted !== undefined) this.ask({ vips: new Map(this.demand.vips).set(vip, wanted) });
  }

  #setMembers(names: readonly string[]): void {
    const { vips, nodes } = demandFor(names, [...this.demand.vips.keys()]);
    this.ask({ vips, nodes });
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

  /** Whether any two nodes answer for one VIP, heard by one client or not. */
  isDoubled(): boolean {
    const seen = new Set<string>();
    for (const node of this.nodes.values()) {
      for (const vip of answeredBy(node, this.now)) {
        if (seen.has(vip)) return true;
        seen.add(vip);
      }
    }
    return false;
  }

  /** The first two nodes that answer for one VIP at this moment and that one client may hear both. */
  overlap(): Overlap | undefined {
    const seen = new Map<string, SimNode[]>();
    for (const node of this.nodes.values()) {
      for (const vip of answeredBy(node, this.now)) {
        const others = seen.get(vip);
        const other = others?.find((each) => each !== node && this.#areHeardTogether(each, node));
        if (other !== undefined) return { vip, nodes: [other, node] };
        if (others === undefined) seen.set(vip, [node]);
        else others.push(node);
      }
    }
    return undefined;
  }

  /** An ARP probe, and the answers of whoever answers for the VIP when it arrives. */
  #probe(from: SimNode, vip: string): void {
    const way = (a: SimNode, b: SimNode, arrive: () => void) => {
      if (this.segment === undefined) this.after(this.random(), arrive);
      else this.segment.carry(a.name, b.name, arrive);
    };
    for (const to of this.nodes.values()) {
      if (to === from) continue;
      way(from, to, () => {
        if (!answersNow(to, vip, this.now)) return;
        way(to, from, () => from.agent?.wire.hearAnswer(vip, simMac(to.name)));
      });
    }
  }

  #areHeardTogether(a: SimNode, b: SimNode): boolean {
    return this.segment === undefined || this.segment.areTogether(a.name, b.name);
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

function newNode(
  name: string,
  seed: number,
  demand: Demand,
  rate = RATES[seed % RATES.length] ?? 1,
): SimNode {
  return {
    name,
    as: name,
    rate,
    offset: (seed % 7) * 100_000,
    boot: 1,
    stoppedUntil: 0,
    agentStoppedUntil: 0,
    apiCutUntil: 0,
    deafUntil: 0,
    watchLostUntil: 0,
    watchLagMs: 0,
    wireSlowUntil: 0,
    isDown: false,
    thawedAt: Number.NEGATIVE_INFINITY,
    links: simLinks(name),
    demand,
    version: 'ours',
    isGone: false,
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
  return { vips: new Map(wanted), nodes: new Set(nodes), excluded: new Set(), draining: new Map() };
}
