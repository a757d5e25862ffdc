import type { WitnessReport } from '../../src/election/hearing.ts';
import type { ProbeResult } from '../../src/election/probing.ts';
import { contactGap, type Timing } from '../../src/election/timing.ts';
import { FOREVER, type Instant } from '../../src/instant.ts';
import type { IncarnationId, MacText, Neighbour, Utterance, Vip } from '../../src/model.ts';
import { hearingOf } from '../../src/wire/ear.ts';
import { type Gate, permit, shutGate, shutReason, tick } from '../../src/wire/gate.ts';
import type { FromWire, Grant } from '../../src/wire/messages.ts';
import {
  answerHeard,
  idleProber,
  probeWakeAt,
  startProbe,
  takeProbes,
  takeResults,
} from '../../src/wire/prober.ts';
import { mayAnswer, sent } from '../../src/wire/sent-tables.ts';
import { noFacts, note, type WireFacts } from '../../src/wire/wire-facts.ts';
import {
  granted,
  heard,
  heardForeign,
  type Outcome,
  openWitness,
  told,
  type Witness,
  wake,
  wakeAt,
} from '../../src/wire/witness.ts';
import type { WitnessMessage } from '../../src/witness/message.ts';
import { localTime, SIM_LINK, type SimNode, trueSpan } from './sim-node.ts';
import type { SimQueue } from './sim-queue.ts';

const TICK_MS = 50;
/** A frame may leave so long after its check (A2 allows 200 ms; the check itself takes some). */
export const SEND_DELAY_MS = 190;
const CHANNEL_MS = 3;
const SLOW_CHANNEL_MS = 190;
/** Frames that wait in the socket of a wire that is stopped; more are lost. */
const SOCKET_FRAMES = 256;

export interface WireDeps {
  readonly queue: SimQueue;
  readonly random: () => number;
  readonly node: SimNode;
  readonly timing: Timing;
  /** Undefined: there is no witness. */
  readonly say: ((message: WitnessMessage) => void) | undefined;
  /** Whether other frames than the witness's come in. */
  readonly hearsAnything: () => boolean;
  /** Asks for the hosts of these peers and for the gateway. */
  readonly ask: (neighbours: readonly Neighbour[], onAnswer: () => void) => void;
  /** It may have begun to answer for something, or for somebody else. */
  readonly onAnswering: () => void;
  /** Runs in the process of the agent. */
  readonly inAgent: (ms: number, run: () => void) => void;
  /** The agent has to look at what the wire has told. */
  readonly onChange: () => void;
  readonly onTold: (from: IncarnationId, utterance: Utterance, at: Instant) => void;
  /** Sends an ARP probe for the VIP. */
  readonly probe: (vip: Vip) => void;
  readonly onProbed: (result: ProbeResult) => void;
}

/** The wire of a simulated node, behind a channel that keeps its order: the production gate and witness. */
export class SimWire {
  /** In whose name the table in force is. */
  tableOf: IncarnationId = '';
  readonly #deps: WireDeps;
  readonly #gate: Gate;
  readonly #prober = idleProber();
  readonly #witness: Witness | undefined;
  /** The agent's side. */
  readonly #facts: WireFacts = noFacts(0);
  #table: readonly Vip[] = [];
  #held: ReadonlySet<Vip> = new Set();
  #version = 0;
  #sentTable = '';
  #toWireAt = 0;
  #toAgentAt = 0;
  #alarmAt: number = FOREVER;
  #alarms = 0;
  #waiting = 0;
  #ended = false;

  constructor(deps: WireDeps) {
    this.#deps = deps;
    this.#gate = shutGate(this.#now());
    const { node, timing, say } = deps;
    if (say !== undefined && timing.beatInterval > 0) {
      const { beatInterval: beatMs, silentBeats } = timing;
      const contactMs = contactGap(timing);
      const self = { node: node.as, bootId: `b${node.boot}` };
      const settings = { ...self, beatMs, silentBeats, contactMs };
      this.#witness = openWitness(settings, this.#gate, this.#now());
      this.#setAlarm();
    }
    this.#tick();
  }

  /** Every VIP that it could be answering for, as far as the agent knows. */
  held(): ReadonlySet<Vip> {
    return this.#held;
  }

  /** As far as the agent knows. */
  suspectSince(): Instant | undefined {
    return this.#facts.suspectSince ?? undefined;
  }

  /** What the agent knows of the segment. */
  report(): WitnessReport | undefined {
    if (this.#witness === undefined) return undefined;
    const { hearing } = this.#facts;
    const links = new Map(hearing && [[SIM_LINK, hearing]]);
    return { links };
  }

  selfFenced(): number {
    return this.#facts.selfFenced;
  }

  /** Whether it answers beyond its lease, because the API server is away for everybody. */
  isHeld(): boolean {
    return this.#gate.held;
  }

  setTable(vips: readonly Vip[], id: IncarnationId): void {
    const text = vips.join();
    if (text === this.#sentTable) return;
    this.#sentTable = text;
    this.#version += 1;
    const version = this.#version;
    this.#facts.tables = sent(this.#facts.tables, version, vips);
    this.#held = mayAnswer(this.#facts.tables);
    this.#toWire(() => {
      this.#table = vips;
      this.tableOf = id;
      this.#deps.onAnswering();
      this.#toAgent({ kind: 'ack', version });
    });
  }

  permit(grant: Grant): void {
    this.#toWire(() => {
      const wasHeld = this.#gate.held;
      const wasShut = shutReason(this.#gate, this.#now()) !== undefined;
      if (this.#witness === undefined) permit(this.#gate, grant, this.#now());
      else this.#perform(granted(this.#witness, grant, this.#now()));
      if ((wasShut || wasHeld) && this.#table.length > 0) this.#deps.onAnswering();
      const { suspectSince } = this.#gate;
      const pong = { kind: 'pong', ping: 0, suspectSince, counters: {} } as const;
      if (this.#witness !== undefined) {
        this.#toAgent({ ...pong, hearing: hearingOf(this.#witness.ear) });
      } else if (suspectSince !== this.#facts.suspectSince) this.#toAgent(pong);
    });
  }

  tell(utterance: Utterance): void {
    this.#toWire(() => {
      if (this.#witness !== undefined) {
        this.#perform(told(this.#witness, utterance, this.#now()));
      }
    });
  }

  /** Asks the segment for VIPs; once that is done the agent is told what came of it. */
  probe(token: number, vips: readonly Vip[]): void {
    this.#toWire(() => {
      startProbe(this.#prober, { kind: 'probe', token, vips }, this.#now());
      this.#pump();
    });
  }

  /** Somebody says that the VIP is at `mac`. */
  hearAnswer(vip: Vip, mac: MacText): void {
    this.#on(0, () => answerHeard(this.#prober, vip, mac));
  }

  #pump(): void {
    const now = this.#now();
    for (const vip of takeProbes(this.#prober, now)) this.#deps.probe(vip);
    for (const result of takeResults(this.#prober, now)) this.#toAgent(result);
    const at = probeWakeAt(this.#prober);
    if (at === undefined) return;
    // A frame of every wire may come in before the timer that was due first.
    this.#on(trueSpan(this.#deps.node, Math.max(0, at - now)) + this.#deps.random(), () =>
      this.#pump(),
    );
  }

  /** A frame of the witness arrives at the socket. */
  receive(message: WitnessMessage): void {
    const { queue, node } = this.#deps;
    if (this.#witness === undefined || this.#ended) return;
    if (queue.now >= node.stoppedUntil && this.#waiting === 0) {
      this.#hear(message);
      return;
    }
    if (this.#waiting >= SOCKET_FRAMES) return;
    this.#waiting += 1;
    this.#on(0, () => {
      this.#waiting -= 1;
      this.#hear(message);
    });
  }

  /** The VIPs for which a frame could be leaving now: one that passes the gate, or has just passed. */
  answered(now: Instant): readonly Vip[] {
    const shut = shutReason(this.#gate, now);
    if (shut === undefined) return this.#table;
    return shut === 'no_authority' && now < this.#gate.until + SEND_DELAY_MS ? this.#table : [];
  }

  answersNow(vip: Vip, now: Instant): boolean {
    return shutReason(this.#gate, now) === undefined && this.#table.includes(vip);
  }

  /** The process is gone. */
  end(): void {
    this.#ended = true;
  }

  #now(): Instant {
    return localTime(this.#deps.node, this.#deps.queue.now);
  }

  #tick(): void {
    this.#on(TICK_MS, () => {
      tick(this.#gate, this.#now());
      if (this.#witness !== undefined && this.#deps.hearsAnything()) {
        this.#perform(heardForeign(this.#witness, this.#now()));
      }
      this.#tick();
    });
  }

  #hear(message: WitnessMessage): void {
    if (this.#witness === undefined) return;
    const wasSuspect = this.#gate.suspectSince !== null;
    this.#perform(heard(this.#witness, message, this.#now()));
    if (wasSuspect && this.#gate.suspectSince === null) this.#deps.onAnswering();
  }

  #perform({ say, report }: Outcome): void {
    for (const message of say) this.#deps.say?.(message);
    for (const message of report) this.#toAgent(message);
    this.#setAlarm();
  }

  #setAlarm(): void {
    if (this.#witness === undefined) return;
    const at = wakeAt(this.#witness);
    if (at >= this.#alarmAt) return;
    this.#alarmAt = at;
    this.#alarms += 1;
    const alarm = this.#alarms;
    const ms = Math.ceil(Math.max(0, at - this.#now()));
    this.#on(trueSpan(this.#deps.node, ms) + this.#deps.random() * 0.3, () => {
      if (alarm !== this.#alarms || this.#witness === undefined) return;
      this.#alarmAt = FOREVER;
      const waking = wake(this.#witness, this.#now());
      if (waking.ask.length > 0) this.#deps.ask(waking.ask, () => this.#hearAnswer());
      this.#perform(waking);
    });
  }

  /** An answer to a question of ours is in the socket. */
  #hearAnswer(): void {
    this.#on(0, () => {
      if (this.#witness !== undefined) this.#perform(heardForeign(this.#witness, this.#now()));
    });
  }

  #toWire(deliver: () => void): void {
    this.#toWireAt = this.#afterChannel(this.#toWireAt);
    this.#on(this.#toWireAt - this.#deps.queue.now, deliver);
  }

  #toAgent(message: FromWire): void {
    this.#toAgentAt = this.#afterChannel(this.#toAgentAt);
    this.#deps.inAgent(this.#toAgentAt - this.#deps.queue.now, () => {
      const changed = note(this.#facts, message, this.#now());
      if (message.kind === 'ack') this.#held = mayAnswer(this.#facts.tables);
      if (message.kind === 'probed') this.#deps.onProbed({ ...message, link: SIM_LINK });
      if (message.kind === 'told') this.#deps.onTold(message.from, message.utterance, message.at);
      if (changed) this.#deps.onChange();
    });
  }

  #afterChannel(free: number): number {
    const { queue, random, node } = this.#deps;
    const slow = queue.now < node.wireSlowUntil;
    return Math.max(free, queue.now + random() * (slow ? SLOW_CHANNEL_MS : CHANNEL_MS));
  }

  /** Runs in the process of the wire: later if that is stopped, never once it is gone. */
  #on(ms: number, run: () => void): void {
    const { queue, node } = this.#deps;
    queue.after(ms, () => {
      if (this.#ended) return;
      if (queue.now < node.stoppedUntil) this.#on(node.stoppedUntil - queue.now, run);
      else run();
    });
  }
}
