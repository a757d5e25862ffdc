import { availableParallelism } from 'node:os';
import { startCounting, type Writes } from '../../bench/api-writes.ts';
import type { Facts, FaultCase, Made, Scene } from '../fault.ts';
import { LabProcess } from '../process.ts';
import type { RunningLab } from '../running-lab.ts';
import { unnoticed } from './bounds.ts';

const WATCH_MS = 4000;
/** A long series is made of many of these: what is done is kept, whenever it is stopped. */
const LONG_WATCH_MS = 60_000;
const NO_MOVE = { moves: 0, otherMoves: 0 };

/** No fault at all, or none but a busy machine: nothing may come of it, however long it lasts. */
export const QUIET_CASES: readonly FaultCase[] = [
  {
    name: 'rest',
    number: 0,
    what: 'nothing at all for 4 s (60 s in the long series): no false alarm, one write per node and second',
    watchMs: WATCH_MS,
    longWatchMs: LONG_WATCH_MS,
    accept: unnoticed(),
    make: rest,
  },
  {
    name: 'busy',
    number: 0,
    what: 'every core has one process more than it can do, for 4 s (60 s in the long series)',
    watchMs: WATCH_MS,
    longWatchMs: LONG_WATCH_MS,
    // How long an answer takes then is the scheduler's business.
    accept: { 'leases alone': NO_MOVE, 'with witness': NO_MOVE },
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
    check: () => [
      ...movedUnseen(unseen),
      ...(writes === undefined ? ['no writes were counted'] : tooManyWrites(writes)),
    ],
    more: (facts) => ({
      ...unanswered(facts),
      ...(writes === undefined ? {} : figuresOf(writes, lab.nodes.length)),
    }),
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
    check: () => movedUnseen(unseen),
    more: unanswered,
    restore: async () => void movesSinceLastLook(running),
  };
}

/** A client asks again after a second: what is not answered by then, the end of the watch left out. */
const ANSWER_MS = 1000;

function unanswered({ report }: Facts) {
  const open = [...report.vips.values()]
    .flatMap(({ asked }) => asked)
    .filter(({ question }) => question.form === 'broadcast' && question.at < report.to - ANSWER_MS)
    .filter(({ question, answers }) => !answers.some(({ at }) => at - question.at <= ANSWER_MS));
  return { 'requests unanswered': open.length };
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
