import { hash } from 'node:crypto';
import { faultsOf, pruned } from './search-faults.ts';
import { isSameNode, keyOf } from './search-key.ts';
import type { SearchNode } from './search-node.ts';
import { type Broken, brokenIn, noted } from './search-oracle.ts';
import { NOTHING_RECENT, type Step, stepsOf } from './search-steps.ts';
import { nextUnits, settled } from './search-time.ts';
import {
  coldStart,
  planOf,
  type SearchPlan,
  type SearchSize,
  type SearchWorld,
  timeOf,
} from './search-world.ts';
import { shareRings } from './sim-rings.ts';

/** Long enough for everything that a steady state remembers to be old. */
const WARM_UP_UNITS = 54;
const STAGGER_AT = 20;

export interface SearchOptions extends SearchSize {
  /** `cold`: no Lease exists; `steady`: all are members; `alone`: the first is, and the others come now. */
  readonly start: 'steady' | 'cold' | 'alone';
  /** Faults in one history at most. */
  readonly faults: number;
  /** Units of time after which a history ends. */
  readonly depth: number;
  /** Called after every unit of depth. */
  readonly onUnit?: (found: Found) => void;
  readonly statesMax?: number;
}

export interface Found {
  /** Units that were explored whole. */
  readonly depth: number;
  readonly states: number;
  readonly steps: number;
  /** Nothing new was left: deeper histories only repeat. */
  readonly isWhole: boolean;
  /** The last unit was given up for the number of states. */
  readonly isCut: boolean;
  readonly breach: (Broken & { readonly history: readonly string[] }) | undefined;
}

/** How a world was reached. Of those that are done nothing else is kept. */
interface Way {
  readonly text: string;
  readonly unit: number;
  readonly before: Way | undefined;
}

interface Visit {
  readonly step: Step;
  readonly way: Way;
}

/** Explores every history from the start, breadth first by units of time, until a promise breaks. */
export function search(options: SearchOptions): Found {
  shareRings();
  const plan = planOf(options);
  const { statesMax = Number.POSITIVE_INFINITY } = options;
  const start = { ...startOf(options, plan), faultsLeft: options.faults };
  const recent = { ...NOTHING_RECENT, nodes: start.nodes.map(({ name }) => name), news: true };
  const first: Step = { text: 'the beginning', world: start, recent, due: false };
  /** Of each state: the most faults that were left when it was reached. */
  const seen = new Map<string, number>();
  let layer: Visit[] = [visitOf(first, undefined)];
  let [states, steps] = [0, 0];
  for (let depth = 0; ; depth += 1) {
    const next: Visit[] = [];
    // Grows while it is gone through: all that may happen within one unit.
    const queue: (Visit | undefined)[] = layer;
    for (let i = 0; i < queue.length; i += 1) {
      const visit = queue[i];
      if (visit === undefined || states >= statesMax) continue;
      queue[i] = undefined;
      const { step: open, way } = visit;
      const { step, next: later } = opened(open, plan, depth < options.depth);
      for (const [found, into] of [
        [step, queue],
        [later, next],
      ] as const) {
        for (const each of found) {
          steps += 1;
          const after = { ...each, world: noted(pruned(each.world)) };
          const key = hash('md5', keyOf(after.world), 'base64');
          if ((seen.get(key) ?? -1) >= after.world.faultsLeft) continue;
          seen.set(key, after.world.faultsLeft);
          states += 1;
          const reached = visitOf(after, way);
          const broken = brokenIn(after.world);
          if (broken !== undefined) {
            const breach = { ...broken, history: historyOf(reached.way) };
            return { depth, states, steps, isWhole: false, isCut: false, breach };
          }
          into.push(reached);
        }
      }
    }
    const isCut = states >= statesMax;
    const isWhole = next.length === 0 && depth < options.depth && !isCut;
    const found = { depth, states, steps, isWhole, isCut, breach: undefined };
    options.onUnit?.(found);
    if (next.length === 0 || isCut) return found;
    layer = next;
  }
}

/** What may follow: in the same unit, or once nothing is due in it any more in the next. */
function opened(
  step: Step,
  plan: SearchPlan,
  goesOn: boolean,
): { step: readonly Step[]; next: readonly Step[] } {
  const steps = stepsOf(step.world, plan);
  const inUnit = [...steps, ...faultsOf(step, plan)];
  if (!goesOn || steps.some(({ due }) => due)) return { step: inUnit, next: [] };
  return { step: inUnit, next: nextUnits(step.world, plan).map((each) => begunWith(each, plan)) };
}

function begunWith(step: Step, plan: SearchPlan): Step {
  const now = timeOf(step.world);
  return { ...step, world: settled(step.world, plan, (a, b) => isSameNode(a, b, now)) };
}

/** One history without faults, in a fixed order, until everything is settled and old. */
function startOf(options: SearchOptions, plan: SearchPlan): SearchWorld {
  let world = coldStart(options, plan);
  if (options.start === 'cold') return world;
  if (options.start === 'alone') world = withOthers(world, 'dead');
  while (world.unit < WARM_UP_UNITS) {
    if (world.unit === STAGGER_AT && world.nodes.every(({ life }) => life === 'running')) {
      world = staggered(world);
    }
    const [step] = stepsOf(world, plan).filter(({ due }) => due);
    const next = step ?? nextUnits(world, plan).at(-1);
    if (next === undefined) throw new Error('the warm-up comes to an end');
    world = noted(next.world);
  }
  return options.start === 'alone' ? withOthers(world, 'boots') : world;
}

function withOthers(world: SearchWorld, life: 'dead' | 'boots'): SearchWorld {
  const nodes = world.nodes.map((node, i): SearchNode => (i > 0 ? { ...node, life } : node));
  return { ...world, nodes };
}

/** The second node stands still for a unit: from then on its heartbeats come in between those of the others. */
function staggered(world: SearchWorld): SearchWorld {
  const nodes = world.nodes.map(
    (node, i): SearchNode =>
      i === 1 ? { ...node, life: 'stopped', stoppedAt: timeOf(world) } : node,
  );
  return { ...world, nodes };
}

function visitOf(step: Step, before: Way | undefined): Visit {
  return { step, way: { text: step.text, unit: step.world.unit, before } };
}

function historyOf(last: Way): string[] {
  const lines: string[] = [];
  for (let way: Way | undefined = last; way !== undefined; way = way.before) {
    lines.push(`${String(way.unit).padStart(4)}  ${way.text}`);
  }
  return lines.reverse();
}
