import assert from 'node:assert/strict';
import { whomToAsk } from '../../src/election/asking.ts';
import {
  authorityOf,
  type Beat,
  type Decision,
  decide,
  type LeaseWrite,
  proofOf,
  type World,
} from '../../src/election/decide.ts';
import {
  asked,
  claimsSettled,
  heartbeatSettled,
  listed,
  listFailed,
  stalled,
  watched,
} from '../../src/election/events.ts';
import { heard } from '../../src/election/heard.ts';
import { probed } from '../../src/election/probing.ts';
import {
  type Claims,
  type Heartbeat,
  incarnationId,
  type LeaseCut,
} from '../../src/election/records.ts';
import { type ElectionState, initialState, stamp } from '../../src/election/state.ts';
import type { Timing } from '../../src/election/timing.ts';
import { FOREVER, type Instant, NEVER } from '../../src/instant.ts';
import type { Vip } from '../../src/model.ts';
import { wordsOf } from '../../src/wire/mouth.ts';
import type { SimApi } from './sim-api.ts';
import type { SimJournal } from './sim-journal.ts';
import { localTime, type SimNode, trueSpan } from './sim-node.ts';
import type { SimQueue } from './sim-queue.ts';
import type { SimSegment } from './sim-segment.ts';
import { SimWire } from './sim-wire.ts';

const TICK_MS = 50;
/** From something that happens until the loop looks at it. */
const LOOP_MS = 3;
/** An agent that was silent for so long gives its incarnation up, as its wires do. */
const MAX_SILENCE_MS = 900;
/** What the core looks at again so soon, it may find late by as much. */
const POLL_MS = 50;
/** Share of the ticks at which an idle agent is asked whether it would act after all. */
const PEEK_SHARE = 0.03;
/** A clean shutdown that the API server does not answer ends after this long all the same. */
const LEAVE_MS = 4500;

export interface AgentDeps {
  readonly queue: SimQueue;
  readonly random: () => number;
  readonly node: SimNode;
  readonly api: SimApi;
  readonly journal: SimJournal;
  /** Undefined: the witness is off. */
  readonly segment: SimSegment | undefined;
  /** An ARP probe of this node's wire goes to the segment. */
  readonly probe: (node: SimNode, vip: Vip) => void;
  readonly timing: Timing;
  readonly session: string;
  /** The process has ended by itself: because it has left, or because it cannot go on. */
  readonly onEnd: (why: 'left' | 'fatal') => void;
}

/** One agent process: the production election, turned as the production loop turns it. */
export class SimAgent {
  state: ElectionState;
  readonly wire: SimWire;
  readonly #deps: AgentDeps;
  /** What the watch has shown since the last turn: the newest need not come last. */
  #inbox: LeaseCut[] = [];
  #active: ReadonlyMap<Vip, bigint> = new Map();
  #wakeAt: Instant = NEVER;
  /** What the last turn looked at, as long as nothing has happened since. */
  #idle: World | undefined;
  #turnPlanned = false;
  #timers = 0;
  #permittedAt: Instant;
  #hasJoined = false;
  #beat: Beat | undefined;
  #words = '';
  #life: 'running' | 'ending' | 'ended' = 'running';

  constructor(deps: AgentDeps) {
    const { node, session, timing } = deps;
    this.#deps = deps;
    this.state = initialState({ node: node.as, bootId: `b${node.boot}`, session }, timing);
    const { segment, journal } = deps;
    this.wire = new SimWire({
      ...deps,
      say:
        segment &&
        ((message) => {
          journal.said(message);
          segment.send(node, message);
        }),
      hearsAnything: () => segment?.hearsAnything(node.name) === true,
      ask(neighbours, onAnswer) {
        const hosts = neighbours.map((neighbour) => neighbour.node);
        segment?.ask(node, hosts, onAnswer);
      },
      onAnswering: () => journal.stirred(),
      inAgent: (ms, run) => this.#on(ms, run),
      probe: (vip) => deps.probe(node, vip),
      onProbed: (result) => this.#apply(probed(this.state, result, this.#now())),
      onChange: () => this.raise(),
      onTold: (from, utterance, at) =>
        this.#apply(heard(this.state, from, { utterance, at }, this.#now())),
    });
    this.#permittedAt = this.#now();
    this.#tick();
    this.raise();
  }

  /** The watch has come to show `cut`. */
  seen(cut: LeaseCut): void {
    this.#on(0, () => {
      this.#inbox.push(cut);
      this.raise();
    });
  }

  /** SIGTERM. */
  leave(): void {
    this.#apply(asked(this.state));
    this.#on(trueSpan(this.#deps.node, LEAVE_MS), () => this.#endOf('left'));
  }

  /** The process is gone; its wire does not know yet. */
  kill(): void {
    this.#life = 'ended';
  }

  /** Something has happened: a turn follows. */
  raise(): void {
    this.#idle = undefined;
    if (this.#turnPlanned) return;
    this.#turnPlanned = true;
    this.#on(this.#deps.random() * LOOP_MS, () => this.#turn());
  }

  #turn(): void {
    this.#turnPlanned = false;
    if (this.#life === 'ending') return;
    const now = this.#now();
    for (const cut of this.#inbox) this.state = watched(this.state, cut, now);
    this.#inbox = [];
    const world = this.#world();
    const decision = decide(this.state, world, now);
    this.state = decision.state;
    this.#noteJoin();
    this.#note(decision.active);
    this.#idle = world;
    this.#wakeAt = decision.wakeAt;
    // Its last step, the permit, may find that this process stood still, which calls for another turn.
    this.#obey(decision);
    this.#sleep();
    if (decision.fatal !== undefined) {
      this.#life = 'ending';
      const { node, timing } = this.#deps;
      this.#on(trueSpan(node, timing.takerPatience), () => this.#endOf('fatal'));
    } else if (decision.left) this.#endOf('left');
  }

  /** A process may wait long before it joins, and who joins may be the first in rank: all begins anew. */
  #noteJoin(): void {
    if (this.#hasJoined || this.state.firstMemberAt === undefined) return;
    this.#hasJoined = true;
    const { journal, queue } = this.#deps;
    journal.disturbedAt = queue.now;
  }

  /** In this order: tables, then writes, then the LIST, then what is said, then the permit. */
  #obey({ active, until, heartbeat, claims, list, tell, probes, beat }: Decision): void {
    this.wire.setTable([...active.keys()], incarnationId(stamp(this.state, 0)));
    for (const write of [heartbeat, claims]) if (write !== undefined) this.#write(write);
    if (list !== undefined) this.#list(list);
    for (const utterance of tell) this.wire.tell(utterance);
    for (const { token, vips } of probes) this.wire.probe(token, vips);
    this.#beat = beat;
    const words = wordsOf(beat);
    if (words === this.#words && until !== null) return;
    this.#words = words;
    this.#permit();
  }

  /** On every tick, and at once when there is news for the segment: as `permitter` of the agent does. */
  #permit(): void {
    const now = this.#now();
    const { state } = this;
    if (now - this.#permittedAt > MAX_SILENCE_MS && this.wire.report() !== undefined) {
      this.#apply(stalled(state, now));
    }
    this.#permittedAt = now;
    const until = this.#life === 'running' ? authorityOf(this.state) : null;
    const beat = this.#beat;
    const contactAgeMs =
      beat === undefined || beat.contactAt === NEVER ? undefined : now - beat.contactAt;
    this.wire.permit({
      until,
      provenAt: until === null ? null : proofOf(this.state),
      sentAt: now,
      incarnation: this.state.phase === 'reading' ? 0 : this.state.incarnation,
      held: this.state.phase === 'held',
      beat: beat === undefined ? null : { ...beat, contactAgeMs },
      ask: whomToAsk(this.state),
    });
  }

  #note(active: ReadonlyMap<Vip, bigint>): void {
    const { journal, node, queue } = this.#deps;
    for (const [vip, epoch] of active) {
      if (this.#active.get(vip) === epoch) continue;
      journal.activated({ node: node.name, vip, epoch, at: queue.now });
    }
    this.#active = active;
  }

  #world(): World {
    const { demand, links } = this.#deps.node;
    const { wire } = this;
    return {
      demand,
      links,
      held: wire.held(),
      suspectSince: wire.suspectSince(),
      selfFenced: wire.selfFenced(),
      witness: wire.report(),
    };
  }

  #sleep(): void {
    this.#timers += 1;
    const timer = this.#timers;
    if (this.#wakeAt === FOREVER) return;
    const { node, random } = this.#deps;
    const ms = trueSpan(node, this.#wakeAt - this.#now()) + 0.01 + random();
    this.#on(ms, () => {
      if (timer !== this.#timers) return;
      // After a freeze with the clock there is still a rest to wait.
      if (this.#now() < this.#wakeAt) this.#sleep();
      else this.raise();
    });
  }

  #tick(): void {
    this.#on(TICK_MS, () => {
      this.#permit();
      if (this.#deps.random() < PEEK_SHARE) this.#peek();
      this.#tick();
    });
  }

  /** What the loop relies on: before `wakeAt`, and with nothing new, there is nothing to do. */
  #peek(): void {
    const now = this.#now();
    if (this.#idle === undefined || now >= this.#wakeAt - POLL_MS) return;
    const { state, heartbeat, claims, list, moves } = decide(this.state, this.#idle, now);
    const acts = [
      heartbeat && 'writes its heartbeat',
      claims && 'writes its claims',
      list !== undefined && 'lists',
      moves.length > 0 && 'moves a VIP',
      state.phase !== this.state.phase && 'changes phase',
      state.verdicts !== this.state.verdicts && 'judges',
    ].filter((act) => typeof act === 'string');
    const early = Math.round(this.#wakeAt - now);
    assert.deepEqual(
      acts,
      [],
      `${state.self.node} acts ${early} ms before wakeAt with nothing new`,
    );
  }

  #write(write: LeaseWrite<Heartbeat | Claims>): void {
    const { record } = write;
    const settled = record.kind === 'heartbeat' ? heartbeatSettled : claimsSettled;
    let pending = true;
    this.#deps.api.write(this.#deps.node, write, (outcome) => {
      this.#on(0, () => {
        if (!pending) return;
        pending = false;
        this.#apply(settled(this.state, record.write, outcome, this.#now()));
      });
    });
    this.#onTimeout(() => {
      if (!pending) return;
      pending = false;
      this.#apply(settled(this.state, record.write, { kind: 'failed' }, this.#now()));
    });
  }

  #list(token: number): void {
    let pending = true;
    this.#deps.api.list(this.#deps.node, (cut) => {
      this.#on(0, () => {
        if (!pending) return;
        pending = false;
        this.#apply(listed(this.state, token, cut, this.#now()));
      });
    });
    this.#onTimeout(() => {
      if (!pending) return;
      pending = false;
      this.#apply(listFailed(this.state, token, this.#now()));
    });
  }

  #onTimeout(run: () => void): void {
    const { node, timing } = this.#deps;
    this.#on(trueSpan(node, timing.requestTimeout), run);
  }

  #apply(state: ElectionState): void {
    this.state = state;
    this.raise();
  }

  #endOf(why: 'left' | 'fatal'): void {
    this.#life = 'ended';
    this.#deps.onEnd(why);
  }

  #now(): Instant {
    return localTime(this.#deps.node, this.#deps.queue.now);
  }

  /** Runs in this process: later if it is stopped, never once it is gone. */
  #on(ms: number, run: () => void): void {
    const { queue, node } = this.#deps;
    queue.after(ms, () => {
      if (this.#life === 'ended') return;
      const stop = Math.max(node.stoppedUntil, node.agentStoppedUntil);
      if (queue.now < stop) this.#on(stop - queue.now, run);
      else run();
    });
  }
}
