import type { WitnessReport } from '../../src/election/hearing.ts';
import { contactGap, type Timing } from '../../src/election/timing.ts';
import type { Instant } from '../../src/instant.ts';
import type { IncarnationId, NodeName, Utterance, Vip } from '../../src/model.ts';
import { hearingOf, noteForeign } from '../../src/wire/ear.ts';
import { type Gate, permit, shutGate, shutReason, tick } from '../../src/wire/gate.ts';
import type { FromWire, Grant } from '../../src/wire/messages.ts';
import { noFacts, note, type WireFacts } from '../../src/wire/wire-facts.ts';
import {
  granted,
  heard,
  type Outcome,
  openWitness,
  told,
  type Witness,
  wake,
} from '../../src/wire/witness.ts';
import type { WitnessMessage } from '../../src/witness/message.ts';
import { SIM_LINK } from './sim-node.ts';
import { SEND_DELAY_MS } from './sim-wire.ts';

/** The wire of a node as a value: the production gate and witness, copied before they are changed. */
export interface SearchWire {
  readonly gate: Gate;
  readonly witness: Witness | undefined;
  /** What the agent knows of it. */
  readonly facts: WireFacts;
  readonly table: ReadonlyMap<Vip, bigint>;
  /** In whose name the table is. */
  readonly tableOf: IncarnationId;
}

/** What a wire did: what it says on the segment, and what its agent hears of it. */
export interface Done {
  readonly wire: SearchWire;
  readonly says: readonly WitnessMessage[];
  readonly told: readonly Told[];
  /** The agent has to look. */
  readonly changed: boolean;
}

export interface Told {
  readonly from: IncarnationId;
  readonly utterance: Utterance;
}

export function openWire(
  self: { readonly node: NodeName; readonly bootId: string },
  timing: Timing,
  now: Instant,
): SearchWire {
  const gate = shutGate(now);
  const { beatInterval: beatMs, silentBeats } = timing;
  const settings = { ...self, beatMs, silentBeats, contactMs: contactGap(timing) };
  const witness = beatMs > 0 ? openWitness(settings, gate, now) : undefined;
  return { gate, witness, facts: noFacts(0), table: new Map(), tableOf: '' };
}

/** A table comes into force, and is acknowledged, at once. */
export function withTable(
  wire: SearchWire,
  table: ReadonlyMap<Vip, bigint>,
  tableOf: IncarnationId,
): SearchWire {
  return { ...wire, table, tableOf };
}

/** The agent permits: right after that it is told what the wire knows. */
export function permitted(wire: SearchWire, grant: Grant, now: Instant): Done {
  return changedBy(wire, now, ({ gate, witness }) => {
    let outcome: Outcome = { say: [], report: [] };
    if (witness === undefined) permit(gate, grant, now);
    else outcome = granted(witness, grant, now);
    const { suspectSince } = gate;
    const hearing = witness && { hearing: hearingOf(witness.ear) };
    const pong: FromWire = { kind: 'pong', ping: 0, suspectSince, counters: {}, ...hearing };
    return { say: outcome.say, report: [...outcome.report, pong] };
  });
}

/** The agent has something to say. */
export function uttered(wire: SearchWire, utterance: Utterance, now: Instant): Done {
  return changedBy(wire, now, ({ witness }) => witness && told(witness, utterance, now));
}

/** The regular tick; a client is heard on the segment all the time. */
export function ticked(wire: SearchWire, now: Instant): SearchWire {
  return changedBy(wire, now, ({ gate, witness }) => {
    tick(gate, now);
    if (witness !== undefined) noteForeign(witness.ear, now);
    return undefined;
  }).wire;
}

/** Its timer: beats that are due, silences that are over. */
export function woken(wire: SearchWire, now: Instant): Done {
  return changedBy(wire, now, ({ witness }) => witness && wake(witness, now));
}

/** The pause between two news is shorter than the unit of the search, and takes no time here. */
export function unpaused(wire: SearchWire, now: Instant): Done {
  if ((wire.witness?.mouth.newsAt ?? 0) <= now) return idle(wire);
  if (!Number.isFinite(wire.witness?.mouth.newsAt)) return idle(wire);
  return changedBy(wire, now, ({ witness }) => {
    if (witness === undefined) return undefined;
    witness.mouth.newsAt = now;
    return wake(witness, now);
  });
}

export function received(wire: SearchWire, message: WitnessMessage, now: Instant): Done {
  return changedBy(wire, now, ({ witness }) => witness && heard(witness, message, now));
}

/** What the agent knows of the segment. */
export function reportOf({ witness, facts }: SearchWire): WitnessReport | undefined {
  if (witness === undefined) return undefined;
  return { links: new Map(facts.hearing && [[SIM_LINK, facts.hearing]]) };
}

/** Whether a request for any of these that arrives now is answered. */
export function letsPass({ gate, table }: SearchWire, vips: readonly Vip[], now: Instant): boolean {
  return vips.some((vip) => table.has(vip)) && shutReason({ ...gate }, now) === undefined;
}

/** Whether a frame could be leaving now: one that passes the gate, or has just passed. */
export function mayAnswer({ gate, table }: SearchWire, now: Instant): boolean {
  if (table.size === 0) return false;
  const shut = shutReason({ ...gate }, now);
  if (shut === undefined) return true;
  return shut === 'no_authority' && now < gate.until + SEND_DELAY_MS;
}

function idle(wire: SearchWire): Done {
  return { wire, says: [], told: [], changed: false };
}

function changedBy(
  before: SearchWire,
  now: Instant,
  change: (wire: SearchWire) => Outcome | undefined,
): Done {
  const wire = copied(before);
  const outcome = change(wire);
  if (outcome === undefined) return idle(wire);
  let changed = false;
  const said: Told[] = [];
  for (const message of outcome.report) {
    if (message.kind === 'told') said.push(message);
    if (note(wire.facts, message, now)) changed = true;
  }
  return { wire, says: outcome.say, told: said, changed };
}

function copied(wire: SearchWire): SearchWire {
  const gate = { ...wire.gate };
  const { witness } = wire;
  return { ...wire, gate, facts: { ...wire.facts }, witness: witness && copyOf(witness, gate) };
}

function copyOf(witness: Witness, gate: Gate): Witness {
  const { ear, mouth, settling } = witness;
  return {
    ...witness,
    gate,
    ear: {
      ...ear,
      guard: new Map([...ear.guard].map(([key, stream]) => [key, { ...stream }])),
      peers: new Map([...ear.peers].map(([node, peer]) => [node, { ...peer }])),
      said: new Set(ear.said),
    },
    mouth: { ...mouth, sayings: mouth.sayings.map((saying) => ({ ...saying })) },
    settling: { since: settling.since, beats: new Map(settling.beats) },
  };
}
