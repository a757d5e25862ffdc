import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from '../lab/until.ts';

const folder = join(tmpdir(), 'leasehold-demos');
const program = join(import.meta.dirname, 'main.ts');

/** Notes that this process keeps a demo; the answer takes the note back. */
export function noteKept(): () => void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const file = join(folder, String(process.pid));
  writeFileSync(file, '');
  return () => rmSync(file, { force: true });
}

/** Asks every process that keeps a demo to remove it, and waits; returns how many there were. */
export async function removeKept(): Promise<number> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const pids = readdirSync(folder).map(Number).filter(Number.isSafeInteger);
  const alive = pids.filter(isKeeper);
  for (const pid of alive) process.kill(pid, 'SIGTERM');
  for (const pid of alive) {
    await until(`the demo of process ${pid} is removed`, () => !isKeeper(pid), { timeout: 30_000 });
  }
  for (const pid of pids) rmSync(join(folder, String(pid)), { force: true });
  return alive.length;
}

/** A process number may have gone to another program since. */
function isKeeper(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(program);
  } catch {
    return false;
  }
}
