import type { LeaseWrite } from '../../src/election/decide.ts';
import type { Demand } from '../../src/election/eligible.ts';
import type { Claims, Heartbeat, LeaseCut } from '../../src/election/records.ts';
import type { WriteOutcome } from '../../src/election/register.ts';
import { checkedTiming, type Timing } from '../../src/election/timing.ts';
import { type Instant, instant } from '../../src/instant.ts';
import type { IncarnationId, NodeName, Vip } from '../../src/model.ts';
import type { WitnessMessage } from '../../src/witness/message.ts';
import { newNode, type SearchNode } from './search-node.ts';
import { demandFor } from './sim-cluster.ts';
import type { Committed } from './sim-journal.ts';
import { type Backup, SimLeases } from './sim-leases.ts';

/** Time goes in steps of half a renewInterval: as long as a frame may take, and the gap that makes suspect. */
export const UNIT_MS = 200;
export const VIP: Vip = '192.0.2.10';

/** A request under way. */
export interface SearchRequest {
  readonly node: NodeName;
  readonly process: string;
  readonly sentAt: Instant;
  readonly what: LeaseWrite<Heartbeat | Claims> | { readonly token: number };
  /** What the API server has answered, once it has carried it out. */
  readonly answer: WriteOutcome | LeaseCut | undefined;
  /** It takes its time: the next step, there or back, happens in this unit or in any later one. */
  readonly late: boolean;
  /** The next step never happens. */
  readonly lost: boolean;
  /** Its sender still waits for the answer. */
  readonly awaited: boolean;
}

/** News on the segment, on their way. */
export interface SearchFrame {
  readonly from: NodeName;
  readonly to: NodeName;
  readonly message: WitnessMessage;
}

/** What nobody in the world knows: kept from commits and tables, as `SimJournal` does. */
export interface Oracle {
  readonly claims: ReadonlyMap<NodeName, Committed>;
  readonly released: ReadonlyMap<IncarnationId, ReadonlyMap<Vip, number>>;
  readonly entitledUntil: ReadonlyMap<IncarnationId, Instant>;
  readonly written: ReadonlyMap<NodeName, number>;
  /** Who answered last, in which epoch. */
  readonly last: { readonly node: NodeName; readonly epoch: bigint } | undefined;
  /** A promise that the moment of a write has broken. */
  readonly broken: { readonly property: string; readonly text: string } | undefined;
}

/** Everything at one moment, as a value. */
export interface SearchWorld {
  readonly unit: number;
  readonly leases: Backup;
  readonly nodes: readonly SearchNode[];
  readonly requests: readonly SearchRequest[];
  readonly frames: readonly SearchFrame[];
  readonly oracle: Oracle;
  readonly faultsLeft: number;
}

/** What does not change in a search. */
export interface SearchPlan {
  readonly timing: Timing;
  readonly demand: Demand;
  /** Faults are these alone, by a part of their text; all if it is empty. */
  readonly only: readonly string[];
}

export interface SearchSize {
  readonly nodes: number;
  readonly witness: boolean;
  readonly only?: readonly string[];
}

/**
 * The smallest timings that hold on the grid: with one unit less of takerPatience an inequality breaks. With
 * the witness a beat is one unit, so the lease has to be longer (1.3 renewInterval + 3 beats).
 */
export function searchTiming(witness: boolean): Timing {
  const pace = { renewInterval: 2 * UNIT_MS, requestTimeout: UNIT_MS };
  return witness
    ? checkedTiming('standard', {
        ...pace,
        holderPatience: 1566,
        takerPatience: 9 * UNIT_MS,
        beatInterval: UNIT_MS,
        silentBeats: 1,
      })
    : checkedTiming('standard', {
        ...pace,
        holderPatience: 978,
        takerPatience: 6 * UNIT_MS,
        beatInterval: 0,
        silentBeats: 0,
      });
}

export function planOf({ nodes, witness, only = [] }: SearchSize): SearchPlan {
  return { timing: searchTiming(witness), demand: demandFor(namesOf(nodes), [VIP]), only };
}

/** All agents start at once, and no Lease exists. */
export function coldStart({ nodes }: SearchSize, { timing }: SearchPlan): SearchWorld {
  const now = timeOf({ unit: 0 });
  return {
    unit: 0,
    leases: new SimLeases().backup(),
    nodes: namesOf(nodes).map((name) => newNode(name, { boot: 1, process: 1 }, timing, now)),
    requests: [],
    frames: [],
    oracle: {
      claims: new Map(),
      released: new Map(),
      entitledUntil: new Map(),
      written: new Map(),
      last: undefined,
      broken: undefined,
    },
    faultsLeft: 0,
  };
}

/** Whether the plan has the fault. */
export function hasFault({ only }: SearchPlan, text: string): boolean {
  return only.length === 0 || only.some((part) => text.includes(part));
}

export function timeOf({ unit }: Pick<SearchWorld, 'unit'>): Instant {
  return instant(1000 + unit * UNIT_MS);
}

function namesOf(nodes: number): string[] {
  return Array.from({ length: nodes }, (_, i) => `n${i + 1}`);
}
