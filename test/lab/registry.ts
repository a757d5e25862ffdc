import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { appendFileSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const states = join(tmpdir(), 'leasehold-labs');
const reaperProgram = join(import.meta.dirname, 'reaper.sh');

/**
 * The record of what one lab makes, and the small process that removes it: when the lab is
 * closed, or
 * when the process that runs the lab is gone without having closed it.
 */
export class Registry {
  /** Short and random, so that labs can stand side by side: `lh3f2a1`. */
  readonly id: string;
  readonly #state: string;
  readonly #reaper: ChildProcess;
  readonly #reaped: Promise<void>;

  constructor() {
    mkdirSync(states, { recursive: true });
    this.id = `lh${randomBytes(3).toString('hex').slice(0, 5)}`;
    this.#state = join(states, `${this.id}.state`);
    appendFileSync(this.#state, `parent ${process.pid} ${startTime(process.pid)}\n`);
    this.#reaper = spawn(reaperProgram, [this.#state], {
      detached: true,
      cwd: '/',
      stdio: ['pipe', 'ignore', 'pipe'],
    });
    this.#reaped = reaped(this.#reaper);
    this.#reaper.unref();
  }

  /** Records a namespace; to be called before it is made. */
  netns(name: string): void {
    appendFileSync(this.#state, `netns ${name}\n`);
  }

  /** Records a folder; to be called before it is made. */
  folder(path: string): void {
    appendFileSync(this.#state, `folder ${path}\n`);
  }

  /** Records a control group; to be called before it is made. */
  controlGroup(path: string): void {
    appendFileSync(this.#state, `cgroup ${path}\n`);
  }

  /** Has everything removed; rejects with the reaper's words if something would not go. */
  async close(): Promise<void> {
    this.#reaper.ref();
    this.#reaper.stdin?.end();
    await this.#reaped;
  }
}

/** Removes what labs left behind whose process is gone and whose reaper was killed too. */
export async function sweep(): Promise<void> {
  mkdirSync(states, { recursive: true });
  for (const file of readdirSync(states)) {
    const path = join(states, file);
    if (!file.endsWith('.state') || isAlive(path)) continue;
    await reaped(spawn(reaperProgram, [path], { cwd: '/', stdio: ['ignore', 'ignore', 'pipe'] }));
  }
}

function isAlive(state: string): boolean {
  const [, pid = '', started = ''] = /^parent (\d+) (\d+)$/m.exec(readText(state)) ?? [];
  // A state file without its first line is being written at this moment.
  return pid === '' || startTime(Number(pid)) === started;
}

/**
 * Start of a process in clock ticks since boot, which tells it from a later one with its number.
 */
function startTime(pid: number): string {
  const stat = readText(`/proc/${pid}/stat`);
  // The second field is a name in parentheses that may hold anything; the 22nd is the start time.
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function reaped(child: ChildProcess): Promise<void> {
  let words = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    words += text;
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`the lab was not removed completely: ${words.trim()}`));
    });
  });
}
