import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { Lab } from './lab.ts';
import { run } from './run.ts';

const root = join(import.meta.dirname, '../..');

/**
 * The version that this one has to get along with during an update: the last commit that knew no
 * witness, until there is a release.
 */
const PREVIOUS = '111aa0c';

/**
 * Builds the previous version in the lab's folder; resolves with the path of its `bin/leasehold`.
 * Rejects in a clone without that part of the history.
 */
export async function previousVersion({ controlPlane }: Lab): Promise<string> {
  await run('git', ['-C', root, 'cat-file', '-e', `${PREVIOUS}^{commit}`]).catch((cause) => {
    const remedy = 'fetch the whole history: git fetch --unshallow';
    throw new Error(`this clone has no commit ${PREVIOUS}: ${remedy}`, { cause });
  });
  const folder = join(controlPlane.folder, 'previous');
  mkdirSync(folder);
  const unpack = 'git -C "$0" archive "$1" | tar -x -C "$2"';
  await run('bash', ['-o', 'pipefail', '-c', unpack, root, PREVIOUS, folder]);
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  await run(process.execPath, [join(folder, 'scripts/build.ts')]);
  return join(folder, 'bin/leasehold');
}
