import { newNode, type SearchNode } from './search-node.ts';
import { changed, NOTHING_RECENT, nameOf, type Step, withNode } from './search-steps.ts';
import {
  hasFault,
  type SearchPlan,
  type SearchRequest,
  type SearchWorld,
  timeOf,
} from './search-world.ts';

/**
 * The faults that may happen at this moment. A fault that concerns a node or a request commutes with all that
 * happens elsewhere: it is tried only right after something has happened to that node or request.
 */
export function faultsOf({ world, recent }: Step, plan: SearchPlan): Step[] {
  if (world.faultsLeft === 0) return [];
  const steps: Step[] = [];
  const add = (text: string, after: SearchWorld) => {
    if (!hasFault(plan, text)) return;
    steps.push({
      text: `FAULT: ${text}`,
      world: { ...after, faultsLeft: world.faultsLeft - 1 },
      recent: NOTHING_RECENT,
      due: false,
    });
  };
  for (const node of world.nodes) {
    if (!recent.nodes.includes(node.name) || node.life !== 'running') continue;
    for (const [text, after] of endings(world, node, plan)) add(`${node.name} ${text}`, after);
  }
  for (const request of recent.sent) {
    add(`${nameOf(request)} is lost`, lost(world, request));
    add(`${nameOf(request)} is late`, changed(world, request, { late: true }));
  }
  const { answered } = recent;
  if (answered?.awaited === true && world.requests.includes(answered)) {
    add(`the answer to ${nameOf(answered)} is lost`, lost(world, answered));
  }
  for (const frame of recent.frames) {
    const frames = world.frames.filter((each) => each !== frame);
    add(`a frame of ${frame.from} to ${frame.to} is lost`, { ...world, frames });
  }
  if (!recent.news) return steps;
  for (const node of world.nodes) {
    if (node.life !== 'running' || node.watch === 'late') continue;
    if (node.shown >= world.leases.revision) continue;
    add(`the watch of ${node.name} is late`, withNode(world, { ...node, watch: 'late' }));
  }
  return steps;
}

/** It is never carried out, or its answer never comes: its sender will find out. */
function lost(world: SearchWorld, request: SearchRequest): SearchWorld {
  return changed(world, request, { late: true, lost: true });
}

function endings(
  world: SearchWorld,
  node: SearchNode,
  { timing }: SearchPlan,
): [string, SearchWorld][] {
  const now = timeOf(world);
  const stops = (life: 'stopped' | 'agent stopped') =>
    withNode(world, { ...node, life, stoppedAt: now });
  const cut = abandoned(world, node);
  const found: [string, SearchWorld][] = [
    ['stops', stops('stopped')],
    ['dies', withNode(cut, { ...node, life: 'dead', ghost: undefined })],
    ['boots anew', withNode(cut, { ...node, life: 'boots', ghost: undefined })],
    ['stops but for its wire', stops('agent stopped')],
  ];
  if (node.ghost !== undefined) return found;
  const process = node.process + 1;
  const next = newNode(node.name, { boot: node.boot, process }, timing, now);
  found.push(['is killed but for its wire', withNode(cut, { ...next, ghost: node.wire })]);
  return found;
}

/** Nobody waits for the requests of the node any more; those under way may still arrive. */
function abandoned(world: SearchWorld, { name }: SearchNode): SearchWorld {
  const requests = world.requests
    .filter(({ node, answer, lost }) => node !== name || (answer === undefined && !lost))
    .map((request) => (request.node === name ? { ...request, awaited: false } : request));
  const frames = world.frames.filter(({ to }) => to !== name);
  return { ...world, requests, frames };
}

/** Without what can have no effect any more: late requests for which nobody waits and that would be refused. */
export function pruned(world: SearchWorld): SearchWorld {
  const requests = world.requests.filter((request) => {
    const { awaited, what, lost } = request;
    if (awaited) return true;
    if (lost || request.answer !== undefined || 'token' in what) return false;
    const { kind, node } = what.record;
    return world.leases.objects.get(`${kind}/${node}`)?.stored.revision === what.base;
  });
  return requests.length === world.requests.length ? world : { ...world, requests };
}
