import type { WitnessReport } from '../election/hearing.ts';
import type { ProbeOrder, ProbeResult } from '../election/probing.ts';
import { add, type Instant, NEVER } from '../instant.ts';
import type {
  IncarnationId,
  LinkHearing,
  LinkName,
  PublishedLink,
  Utterance,
  Vip,
} from '../model.ts';
import type { Clock } from '../sys/clock.ts';
import type { Log } from '../sys/log.ts';
import type { Grant, TableEntry, WitnessSettings } from '../wire/messages.ts';
import { superviseWire, type WireStatus, type WireSupervisor } from '../wire/supervisor.ts';

/** A wire that is being replaced keeps its link, and so its VIPs, for this long. */
const REPLACEMENT_MS = 2000;

interface Kept {
  readonly supervisor: WireSupervisor;
  /** When it was last seen ready. */
  readyAt: Instant;
  /** The table that it was given last, to send changes only. */
  table: string;
}

/** The wires of this node: one for each link that may carry a VIP. */
export class WireSet {
  readonly #wires = new Map<LinkName, Kept>();
  readonly #closing = new Set<WireSupervisor>();
  readonly #options: WireSetOptions;
  #witness: WitnessSettings | undefined;

  constructor(options: WireSetOptions) {
    this.#options = options;
  }

  /** Starts a wire for each of the links that has none, and ends those of links that are not among them. */
  keep(links: readonly PublishedLink[]): void {
    const names = new Set(links.map((link) => link.name));
    for (const name of names) {
      if (this.#wires.has(name)) continue;
      const supervisor = superviseWire({ ...this.#options, link: name });
      if (this.#witness !== undefined) supervisor.setWitness(this.#witness);
      this.#wires.set(name, { supervisor, readyAt: NEVER, table: '' });
    }
    for (const [name, { supervisor }] of this.#wires) {
      if (names.has(name)) continue;
      this.#wires.delete(name);
      this.#end(supervisor);
    }
  }

  /** The links among these whose wire is at work, or was a moment ago: only they may carry a VIP. */
  serving(links: readonly PublishedLink[], now: Instant): readonly PublishedLink[] {
    return links.filter((link) => {
      const wire = this.#wires.get(link.name);
      if (wire === undefined) return false;
      if (wire.supervisor.status().state === 'ready') wire.readyAt = now;
      return now < add(wire.readyAt, REPLACEMENT_MS);
    });
  }

  /** Hands every wire its table, if it has changed. A link that is not named answers for nothing. */
  setTables(tables: ReadonlyMap<LinkName, WireTable>): void {
    for (const [name, wire] of this.#wires) {
      const { vips, waiting } = tables.get(name) ?? { vips: [], waiting: [] };
      const text = JSON.stringify([vips, waiting]);
      if (text === wire.table) continue;
      wire.table = text;
      wire.supervisor.setTable(vips, waiting);
    }
  }

  /** Sets who speaks on the witness of every link, and how. */
  setWitness(settings: WitnessSettings): void {
    this.#witness = settings;
    for (const { supervisor } of this.#wires.values()) supervisor.setWitness(settings);
  }

  /** Says this on every link at once. */
  tell(utterance: Utterance): void {
    for (const { supervisor } of this.#wires.values()) supervisor.tell(utterance);
  }

  /** Asks the links for VIPs. */
  probe(orders: readonly ProbeOrder[]): void {
    for (const { link, ...order } of orders) this.#wires.get(link)?.supervisor.probe(order);
  }

  /** What all wires have heard; undefined while the witness is off. */
  report(): WitnessReport | undefined {
    if (this.#witness === undefined || this.#witness.keys === null) return undefined;
    const links = new Map<LinkName, LinkHearing>();
    for (const [name, { supervisor }] of this.#wires) {
      const { hearing } = supervisor.status();
      if (hearing !== undefined) links.set(name, hearing);
    }
    return { links };
  }

  /** The highest incarnation that a wire gave up by itself, 0 if none; with the witness off too. */
  selfFenced(): number {
    const numbers = [...this.#wires.values()].map(
      ({ supervisor }) => supervisor.status().selfFenced,
    );
    return Math.max(0, ...numbers);
  }

  /** Every VIP that any wire could still be answering for. */
  held(): ReadonlySet<Vip> {
    const wires = [...this.#supervisors()];
    return new Set(wires.flatMap((wire) => [...wire.status().mayAnswer]));
  }

  /** The latest moment at which a wire became suspect, if one is. */
  suspectSince(): Instant | undefined {
    const moments = [...this.#supervisors()].map((wire) => wire.status().suspectSince ?? NEVER);
    const latest = Math.max(NEVER, ...moments) as Instant;
    return latest === NEVER ? undefined : latest;
  }

  status(): ReadonlyMap<LinkName, WireStatus> {
    return new Map([...this.#wires].map(([name, { supervisor }]) => [name, supervisor.status()]));
  }

  tick(grant: Grant, now: Instant): void {
    for (const { supervisor } of this.#wires.values()) supervisor.tick(grant, now);
  }

  async close(): Promise<void> {
    this.keep([]);
    await Promise.all([...this.#closing].map((supervisor) => supervisor.close()));
  }

  *#supervisors(): Iterable<WireSupervisor> {
    for (const { supervisor } of this.#wires.values()) yield supervisor;
    yield* this.#closing;
  }

  #end(supervisor: WireSupervisor): void {
    // Until its process is gone it may be answering, and what it holds stays claimed.
    this.#closing.add(supervisor);
    void supervisor.close().then(() => {
      this.#closing.delete(supervisor);
      this.#options.onChange();
    });
  }
}

export interface WireSetOptions {
  /** Path of the script that runs a wire when started with `wire --link NAME`. */
  readonly entry: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly onChange: () => void;
  /** A peer has said something. */
  readonly onTold: (from: IncarnationId, utterance: Utterance, at: Instant) => void;
  /** A link has been asked for VIPs. */
  readonly onProbed: (result: ProbeResult) => void;
}

/** What the wire of one link is to know of VIPs. */
export interface WireTable {
  readonly vips: readonly TableEntry[];
  /** Claimed, not owned yet. */
  readonly waiting: readonly Vip[];
}
