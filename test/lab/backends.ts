import { join } from 'node:path';
import { LabProcess } from './process.ts';
import { run } from './run.ts';
import type { Backend } from './types.ts';
import { until } from './until.ts';

const program = join(import.meta.dirname, 'backend-server.ts');

/** Starts the servers of all backends and waits until they listen. */
export async function startBackends(
  backends: readonly Backend[],
  folder: string,
): Promise<ReadonlyMap<string, LabProcess>> {
  const started = backends.map((backend) => {
    const args = [program, `${backend.name} ${backend.node}`, String(backend.port)];
    const log = join(folder, `${backend.name}.log`);
    const { netns } = backend;
    return [backend, new LabProcess({ netns, program: process.execPath, args, log })] as const;
  });
  await Promise.all(
    backends.map(({ name, netns, port }) =>
      until(
        `backend ${name} listens`,
        async () =>
          (await run('ss', ['-Hlntu', `sport = :${port}`], { netns })).trim().split('\n').length ===
          2,
      ),
    ),
  );
  return new Map(started.map(([backend, process]) => [backend.name, process]));
}
