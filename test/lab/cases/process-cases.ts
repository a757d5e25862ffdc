import { setTimeout as sleep } from 'node:timers/promises';
import type { Facts, FaultCase, Scene } from '../fault.ts';
import type { Node } from '../types.ts';
import { handedOver, OTHERS_MS, takenOver, unnoticed } from './bounds.ts';

const FAILOVER_WATCH_MS = 4500;

/** Faults of the owner's processes and of the owner as a whole. */
export const PROCESS_CASES: readonly FaultCase[] = [
  {
    name: 'stop',
    number: 1,
    what: 'SIGSTOP of agent and wires for 8 s (20 s in the long series), then SIGCONT',
    watchMs: 8000,
    longWatchMs: 20_000,
    accept: takenOver(),
    make: async (scene) => stopped(scene, 'tree'),
  },
  {
    name: 'stop-agent',
    number: 1,
    what: 'SIGSTOP of the agent process alone for 6 s, then SIGCONT',
    watchMs: 6000,
    accept: {
      ...takenOver(),
      // The wire fences itself after 1 s of silence and the others take it at its word.
      'with witness': { unansweredMs: 200, moves: 1, otherMoves: 0 },
    },
    make: async (scene) => stopped(scene, 'process'),
  },
  {
    name: 'stop-wire',
    number: 1,
    what: 'SIGSTOP of one wire alone: it is killed and replaced',
    watchMs: 4500,
    accept: unnoticed({ unansweredMs: 600, othersUnansweredMs: 600, moves: 1 }),
    async make({ running, owner }) {
      for (const { pid } of running.agent(owner).wires()) process.kill(pid, 'SIGSTOP');
      return { restore: () => running.joined(owner) };
    },
  },
  {
    name: 'stutter',
    number: 2,
    what: 'SIGSTOP of agent and wires for 150 ms, again and again (20 times; 100 in the long series)',
    watchMs: 1000,
    // While it is stopped it answers nothing, and after a gap of 150 ms it goes on at once.
    accept: unnoticed({ unansweredMs: 260, othersUnansweredMs: OTHERS_MS }),
    async make({ running, owner, length }) {
      for (let round = length === 'long' ? 100 : 20; round > 0; round -= 1) {
        running.agent(owner).signal('SIGSTOP', 'tree');
        await sleep(150);
        running.agent(owner).signal('SIGCONT', 'tree');
        await sleep(100 + Math.random() * 200);
      }
      return {};
    },
  },
  {
    name: 'kill',
    number: 3,
    what: 'SIGKILL of the agent and its wires',
    watchMs: FAILOVER_WATCH_MS,
    accept: takenOver({ udpLost: 0 }),
    async make({ running, owner }) {
      running.agent(owner).signal('SIGKILL', 'tree');
      return startedAgain(running, owner);
    },
  },
  {
    name: 'kill-restart',
    number: 4,
    what: 'SIGKILL of the agent and its wires, started again at once',
    watchMs: FAILOVER_WATCH_MS,
    accept: takenOver({ udpLost: 0 }),
    async make({ running, owner }) {
      running.agent(owner).signal('SIGKILL', 'tree');
      await running.startWaiting(owner);
      return { restore: () => running.joined(owner) };
    },
  },
  {
    name: 'term',
    number: 5,
    what: 'SIGTERM of the agent: a clean shutdown',
    watchMs: 2500,
    accept: handedOver(),
    async make({ running, owner }) {
      running.agent(owner).signal('SIGTERM', 'tree');
      return startedAgain(running, owner);
    },
  },
  {
    name: 'rolling-surge',
    number: 6,
    standsIn:
      'three nodes instead of five; there is no kubelet, the lab starts and ends the agents',
    what: 'rolling update of every node, the new agent waiting beside the old one: no VIP moves',
    watchMs: 1000,
    accept: unnoticed(),
    make: async (scene) => rolled(scene, 'new beside old'),
  },
  {
    name: 'rolling',
    number: 6,
    what: 'rolling update of every node, the new agent after the old one: one move per VIP at most',
    watchMs: 1000,
    // Each VIP once at most with each node's update: a VIP may be handed to a node whose turn comes.
    accept: handedOver({ moves: 3, otherMoves: 6 }),
    make: async (scene) => rolled(scene, 'new after old'),
  },
  {
    name: 'crash',
    number: 7,
    what: 'the node loses power: links dark, every process killed',
    watchMs: FAILOVER_WATCH_MS,
    accept: takenOver(),
    async make({ running, lab, owner }) {
      await lab.faults.crash(owner);
      return {
        async restore() {
          await lab.restore(owner);
          await running.startAgent(owner);
        },
      };
    },
  },
];

function stopped({ running, owner }: Scene, reach: 'tree' | 'process') {
  running.agent(owner).signal('SIGSTOP', reach);
  return {
    isStopped: true,
    async end() {
      running.agent(owner).signal('SIGCONT', reach);
      await sleep(2000);
    },
    restore: () => running.joined(owner),
  } as const;
}

function startedAgain(running: Scene['running'], owner: Node) {
  return { restore: async () => void (await running.startAgent(owner)) };
}

async function rolled({ running, lab }: Scene, order: 'new beside old' | 'new after old') {
  const updates: { readonly node: string; readonly from: number; readonly to: number }[] = [];
  for (const node of lab.nodes) {
    const from = Date.now();
    if (order === 'new beside old') await running.replaceAgent(node);
    else {
      await running.agent(node).process.stop('SIGTERM');
      await running.startAgent(node);
    }
    await sleep(300);
    updates.push({ node: node.name, from, to: Date.now() });
  }
  return {
    check: ({ report }: Facts) =>
      updates.flatMap(({ node, from, to }) =>
        [...report.vips.values()]
          .filter(({ owners }) => owners.slice(1).filter(within(from, to)).length > 1)
          .map(({ vip }) => `${vip} moved more than once during the update of ${node}`),
      ),
  };
}

function within(from: number, to: number) {
  return (tenure: { readonly from: number }) => tenure.from >= from && tenure.from < to;
}
