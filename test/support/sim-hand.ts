import { type Decision, decide, type LeaseWrite } from '../../src/election/decide.ts';
import {
  asked,
  claimsSettled,
  heartbeatSettled,
  listed,
  watched,
} from '../../src/election/events.ts';
import { heard } from '../../src/election/heard.ts';
import type { WitnessReport } from '../../src/election/hearing.ts';
import { probed } from '../../src/election/probing.ts';
import type { Claims, Heartbeat, LeaseCut } from '../../src/election/records.ts';
import type { WriteOutcome } from '../../src/election/register.ts';
import { type ElectionState, initialState } from '../../src/election/state.ts';
import { checkedTiming } from '../../src/election/timing.ts';
import { type Instant, instant } from '../../src/instant.ts';
import type { ProbeAnswer, PublishedLink, Utterance, Vip } from '../../src/model.ts';
import { demandFor } from './sim-cluster.ts';
import { SimLeases } from './sim-leases.ts';
import { simLinks } from './sim-node.ts';

/** The election of node `n1`, driven by hand: the test says what happens, and in which order. */
export class HandNode {
  readonly leases: SimLeases;
  state: ElectionState;
  now = 1000;
  /** Whether `n1` may own anything. */
  excluded = false;
  /** Whether `n1` is being emptied. */
  cordoned = false;
  /** Its last decision. */
  last: Decision | undefined;
  /** Everything that it has said on the segment. */
  readonly said: Utterance[] = [];
  /** What its wires have heard; undefined: the witness is off. */
  witness: WitnessReport | undefined;
  /** Its usable links. */
  links: readonly PublishedLink[] = simLinks('n1');
  /** Who answers on its segments when it asks for VIPs; what else happens meanwhile happens here. */
  answers: () => readonly ProbeAnswer[] = () => [];
  readonly #nodes: readonly string[];
  readonly #vips: readonly Vip[];

  constructor(
    nodes: readonly string[],
    vips: readonly Vip[],
    session = 's1',
    leases = new SimLeases(),
  ) {
    this.leases = leases;
    this.#nodes = nodes;
    this.#vips = vips;
    const self = { node: 'n1', bootId: 'b', session };
    this.state = initialState(self, checkedTiming('standard'));
  }

  /** One turn. Its wire obeys at once: what is not active is not held. */
  turn(held: Iterable<Vip> = this.state.active.keys()): Decision {
    const excluded = new Set(this.excluded ? ['n1'] : []);
    const draining = new Map(this.cordoned ? [['n1', 'cordoned']] : []);
    const demand = { ...demandFor(this.#nodes, this.#vips), excluded, draining };
    const { witness, links } = this;
    const world = {
      demand,
      links,
      held: new Set(held),
      suspectSince: undefined,
      selfFenced: 0,
      witness,
    };
    const decision = decide(this.state, world, this.at());
    this.state = decision.state;
    this.said.push(...decision.tell);
    this.last = decision;
    return decision;
  }

  /** The API server carries the write out, and its answer arrives. */
  carryOut(write: LeaseWrite<Heartbeat | Claims>): void {
    this.answer(write, this.leases.commit(write));
  }

  answer({ record }: LeaseWrite<Heartbeat | Claims>, outcome: WriteOutcome): void {
    const settled = record.kind === 'heartbeat' ? heartbeatSettled : claimsSettled;
    this.state = settled(this.state, record.write, outcome, this.at());
  }

  /** The watch is up to date. */
  watch(): void {
    this.state = watched(this.state, this.leases.watchCut(), this.at());
  }

  list(token: number, cut: LeaseCut = this.leases.list()): void {
    this.state = listed(this.state, token, cut, this.at());
  }

  leave(): void {
    this.state = asked(this.state);
  }

  /** Turns with an API server that answers at once, until nothing is left to do. */
  settle(): Decision {
    for (let turns = 0; turns < 30; turns += 1) {
      const decision = this.turn();
      const { heartbeat, claims, list, probes } = decision;
      for (const order of probes) {
        const answers = this.answers().filter(({ vip }) => order.vips.includes(vip));
        this.state = probed(this.state, { ...order, answers }, this.at());
      }
      for (const write of [heartbeat, claims]) if (write !== undefined) this.carryOut(write);
      this.watch();
      if (list !== undefined) this.list(list);
      const { phase, nextClaimsAt } = this.state;
      const isBusy = [heartbeat, claims, list, ...probes].some((each) => each !== undefined);
      if (isBusy) this.now += 1;
      // A process without a claims lease waits for the last frame of a predecessor.
      else if (phase === 'writing' && nextClaimsAt > this.now) this.now = nextClaimsAt;
      else return decision;
    }
    return this.turn();
  }

  /** The node says something on the segment. */
  hear(from: string, utterance: Utterance): void {
    this.state = heard(this.state, from, { utterance, at: this.at() }, this.at());
  }

  /** Lets time pass with an API server that answers at once. */
  pass(ms: number): void {
    const end = this.now + ms;
    while (this.now < end) {
      this.settle();
      this.now += 10;
    }
  }

  at(): Instant {
    return instant(this.now);
  }
}

/** Another node, of which only the Leases are there. */
export class HandPeer {
  readonly #leases: SimLeases;
  readonly #node: string;
  readonly #bootId: string;
  /** What its claims say from now on. */
  mayHold = false;
  #write = 0;

  constructor(leases: SimLeases, node = 'n2', bootId = 'b') {
    this.#leases = leases;
    this.#node = node;
    this.#bootId = bootId;
  }

  /** Number of its newest write. */
  get write(): number {
    return this.#write;
  }

  beat(incarnation: number): void {
    this.#commit({ kind: 'heartbeat', ...this.#stamp(incarnation) });
  }

  claim(incarnation: number, vips: readonly Vip[], leaving: readonly Vip[] = []): void {
    const claim = { reason: 'first claim', from: undefined };
    const claims = new Map(vips.map((vip) => [vip, claim]));
    this.#writeClaims(incarnation, { vips: claims, leaving: new Set(leaving), draining: false });
  }

  /** It ends in order. */
  leave(incarnation: number): void {
    this.#writeClaims(incarnation, { vips: new Map(), leaving: new Set(), draining: true });
  }

  #writeClaims(incarnation: number, content: Pick<Claims, 'vips' | 'leaving' | 'draining'>): void {
    const { mayHold } = this;
    const links = simLinks(this.#node);
    const rest = { fences: new Set<string>(), joined: 1, mayHold, links };
    this.#commit({ kind: 'claims', ...this.#stamp(incarnation), ...content, ...rest });
  }

  #stamp(incarnation: number) {
    this.#write += 1;
    const self = { node: this.#node, bootId: this.#bootId, session: 'peer' };
    return { ...self, incarnation, write: this.#write };
  }

  #commit(record: Heartbeat | Claims): void {
    const { heartbeats, claims } = this.#leases.list();
    const stored = record.kind === 'heartbeat' ? heartbeats : claims;
    const base = stored.get(this.#node)?.revision;
    const outcome = this.#leases.commit({ base, record });
    if (outcome.kind !== 'committed') throw new Error(`${record.kind}: ${outcome.kind}`);
  }
}
