import type { WitnessMessage } from '../../src/witness/message.ts';
import { begun, judging, newNode, reached, type SearchNode } from './search-node.ts';
import { noteSaid } from './search-oracle.ts';
import { askedAgain } from './search-probes.ts';
import { acted, NOTHING_RECENT, type Step } from './search-steps.ts';
import { hasFault, type SearchPlan, type SearchWorld, timeOf } from './search-world.ts';

/** A pause is over after so many units at the latest. */
const PAUSE_UNITS_MAX = 12;

const LOST_BEAT = 'the beat is lost';

/** A beat that does not arrive. */
interface Loss {
  readonly from: string;
  readonly to: string;
}

/** The next unit of time, for each way in which stopped nodes go on and beats are lost. */
export function nextUnits(world: SearchWorld, plan: SearchPlan): Step[] {
  const stopped = world.nodes.filter(({ life }) => life === 'stopped' || life === 'agent stopped');
  const steps: Step[] = [];
  for (const woken of subsets(stopped, stopped.length)) {
    const late = stopped.filter((node) => !woken.includes(node) && isOverdue(node, world));
    if (late.length > 0) continue;
    const losesBeats = plan.timing.beatInterval > 0 && hasFault(plan, LOST_BEAT);
    const ways = losesBeats ? beatWays(world, woken) : [];
    for (const lost of subsets(ways, world.faultsLeft)) {
      steps.push(nextUnit(world, plan, { woken: woken.map(({ name }) => name), lost }));
    }
  }
  return steps;
}

function nextUnit(
  before: SearchWorld,
  plan: SearchPlan,
  { woken, lost }: { readonly woken: readonly string[]; readonly lost: readonly Loss[] },
): Step {
  const unit = before.unit + 1;
  const now = timeOf({ unit });
  let { oracle } = before;
  const said: [string, WitnessMessage][] = [];
  let nodes = before.nodes.map((node): SearchNode => {
    const next = started({ ...node, ghost: undefined }, plan, woken, now);
    if (next.life === 'dead' || next.life === 'stopped') return next;
    const doing = begun(next, now);
    for (const message of doing.says) {
      said.push([node.name, message]);
      oracle = noteSaid(oracle, message);
    }
    return doing.node;
  });
  for (const [from, message] of said) {
    const isLost = (to: string) => lost.some((loss) => loss.from === from && loss.to === to);
    nodes = nodes.map((node) =>
      node.name === from || node.life === 'dead' || isLost(node.name)
        ? node
        : reached(node, message, now),
    );
  }
  nodes = nodes.map((node) => (node.life === 'stopped' ? node : judging(node, now)));
  nodes = askedAgain(nodes, now);
  const faultsLeft = before.faultsLeft - lost.length;
  const world = { ...before, unit, nodes, oracle, faultsLeft };
  const events = [
    ...woken.map((name) => `${name} goes on`),
    ...lost.map(({ from, to }) => `${LOST_BEAT}: ${from} to ${to}`),
  ];
  const text = ['a unit passes', ...events].join(', ');
  const recent = { ...NOTHING_RECENT, nodes: nodes.map(({ name }) => name), news: true };
  return { text, world, recent, due: false };
}

function started(
  node: SearchNode,
  plan: SearchPlan,
  woken: readonly string[],
  now: ReturnType<typeof timeOf>,
): SearchNode {
  if (node.life === 'boots') {
    return newNode(node.name, { boot: node.boot + 1, process: node.process + 1 }, plan.timing, now);
  }
  return woken.includes(node.name) ? { ...node, life: 'running' } : node;
}

function isOverdue({ stoppedAt }: SearchNode, { unit }: SearchWorld): boolean {
  return (
    timeOf({ unit: unit + 1 }) - stoppedAt >=
    timeOf({ unit: PAUSE_UNITS_MAX }) - timeOf({ unit: 0 })
  );
}

function beatWays({ nodes, faultsLeft }: SearchWorld, woken: readonly SearchNode[]): Loss[] {
  if (faultsLeft === 0) return [];
  const speaks = (node: SearchNode) =>
    node.life === 'running' || node.life === 'agent stopped' || woken.includes(node);
  return nodes
    .filter(speaks)
    .flatMap(({ name: from }) =>
      nodes
        .filter(({ name, life }) => name !== from && life !== 'dead' && life !== 'boots')
        .map(({ name: to }) => ({ from, to })),
    );
}

/** All subsets of at most so many. */
function subsets<T>(all: readonly T[], most: number): T[][] {
  let found: T[][] = [[]];
  for (const each of all) {
    found = [...found, ...found.filter((set) => set.length < most).map((set) => [...set, each])];
  }
  return found;
}

/** Agents that would do nothing if they looked now need not: to look later in the unit is the same. */
export function settled(
  world: SearchWorld,
  plan: SearchPlan,
  isSame: (a: SearchNode, b: SearchNode) => boolean,
): SearchWorld {
  const nodes = world.nodes.map((node) => {
    if (!node.looks || node.life !== 'running') return node;
    const { world: next } = acted(world, plan, node, node.state);
    if (next.requests.length + next.frames.length > world.requests.length + world.frames.length) {
      return node;
    }
    const after = next.nodes.find(({ name }) => name === node.name) ?? node;
    return isSame({ ...node, looks: false }, after) ? { ...node, looks: false } : node;
  });
  return { ...world, nodes };
}
