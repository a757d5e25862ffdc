import type { Instant } from '../../src/instant.ts';
import type { Vip } from '../../src/model.ts';
import { permit, shutGate, shutReason, tick } from '../../src/wire/gate.ts';
import type { Grant } from '../../src/wire/messages.ts';
import { acknowledged, mayAnswer, NOTHING_SENT, sent } from '../../src/wire/sent-tables.ts';
import { localTime, type SimNode } from './sim-node.ts';
import type { SimQueue } from './sim-queue.ts';

const TICK_MS = 50;
/** A frame may leave so long after its check (A2 allows 200 ms; the check itself takes some). */
const SEND_DELAY_MS = 190;
const CHANNEL_MS = 3;
const SLOW_CHANNEL_MS = 190;

export interface WireDeps {
  readonly queue: SimQueue;
  readonly random: () => number;
  readonly node: SimNode;
  /** A table was acknowledged. */
  readonly onChange: () => void;
}

/** The wire of a simulated node, behind a channel that keeps its order: the production gate and tables. */
export class SimWire {
  readonly #deps: WireDeps;
  readonly #gate;
  #table: readonly Vip[] = [];
  #tables = NOTHING_SENT;
  #held: ReadonlySet<Vip> = new Set();
  #version = 0;
  #sentTable = '';
  #channelFreeAt = 0;
  #ended = false;

  constructor(deps: WireDeps) {
    this.#deps = deps;
    this.#gate = shutGate(this.#now());
    this.#tick();
  }

  /** Every VIP that it could be answering for, as far as the agent knows. */
  held(): ReadonlySet<Vip> {
    return this.#held;
  }

  suspectSince(): Instant | undefined {
    return this.#gate.suspectSince ?? undefined;
  }

  setTable(vips: readonly Vip[]): void {
    const text = vips.join();
    if (text === this.#sentTable) return;
    this.#sentTable = text;
    this.#version += 1;
    const version = this.#version;
    this.#tables = sent(this.#tables, version, vips);
    this.#held = mayAnswer(this.#tables);
    this.#send(() => {
      this.#table = vips;
      this.#on(this.#deps.random() * CHANNEL_MS, () => {
        this.#tables = acknowledged(this.#tables, version);
        this.#held = mayAnswer(this.#tables);
        this.#deps.onChange();
      });
    });
  }

  permit(grant: Grant): void {
    this.#send(() => permit(this.#gate, grant, this.#now()));
  }

  /** The VIPs for which a frame could be leaving now: one that passes the gate, or has just passed. */
  answered(now: Instant): readonly Vip[] {
    const shut = shutReason(this.#gate, now);
    if (shut === undefined) return this.#table;
    return shut === 'no_authority' && now < this.#gate.until + SEND_DELAY_MS ? this.#table : [];
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
      this.#tick();
    });
  }

  #send(deliver: () => void): void {
    const { queue, random, node } = this.#deps;
    const slow = queue.now < node.wireSlowUntil;
    const delay = random() * (slow ? SLOW_CHANNEL_MS : CHANNEL_MS);
    this.#channelFreeAt = Math.max(this.#channelFreeAt, queue.now + delay);
    this.#on(this.#channelFreeAt - queue.now, deliver);
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
