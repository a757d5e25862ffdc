import { readdirSync, readFileSync } from 'node:fs';

/** Memory of one process in megabytes (10^6 bytes). */
export interface Memory {
  /** Everything resident, the pages of Node's own program included, which all its processes share. */
  readonly rss: number;
  /** Shared pages divided by the number of processes that share them on this machine. */
  readonly pss: number;
  /** Pages that nobody else has: what would be free if only this process ended. */
  readonly unique: number;
}

/** Memory of a process at this moment; throws if it is gone. */
export function memoryOf(pid: number): Memory {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const field = (name: string) => {
    const [, kilobytes] = new RegExp(`^${name}: +(\\d+) kB$`, 'm').exec(text) ?? [];
    if (kilobytes === undefined) throw new Error(`/proc/${pid}/smaps_rollup has no ${name}`);
    return (Number(kilobytes) * 1024) / 1e6;
  };
  return {
    rss: field('Rss'),
    pss: field('Pss'),
    unique: field('Private_Clean') + field('Private_Dirty'),
  };
}

/** Milliseconds that the process's living threads have run on a processor, exact to the scheduler's nanosecond. */
export function cpuTimeOf(pid: number): number {
  let nanoseconds = 0;
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    const [ran = '0'] = readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ');
    nanoseconds += Number(ran);
  }
  return nanoseconds / 1e6;
}
