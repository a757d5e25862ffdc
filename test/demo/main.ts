/** The program behind scripts/demo. */
import { parseArgs } from 'node:util';
import { type Lab, startLab } from '../lab/lab.ts';
import { labRefusal } from '../lab/refusal.ts';
import { type KeeperMessage, keepBehind } from './keep.ts';
import { noteKept, removeKept } from './kept.ts';
import { lookAround } from './look-around.ts';
import { type Screen, type Style, screenOn, styleOf } from './screen.ts';
import { type Ending, tell } from './story.ts';

const usage = `Usage: scripts/demo [--keep | --remove]

Shows a failover on a real Ethernet segment with three nodes and removes everything at the end.

  --keep    leave it running and print how to look around
  --remove  remove what --keep has left
`;

/** A demo that has been told and stands yet. */
interface Scene {
  readonly lab: Lab;
  readonly ending: Ending;
  /** Resolves when somebody wants it to be removed. */
  readonly removal: Promise<void>;
}

// Whoever reads our output has left: the lab's reaper removes what is there.
process.stdout.on('error', () => process.exit(1));

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  const options = {
    keep: { type: 'boolean' },
    remove: { type: 'boolean' },
    help: { type: 'boolean', short: 'h' },
    keeper: { type: 'string' },
  } as const;
  let values: ReturnType<typeof parse>;
  const parse = () => parseArgs({ args: [...args], options }).values;
  try {
    values = parse();
  } catch (error) {
    return failed(`${reasonOf(error)}\n${usage}`);
  }
  if (values.help === true) {
    process.stdout.write(usage);
    return 0;
  }
  if (values.remove === true) return remove();
  const refusal = labRefusal();
  if (refusal !== undefined) return failed(refusal);
  if (values.keeper !== undefined)
    return keeper(values.keeper === 'coloured' ? 'coloured' : 'plain');
  const style = styleOf(process.stdout, process.env);
  if (values.keep === true) return keepBehind(style);
  return show(
    screenOn((text) => process.stdout.write(text), style),
    async () => {},
  );
}

async function remove(): Promise<number> {
  const count = await removeKept();
  process.stdout.write(count === 0 ? 'No demo is running.\n' : `Removed: ${count}\n`);
  return 0;
}

/** Stays behind with the lab; until then it speaks through its parent, and ends with it. */
async function keeper(style: Style): Promise<number> {
  const send = (message: KeeperMessage) => {
    if (process.connected) process.send?.(message);
  };
  const screen = screenOn((text) => send({ text }), style);
  const forget = noteKept();
  const abandon = () => process.kill(process.pid, 'SIGTERM');
  process.once('disconnect', abandon);
  try {
    return await show(screen, async ({ lab, ending, removal }) => {
      lookAround(lab, screen, ending);
      process.off('disconnect', abandon);
      send({ kept: true });
      await removal;
    });
  } finally {
    forget();
    process.off('disconnect', abandon);
    if (process.connected) process.disconnect?.();
  }
}

/** Makes the lab, tells the story, does what comes `afterwards`; always removes the lab. */
async function show(screen: Screen, afterwards: (scene: Scene) => Promise<void>): Promise<number> {
  const begun = performance.now();
  const stop = Promise.withResolvers<void>();
  const signals = { SIGINT: 130, SIGTERM: 143 } as const;
  let interruption: number | undefined;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      // At the second one it ends at once; the lab's own reaper removes what is left.
      if (interruption !== undefined) process.exit(signals[signal]);
      interruption = signals[signal];
      stop.resolve();
    });
  }
  // Timers keep the process here while it waits for a signal.
  const stay = setInterval(() => {}, 3_600_000);
  screen.heading(
    'the lab: three nodes, a client and three backends on a segment; etcd, kube-apiserver',
  );
  const making = startLab({ nodes: 3, clients: 1 });
  try {
    await Promise.race([
      making.then(async (lab) => {
        const ending = await tell(lab, screen);
        const seconds = ((performance.now() - begun) / 1000).toFixed(1);
        screen.note(`\nThe demo took ${seconds} s. All of it is as it should be.`);
        await afterwards({ lab, ending, removal: stop.promise });
      }),
      stop.promise,
    ]);
    if (interruption !== undefined) screen.note('\nInterrupted: removing everything ...');
    return interruption ?? 0;
  } catch (error) {
    screen.note(`\nscripts/demo: ${reasonOf(error)}`);
    return 1;
  } finally {
    await making.then((lab) => lab[Symbol.asyncDispose]()).catch(() => {});
    screen.note('Everything is removed.');
    clearInterval(stay);
  }
}

function failed(sentence: string): number {
  process.stderr.write(`scripts/demo: ${sentence}\n`);
  return 1;
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
