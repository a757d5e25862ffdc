import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = '/sys/fs/cgroup';
const PERIOD_US = 100_000;

/** Why no group of limits can be made here; undefined if one can. */
export function limitsRefusal(): string | undefined {
  try {
    new Limits('lhtry', 64 * 2 ** 20, () => {}).close();
    return undefined;
  } catch (error) {
    return `cannot make a control group with limits: ${error}`;
  }
}

/** A control group (version 1 or 2, whichever is mounted) for the processes of one agent. */
export class Limits {
  readonly #isV2 = existsSync(join(ROOT, 'cgroup.controllers'));
  readonly #folders: { readonly cpu: string; readonly memory: string };

  /** `record` hears of each folder before it is made. */
  constructor(name: string, memoryBytes: number, record: (path: string) => void) {
    const folder = (controller: string) => join(ROOT, this.#isV2 ? '' : controller, name);
    this.#folders = { cpu: folder('cpu'), memory: folder('memory') };
    if (this.#isV2) writeFileSync(join(ROOT, 'cgroup.subtree_control'), '+cpu +memory');
    for (const path of this.#paths()) {
      record(path);
      mkdirSync(path, { recursive: true });
    }
    const limit = this.#isV2 ? 'memory.max' : 'memory.limit_in_bytes';
    writeFileSync(join(this.#folders.memory, limit), String(memoryBytes));
  }

  /** Puts a process into the group, and with it whatever it starts from now on. */
  add(pid: number): void {
    for (const path of this.#paths()) writeFileSync(join(path, 'cgroup.procs'), String(pid));
  }

  /** Gives all of them together this share of one core; undefined: as much as there is. */
  setCpu(share: number | undefined): void {
    const quota = share === undefined ? undefined : Math.round(share * PERIOD_US);
    const [file, text] = this.#isV2
      ? ['cpu.max', `${quota ?? 'max'} ${PERIOD_US}`]
      : ['cpu.cfs_quota_us', String(quota ?? -1)];
    writeFileSync(join(this.#folders.cpu, file), text);
  }

  /** In how many periods of 100 ms they wanted more than they were given. */
  throttled(): number {
    const text = readFileSync(join(this.#folders.cpu, 'cpu.stat'), 'utf8');
    return Number(/^nr_throttled (\d+)$/m.exec(text)?.[1] ?? Number.NaN);
  }

  /** How often the kernel had to end a process for want of memory. */
  outOfMemory(): number {
    const file = this.#isV2 ? 'memory.events' : 'memory.oom_control';
    const text = readFileSync(join(this.#folders.memory, file), 'utf8');
    return Number(/^oom_kill (\d+)$/m.exec(text)?.[1] ?? Number.NaN);
  }

  /** Removes it; nothing may run in it any more. */
  close(): void {
    for (const path of this.#paths()) if (existsSync(path)) rmdirSync(path);
  }

  #paths(): string[] {
    return [...new Set(Object.values(this.#folders))];
  }
}
