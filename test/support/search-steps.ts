import {
  claimsSettled,
  heartbeatSettled,
  listed,
  listFailed,
  watched,
} from '../../src/election/events.ts';
import type { LeaseCut } from '../../src/election/records.ts';
import type { WriteOutcome } from '../../src/election/register.ts';
import type { ElectionState } from '../../src/election/state.ts';
import type { WitnessMessage } from '../../src/witness/message.ts';
import { isBusy, looked, reached, type SearchNode } from './search-node.ts';
import { noteCommitted, noteSaid, noteSent } from './search-oracle.ts';
import {
  type SearchFrame,
  type SearchPlan,
  type SearchRequest,
  type SearchWorld,
  timeOf,
} from './search-world.ts';
import { SimLeases } from './sim-leases.ts';

/** One thing that happens, and what it changed: faults are looked for only there (see `search-faults`). */
export interface Step {
  readonly text: string;
  readonly world: SearchWorld;
  readonly recent: Recent;
  /** It has to happen before time goes on. */
  readonly due: boolean;
}

export interface Recent {
  /** The nodes to which something has happened. */
  readonly nodes: readonly string[];
  readonly sent: readonly SearchRequest[];
  readonly answered: SearchRequest | undefined;
  readonly frames: readonly SearchFrame[];
  /** Watches have news. */
  readonly news: boolean;
}

export const NOTHING_RECENT: Recent = {
  nodes: [],
  sent: [],
  answered: undefined,
  frames: [],
  news: false,
};

/** All that may happen at this moment without a fault, time apart. */
export function stepsOf(world: SearchWorld, plan: SearchPlan): Step[] {
  const steps: Step[] = [];
  for (const node of world.nodes) {
    if (node.life !== 'running') continue;
    if (node.looks && !isBusy(node)) {
      steps.push({
        ...acted(world, plan, node, node.state),
        text: `${node.name} looks`,
        due: true,
      });
    }
    if (node.shown < world.leases.revision) steps.push(watchStep(world, plan, node));
  }
  for (const request of world.requests) steps.push(...requestSteps(world, plan, request));
  const heads = new Set<string>();
  for (const frame of world.frames) {
    const way = `${frame.from}>${frame.to}`;
    if (heads.has(way)) continue;
    heads.add(way);
    steps.push(frameStep(world, plan, frame));
  }
  return steps;
}

function watchStep(world: SearchWorld, plan: SearchPlan, node: SearchNode): Step {
  const leases = storeOf(world);
  const state = watched(node.state, leases.watchCut(), timeOf(world));
  const shown = { ...node, shown: world.leases.revision, watch: 'in time' as const };
  const step = acted(world, plan, shown, state);
  return { ...step, text: `the watch of ${node.name}`, due: node.watch === 'in time' };
}

function frameStep(world: SearchWorld, plan: SearchPlan, frame: SearchFrame): Step {
  const now = timeOf(world);
  const without = { ...world, frames: world.frames.filter((each) => each !== frame) };
  const node = reached(nodeOf(world, frame.to), frame.message, now);
  const { kind } = frame.message;
  const what = frame.message.kind === 'said' ? frame.message.utterance.kind : kind;
  const text = `${frame.to} hears the ${what} of ${frame.from}`;
  if (node.life !== 'running' || !node.looks) {
    const recent = { ...NOTHING_RECENT, nodes: [node.name] };
    return { text, world: withNode(without, node), recent, due: true };
  }
  return { ...acted(without, plan, node, node.state), text, due: true };
}

function requestSteps(world: SearchWorld, plan: SearchPlan, request: SearchRequest): Step[] {
  const steps: Step[] = [];
  const now = timeOf(world);
  const { answer, awaited, late, lost } = request;
  const sender = nodeOf(world, request.node);
  const name = nameOf(request);
  if (lost) {
    // Nothing but the time-out is left.
  } else if (answer === undefined) {
    steps.push({ ...served(world, request), text: `${name} is carried out`, due: !late });
    if (!awaited && !late) {
      const recent = NOTHING_RECENT;
      steps.push({ world: without(world, request), recent, text: `${name} never left`, due: true });
    }
  } else if (sender.life === 'running') {
    const state = answered(sender.state, request, answer, world);
    const step = acted(without(world, request), plan, sender, state);
    steps.push({ ...step, text: `${name} is answered`, due: !late });
  }
  if (!awaited || sender.life !== 'running') return steps;
  if (now - request.sentAt < plan.timing.requestTimeout) return steps;
  const state = answered(sender.state, request, 'failed', world);
  const gone =
    answer === undefined && !lost
      ? changed(world, request, { awaited: false })
      : without(world, request);
  const step = acted(gone, plan, sender, state);
  steps.push({ ...step, text: `${name} times out`, due: true });
  return steps;
}

function answered(
  state: ElectionState,
  { what }: SearchRequest,
  answer: WriteOutcome | LeaseCut | 'failed',
  world: SearchWorld,
): ElectionState {
  const now = timeOf(world);
  if ('token' in what) {
    if (answer === 'failed') return listFailed(state, what.token, now);
    return 'heartbeats' in answer ? listed(state, what.token, answer, now) : state;
  }
  const settled = what.record.kind === 'heartbeat' ? heartbeatSettled : claimsSettled;
  if (answer === 'failed') return settled(state, what.record.write, { kind: 'failed' }, now);
  return 'kind' in answer ? settled(state, what.record.write, answer, now) : state;
}

/** The API server carries a request out. */
function served(world: SearchWorld, request: SearchRequest): Pick<Step, 'world' | 'recent'> {
  const { what } = request;
  const leases = storeOf(world);
  if ('token' in what) {
    const answer = { ...request, answer: leases.list() };
    const next = { ...world, requests: replaced(world.requests, request, answer) };
    return { world: next, recent: { ...NOTHING_RECENT, answered: answer } };
  }
  const outcome = leases.commit(what);
  const answer = { ...request, answer: outcome };
  const requests = request.awaited
    ? replaced(world.requests, request, answer)
    : world.requests.filter((each) => each !== request);
  const next = { ...world, leases: leases.backup(), requests };
  if (outcome.kind !== 'committed') {
    return { world: next, recent: { ...NOTHING_RECENT, answered: answer } };
  }
  return {
    world: { ...next, oracle: noteCommitted(world.oracle, request, what.record, world) },
    recent: { ...NOTHING_RECENT, answered: answer, news: true },
  };
}

/** The agent takes in what has come, and looks. */
export function acted(
  world: SearchWorld,
  { demand }: SearchPlan,
  before: SearchNode,
  state: ElectionState,
): Pick<Step, 'world' | 'recent'> {
  const now = timeOf(world);
  const { node, writes, lists, says } = looked({ ...before, state }, demand, now);
  const request = (what: SearchRequest['what']): SearchRequest => ({
    node: node.name,
    process: state.self.session,
    sentAt: now,
    what,
    answer: undefined,
    late: false,
    lost: false,
    awaited: true,
  });
  const sent = [...writes.map(request), ...lists.map((token) => request({ token }))];
  const frames = framesOf(world, node.name, says);
  let { oracle } = world;
  for (const { record } of writes) oracle = noteSent(oracle, node.name, record);
  for (const message of says) oracle = noteSaid(oracle, message);
  const next = {
    ...world,
    requests: [...world.requests, ...sent],
    frames: [...world.frames, ...frames],
    oracle,
  };
  const recent = { nodes: [node.name], sent, answered: undefined, frames, news: false };
  return { world: withNode(next, node), recent };
}

function framesOf(
  { nodes }: SearchWorld,
  from: string,
  says: readonly WitnessMessage[],
): SearchFrame[] {
  const others = nodes.filter(
    ({ name, life }) => name !== from && life !== 'dead' && life !== 'boots',
  );
  return says.flatMap((message) => others.map(({ name }) => ({ from, to: name, message })));
}

export function withNode(world: SearchWorld, node: SearchNode): SearchWorld {
  return { ...world, nodes: world.nodes.map((each) => (each.name === node.name ? node : each)) };
}

export function nodeOf({ nodes }: SearchWorld, name: string): SearchNode {
  const node = nodes.find((each) => each.name === name);
  if (node === undefined) throw new RangeError(`no node '${name}' in this search`);
  return node;
}

export function without(world: SearchWorld, request: SearchRequest): SearchWorld {
  return { ...world, requests: world.requests.filter((each) => each !== request) };
}

export function changed(
  world: SearchWorld,
  request: SearchRequest,
  change: Partial<SearchRequest>,
): SearchWorld {
  return { ...world, requests: replaced(world.requests, request, { ...request, ...change }) };
}

function replaced<T>(all: readonly T[], before: T, after: T): T[] {
  return all.map((each) => (each === before ? after : each));
}

export function nameOf({ node, what, process }: SearchRequest): string {
  if ('token' in what) return `the LIST of ${node}/${process}`;
  const { kind, write, incarnation } = what.record;
  if (what.record.kind === 'heartbeat')
    return `${kind} ${write} of ${node}/${process} as ${incarnation}`;
  const vips = what.record.vips.size > 0 ? ' with the VIP' : '';
  const fences =
    what.record.fences.size > 0 ? `, fencing ${[...what.record.fences].join(' ')}` : '';
  return `${kind} ${write}${vips}${fences} of ${node}/${process} as ${incarnation}`;
}

const store = new SimLeases();

/** The API server, put into the state of the world. */
function storeOf({ leases }: SearchWorld): SimLeases {
  store.restore(leases);
  return store;
}
