import { spawn } from 'node:child_process';
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { processTree } from './process-tree.ts';

/** Whom a signal reaches: everything that the program started too, or the one process alone. */
export type Reach = 'tree' | 'process';

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface ProcessOptions {
  readonly netns: string;
  readonly program: string;
  readonly args: readonly string[];
  /** Both its outputs are appended to this file. */
  readonly log: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** A long-running program of the lab, in a network namespace and a process group of its own. */
export class LabProcess {
  readonly pid: number;
  readonly log: string;
  /** Resolves at its end, never rejects. */
  readonly exited: Promise<Exit>;
  readonly #logStart: number;
  #exit: Exit | undefined;

  constructor(options: ProcessOptions) {
    const { netns, program, args, log, env = {} } = options;
    this.log = log;
    const output = openSync(log, 'a');
    this.#logStart = fstatSync(output).size;
    // `ip netns exec` becomes the program, so this pid is the program's.
    const child = spawn('ip', ['netns', 'exec', netns, program, ...args], {
      detached: true,
      stdio: ['ignore', output, output],
      env: { ...process.env, ...env },
    });
    closeSync(output);
    this.exited = new Promise((resolve) => {
      const ended = (exit: Exit) => {
        this.#exit = exit;
        resolve(exit);
      };
      child.once('exit', (code, signal) => ended({ code, signal }));
      child.once('error', () => ended({ code: 127, signal: null }));
    });
    if (child.pid === undefined) throw new Error(`could not start ${program} in ${netns}`);
    this.pid = child.pid;
    // The lab's reaper ends it; it must not keep the test process from ending.
    child.unref();
  }

  /** How it ended, or undefined while it runs. */
  get exit(): Exit | undefined {
    return this.#exit;
  }

  /** Sends a signal; to a process that is gone it does nothing. */
  signal(signal: NodeJS.Signals, reach: Reach): void {
    if (this.#exit !== undefined && reach === 'process') return;
    const pids = reach === 'process' ? [this.pid] : processTree(this.pid);
    for (const pid of pids) {
      try {
        process.kill(pid, signal);
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
      }
    }
  }

  /**
   * Signals it, waits, and kills the whole tree if it is still there after `patience`
   * milliseconds.
   */
  async stop(signal: NodeJS.Signals, patience = 10_000): Promise<Exit> {
    this.signal(signal, signal === 'SIGKILL' ? 'tree' : 'process');
    const timer = setTimeout(() => this.signal('SIGKILL', 'tree'), patience);
    try {
      return await this.exited;
    } finally {
      clearTimeout(timer);
    }
  }

  /** The last ten lines that it has printed. */
  tail(): string {
    return this.output().trim().split('\n').slice(-10).join('\n');
  }

  /** Everything it has printed so far; not what an earlier one printed into the same file. */
  output(): string {
    return readFileSync(this.log).subarray(this.#logStart).toString('utf8');
  }
}
