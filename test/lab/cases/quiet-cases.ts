import { availableParallelism } from 'node:os';
import { startCounting, type Writes } from '../../bench/api-writes.ts';
import type { Facts, FaultCase, Made, Scene } from '../fault.ts';
import { LabProcess } from '../process.ts';
import type { RunningLab } from '../running-lab.ts';

const WATCH_MS = 4000;
/** A long series is made of many of these: what is done is kept, whenever it is stopped. */
const LONG_WATCH_MS = 60_000;
const NO_MOVE = { moves: 0, otherMoves: 0 };
/** What is not answered within a second counts as unanswered; a stall of the machine is shorter. */
const ACCEPT = { 'leases alone': NO_MOVE, 'with witness': NO_MOVE };

/** No fault at all, or none but a busy machine: nothing may come of it, however long it lasts. */
export const QUIET_CASES: readonly FaultCase[] = [
  {
    name: 'rest',
    number: 0,
    what: 'nothing at all for 4 s (60 s in the long series): no false alarm, one write per node and second',
    watchMs: WATCH_MS,
    longWatchMs: LONG_WATCH_MS,
    accept: ACCEPT,
    make: rest,
  },
  {
    name: 'busy',
    number: 0,
    what: 'every core has one process more than it can do, for 4 s (60 s in the long series)',
    watchMs: WATCH_MS,
    longWatchMs: LONG_WATCH_MS,
    accept: ACCEPT,
    make: busy,
  },
];

async function rest({ running, lab }: Scene): Promise<Made> {
  const unseen = movesSinceLastLook(running);
  const counting = await startCounting(lab);
  let writes: Writes | undefined;
  return {
    async end() {
      writes = await counting.stop();
    },
    check: (facts) => [
      ...unanswered(facts),
      ...movedUnseen(unseen),
      ...(writes === undefined ? ['no writes were counted'] : tooManyWrites(writes)),
    ],
    more: () => (writes === undefined ? {} : figuresOf(writes, lab.nodes.length)),
    restore: async () => void movesSinceLastLook(running),
  };
}

async function busy({ running, lab }: Scene): Promise<Made> {
  const { netns } = lab.client('c2');
  const spinners = Array.from(
    { length: availableParallelism() },
    (_, index) =>
      new LabProcess({
        netns,
        program: process.execPath,
        args: ['-e', 'for (;;);'],
        log: `${lab.controlPlane.folder}/spinner-${index}.log`,
      }),
  );
  const unseen = movesSinceLastLook(running);
  return {
    async end() {
      await Promise.all(spinners.map((spinner) => spinner.stop('SIGKILL')));
    },
    check: (facts) => [...unanswered(facts), ...movedUnseen(unseen)],
    restore: async () => void movesSinceLastLook(running),
  };
}

function unanswered({ report }: Facts): string[] {
  return [...report.vips.values()]
    .filter((record) => record.unanswered > 0)
    .map(({ vip, unanswered, questions }) => `${vip}: ${unanswered} of ${questions} unanswered`);
}

/** How many moves each lab's agents had logged when it was looked at last. */
const looked = new WeakMap<RunningLab, number>();

/** Moves that the agents have logged since the last call, failback left out; 0 at the first. */
function movesSinceLastLook(running: RunningLab): number {
  const lines = running.lab.nodes
    .flatMap((node) => running.agent(node).logLines())
    .filter(({ vip }) => vip !== undefined);
  const taken = lines.filter(({ to }) => to !== undefined).length;
  const back = lines.filter(({ reason }) => String(reason).startsWith('failback to ')).length;
  const before = looked.get(running) ?? taken - back;
  looked.set(running, taken - back);
  return taken - back - before;
}

function movedUnseen(moves: number): string[] {
  return moves <= 0 ? [] : [`${moves} VIPs moved between this watch and the one before`];
}

/** Claims are written on change only, and heartbeats once a second. */
function tooManyWrites({ leases, seconds }: Writes): string[] {
  return [...leases].flatMap(([lease, count]) => {
    const most = lease.startsWith('claims.') ? 0 : Math.ceil(seconds * 1.05) + 1;
    return count <= most ? [] : [`${count} writes of ${lease} in ${seconds.toFixed(0)} s`];
  });
}

function figuresOf({ leases, requests, seconds }: Writes, nodes: number) {
  const perNode = (counts: ReadonlyMap<string, number>) =>
    [...counts.values()].reduce((total, each) => total + each, 0) / nodes / seconds;
  return {
    'Lease writes per node and second': perNode(leases),
    'writes of any kind, by anybody, per node and second': perNode(requests),
  };
}
