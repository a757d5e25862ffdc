import { keyRing } from '../../src/sys/seal.ts';
import { emitFrame, openFrame } from '../../src/witness/frame.ts';
import type { WitnessMessage } from '../../src/witness/message.ts';
import type { SimNode } from './sim-node.ts';
import type { SimQueue } from './sim-queue.ts';

/** After a segment has healed, nodes need a beat and its way to know of each other again. */
const HEAL_MS = 250;
/** An ordinary switch. */
const WAY_MS = 0.4;
const RING = keyRing(
  [Buffer.from('the key of the simulation')],
  '00000000-0000-4000-8000-000000000000',
);
const MAC = Uint8Array.of(2, 0, 0, 0, 0, 1);

/** Stands for the router of the segment, among the names of the nodes. */
const GATEWAY = 'the gateway';

/** What else is there: hosts that ask all the time; a gateway that answers who asks for it; nobody. */
export type Surroundings = 'busy' | 'a gateway' | 'nobody';

export type Carriage = 'messages' | 'frames' | 'nothing';

/** One L2 segment: who hears whom, how late, how often. */
export class SimSegment {
  /** Share of the frames that are lost, for each receiver by itself. */
  loss = 0;
  /** Share of the frames that come twice. */
  duplication = 0;
  /** Frames take up to so long, and overtake each other. */
  delayMs = WAY_MS;
  /** How messages go: as they are, as frames that the production codec signs and checks, or not at all. */
  readonly #carries: Carriage;
  readonly #surroundings: Surroundings;
  readonly #queue: SimQueue;
  readonly #random: () => number;
  readonly #nodes: ReadonlyMap<string, SimNode>;
  /** `from>to` -> until when nothing of `from` reaches `to`. */
  readonly #blocked = new Map<string, number>();
  /** The latest of these times. */
  #blockedUntil = Number.NEGATIVE_INFINITY;
  /** When loss or delay was last more than the witness is made for. */
  #roughUntil = Number.NEGATIVE_INFINITY;

  constructor(
    queue: SimQueue,
    random: () => number,
    {
      nodes,
      carries,
      surroundings,
    }: {
      readonly nodes: ReadonlyMap<string, SimNode>;
      readonly carries: Carriage;
      readonly surroundings: Surroundings;
    },
  ) {
    this.#queue = queue;
    this.#random = random;
    this.#nodes = nodes;
    this.#carries = carries;
    this.#surroundings = surroundings;
  }

  /** To everybody else on the segment. */
  send(from: SimNode, message: WitnessMessage): void {
    if (this.#carries === 'nothing') return;
    const isSigned = this.#carries === 'frames';
    const carried = isSigned ? openFrame(emitFrame(message, RING, MAC), RING) : message;
    if (typeof carried === 'string') throw new Error(`our own frame is refused: ${carried}`);
    for (const to of this.#nodes.values()) {
      if (to === from || (to.agent === undefined && to.ghosts.length === 0)) continue;
      this.carry(from.name, to.name, () => deliver(to, carried));
    }
  }

  /** Any frame of the one on its way to the other: switches that swallow the witness carry the rest. */
  carry(from: string, to: string, arrive: () => void): void {
    if (this.#isBlocked(from, to) || this.#random() < this.loss) return;
    const copies = this.#random() < this.duplication ? 2 : 1;
    for (let copy = 0; copy < copies; copy += 1) {
      this.#queue.after(0.05 + this.#random() * this.delayMs, arrive);
    }
  }

  /** Asks for these hosts and for the gateway by ARP; `onAnswer` runs when an answer has come. */
  ask(from: SimNode, hosts: readonly string[], onAnswer: () => void): void {
    const asked = this.#surroundings === 'nobody' ? hosts : [...hosts, GATEWAY];
    for (const host of asked) {
      if (this.#isBlocked(from.name, host) || this.#isBlocked(host, from.name)) continue;
      if (this.#random() < this.loss || !this.#isThere(host)) continue;
      this.#queue.after(0.1 + this.#random() * 2 * this.delayMs, onAnswer);
    }
  }

  /** Nothing of the one reaches the other for so long. */
  block(from: string, to: string, ms: number): void {
    const key = `${from}>${to}`;
    const until = Math.max(this.#blocked.get(key) ?? 0, this.#queue.now + ms);
    this.#blocked.set(key, until);
    this.#blockedUntil = Math.max(this.#blockedUntil, until);
  }

  /** The node is not heard for so long. */
  mute(name: string, ms: number): void {
    for (const other of this.#hosts()) if (other !== name) this.block(name, other, ms);
  }

  /** The node hears nobody for so long. */
  deafen(name: string, ms: number): void {
    for (const other of this.#hosts()) if (other !== name) this.block(other, name, ms);
  }

  /** These and the others are on two segments for so long; the gateway is with the others. */
  split(names: ReadonlySet<string>, ms: number): void {
    for (const a of this.#hosts()) {
      for (const b of this.#hosts()) {
        if (names.has(a) !== names.has(b)) this.block(a, b, ms);
      }
    }
  }

  /** The segment loses, repeats or delays frames for so long. */
  roughen(
    { loss, duplication, delayMs }: { loss: number; duplication: number; delayMs: number },
    ms: number,
  ): void {
    this.loss = loss;
    this.duplication = duplication;
    this.delayMs = delayMs;
    this.#roughUntil = this.#queue.now + ms;
    this.#queue.after(ms, () => {
      if (this.#queue.now >= this.#roughUntil - 0.001) this.smooth();
    });
  }

  smooth(): void {
    this.loss = 0;
    this.duplication = 0;
    this.delayMs = WAY_MS;
    this.#roughUntil = Math.min(this.#roughUntil, this.#queue.now);
  }

  heal(): void {
    this.smooth();
    for (const [key, until] of this.#blocked) {
      this.#blocked.set(key, Math.min(until, this.#queue.now));
    }
  }

  /**
   * A4: whether the two have heard each other for a while. If not, no client hears both either, or the
   * overlap lasts until the one reads the fence of the other.
   */
  areTogether(a: string, b: string): boolean {
    const healed = this.#queue.now - HEAL_MS;
    if (this.#blockedUntil <= healed) return true;
    return (
      (this.#blocked.get(`${a}>${b}`) ?? healed) <= healed &&
      (this.#blocked.get(`${b}>${a}`) ?? healed) <= healed
    );
  }

  /** Whether beats may have been lost lately, whoever sent them. */
  isRough(): boolean {
    return this.#roughUntil > this.#queue.now - HEAL_MS;
  }

  /** Whether beats arrive as they should. */
  isSmooth(): boolean {
    return this.#carries !== 'nothing' && !this.isRough();
  }

  /** Whether the node hears a client, or a switch: any frame that is not of the witness. */
  hearsAnything(name: string): boolean {
    if (this.#surroundings !== 'busy') return false;
    for (const other of this.#nodes.keys()) {
      if (other !== name && !this.#isBlocked(other, name)) return true;
    }
    return false;
  }

  #hosts(): readonly string[] {
    return [...this.#nodes.keys(), GATEWAY];
  }

  /** A kernel answers while it runs, whether an agent does or not. */
  #isThere(host: string): boolean {
    const node = this.#nodes.get(host);
    return node === undefined || !(node.isDown || node.thawedAt > this.#queue.now);
  }

  #isBlocked(from: string, to: string): boolean {
    const { now } = this.#queue;
    return this.#blockedUntil > now && (this.#blocked.get(`${from}>${to}`) ?? 0) > now;
  }
}

function deliver(to: SimNode, message: WitnessMessage): void {
  to.agent?.wire.receive(message);
  for (const { wire } of to.ghosts) wire.receive(message);
}
