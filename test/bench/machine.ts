import { cpus, loadavg, release } from 'node:os';

/** The machine that measured, in one line: without it no figure means anything. */
export function machine(): string {
  return `${hardware()}, load average ${load().toFixed(1)} at the end`;
}

/** The same without what else it had to do. */
export function hardware(): string {
  const all = cpus();
  const model = all[0]?.model.trim() ?? '';
  const cores = `${all.length} cores (${model || 'unnamed'})`;
  return `${cores}, Linux ${release()}, Node ${process.versions.node}`;
}

/** The load average of the last minute. */
export function load(): number {
  return loadavg()[0] ?? Number.NaN;
}
