import { cpus, loadavg, release } from 'node:os';

/** The machine that measured, in one line: without it no figure means anything. */
export function machine(): string {
  const all = cpus();
  const [load = Number.NaN] = loadavg();
  const model = all[0]?.model.trim() ?? '';
  const cores = `${all.length} cores (${model || 'unnamed'})`;
  const versions = `Linux ${release()}, Node ${process.versions.node}`;
  return `${cores}, ${versions}, load average ${load.toFixed(1)} at the end`;
}
