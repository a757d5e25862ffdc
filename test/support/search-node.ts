import { whomToAsk } from '../../src/election/asking.ts';
import { authorityOf, type Beat, decide, type LeaseWrite } from '../../src/election/decide.ts';
import type { Demand } from '../../src/election/eligible.ts';
import { stalled } from '../../src/election/events.ts';
import { heard } from '../../src/election/heard.ts';
import { type Claims, type Heartbeat, incarnationId } from '../../src/election/records.ts';
import { type ElectionState, initialState, stamp } from '../../src/election/state.ts';
import type { Timing } from '../../src/election/timing.ts';
import { type Instant, NEVER } from '../../src/instant.ts';
import type { NodeName, PublishedLink } from '../../src/model.ts';
import { wordsOf } from '../../src/wire/mouth.ts';
import type { WitnessMessage } from '../../src/witness/message.ts';
import type { SearchProbe } from './search-probes.ts';
import {
  type Done,
  openWire,
  permitted,
  received,
  reportOf,
  type SearchWire,
  type Told,
  ticked,
  unpaused,
  uttered,
  withTable,
  woken,
} from './search-wire.ts';
import { simLinks } from './sim-node.ts';

/** An agent that was silent for so long gives its incarnation up, as its wires do. */
const MAX_SILENCE_MS = 900;
/** Looks that one event may cause: more would be an agent that goes round in circles. */
const LOOKS_MAX = 8;
const REQUESTS_IN_UNIT = 3;

/** One node as a value. */
export interface SearchNode {
  readonly name: NodeName;
  readonly boot: number;
  readonly process: number;
  readonly life: 'running' | 'agent stopped' | 'stopped' | 'dead' | 'boots';
  readonly stoppedAt: Instant;
  readonly state: ElectionState;
  readonly wire: SearchWire;
  readonly links: readonly PublishedLink[];
  readonly probe: SearchProbe | undefined;
  /** The wire of an agent that was killed, until it notices. */
  readonly ghost: SearchWire | undefined;
  /** Revision of the cut that its watch has shown. */
  readonly shown: bigint;
  /** What the watch has to show comes in this unit, or some time. */
  readonly watch: 'in time' | 'late';
  /** The agent has to look in this unit. */
  readonly looks: boolean;
  /** Requests that it has begun in this unit, heartbeats apart. */
  readonly begun: number;
  readonly permittedAt: Instant;
  readonly beat: Beat | undefined;
  readonly words: string;
  /** Frames that wait at the socket of a stopped wire. */
  readonly socket: readonly WitnessMessage[];
  /** What the wire has told an agent that is stopped. */
  readonly untold: readonly Told[];
}

/** What a node does, besides changing. */
export interface Doing {
  readonly node: SearchNode;
  readonly writes: readonly LeaseWrite<Heartbeat | Claims>[];
  readonly lists: readonly number[];
  readonly says: readonly WitnessMessage[];
}

export function newNode(
  name: NodeName,
  { boot, process }: { readonly boot: number; readonly process: number },
  timing: Timing,
  now: Instant,
): SearchNode {
  return {
    name,
    boot,
    process,
    life: 'running',
    stoppedAt: NEVER,
    state: initialState({ node: name, bootId: `b${boot}`, session: `p${process}` }, timing),
    wire: openWire({ node: name, bootId: `b${boot}` }, timing, now),
    links: simLinks(name),
    probe: undefined,
    ghost: undefined,
    shown: -1n,
    watch: 'in time',
    looks: true,
    begun: 0,
    permittedAt: now,
    beat: undefined,
    words: '',
    socket: [],
    untold: [],
  };
}

/** Whether it looks again in the next unit only: a request takes its time, so there are not many in a unit. */
export function isBusy({ begun }: SearchNode): boolean {
  return begun >= REQUESTS_IN_UNIT;
}

/** Turns of the agent, until it has nothing left to do: in the order of `SimAgent`. */
export function looked(before: SearchNode, demand: Demand, now: Instant): Doing {
  if (isBusy(before)) {
    return { node: { ...before, looks: true }, writes: [], lists: [], says: [] };
  }
  let node: SearchNode = { ...before, looks: true };
  const writes: LeaseWrite<Heartbeat | Claims>[] = [];
  const lists: number[] = [];
  const says: WitnessMessage[] = [];
  for (let looks = 0; node.looks; looks += 1) {
    if (looks > LOOKS_MAX) throw new Error(`${node.name} looks again and again at ${now}`);
    const { facts, table } = node.wire;
    const world = {
      demand,
      links: node.links,
      held: new Set(table.keys()),
      suspectSince: facts.suspectSince ?? undefined,
      selfFenced: facts.selfFenced,
      witness: reportOf(node.wire),
    };
    const { state, active, until, heartbeat, claims, list, tell, probes, beat, fatal } = decide(
      node.state,
      world,
      now,
    );
    if (fatal !== undefined) throw new Error(`${node.name}: ${fatal}`);
    const isNewTable = [...table.keys()].join() !== [...active.keys()].join();
    // Acknowledged at once, which makes it look again.
    node = { ...node, state, beat, looks: isNewTable };
    if (isNewTable) {
      const wire = withTable(node.wire, active, incarnationId(stamp(state, 0)));
      node = { ...node, wire };
    }
    for (const write of [heartbeat, claims]) if (write !== undefined) writes.push(write);
    if (list !== undefined) lists.push(list);
    for (const { token, vips } of probes) {
      node = { ...node, probe: { token, vips, rounds: 0, answers: new Set() } };
    }
    for (const utterance of tell) node = after(node, uttered(node.wire, utterance, now), says, now);
    const words = wordsOf(beat);
    if (words === node.words && until !== null) continue;
    node = permitting({ ...node, words }, says, now);
    node = after(node, unpaused(node.wire, now), says, now);
  }
  return {
    node: {
      ...node,
      begun:
        node.begun + writes.filter(({ record }) => record.kind === 'claims').length + lists.length,
    },
    writes,
    lists,
    says,
  };
}

/** The agent permits, as it does on every tick and when there is news. */
export function permitting(before: SearchNode, says: WitnessMessage[], now: Instant): SearchNode {
  let node = before;
  if (now - node.permittedAt > MAX_SILENCE_MS && node.wire.witness !== undefined) {
    node = { ...node, state: stalled(node.state, now), looks: true };
  }
  const { state, beat } = node;
  const until = authorityOf(state);
  const contactAgeMs =
    beat === undefined || beat.contactAt === NEVER ? undefined : now - beat.contactAt;
  const grant = {
    until,
    provenAt: until === null || state.provenAt === NEVER ? null : state.provenAt,
    sentAt: now,
    incarnation: state.phase === 'reading' ? 0 : state.incarnation,
    held: state.phase === 'held',
    beat: beat === undefined ? null : { ...beat, contactAgeMs },
    ask: whomToAsk(state),
  };
  return after({ ...node, permittedAt: now }, permitted(node.wire, grant, now), says, now);
}

/** A unit of time begins on a node that runs: wires tick, agents permit, beats are due. */
export function begun(before: SearchNode, now: Instant): Doing {
  const says: WitnessMessage[] = [];
  let node: SearchNode = { ...before, wire: ticked(before.wire, now) };
  for (const message of node.socket) {
    node = after(node, received(node.wire, message, now), says, now);
  }
  node = { ...node, socket: [], begun: 0 };
  if (node.life === 'running') {
    const { untold } = node;
    node = permitting(heeding({ ...node, looks: true, untold: [] }, untold, now), says, now);
  }
  node = after(node, woken(node.wire, now), says, now);
  return { node, writes: [], lists: [], says };
}

/** All that came in at the beginning of the unit has been heard: who is silent now is silent. */
export function judging(node: SearchNode, now: Instant): SearchNode {
  return node.life === 'dead' ? node : after(node, woken(node.wire, now), [], now);
}

/** A frame arrives. */
export function reached(node: SearchNode, message: WitnessMessage, now: Instant): SearchNode {
  if (node.life === 'stopped') return { ...node, socket: [...node.socket, message] };
  return after(node, received(node.wire, message, now), [], now);
}

function after(before: SearchNode, done: Done, says: WitnessMessage[], now: Instant): SearchNode {
  says.push(...done.says);
  const looks = before.looks || done.changed || done.told.length > 0;
  return heeding({ ...before, wire: done.wire, looks }, done.told, now);
}

function heeding(node: SearchNode, told: readonly Told[], now: Instant): SearchNode {
  if (told.length === 0) return node;
  if (node.life !== 'running') return { ...node, untold: [...node.untold, ...told] };
  let { state } = node;
  for (const { from, utterance } of told) state = heard(state, from, { utterance, at: now }, now);
  return { ...node, state };
}
