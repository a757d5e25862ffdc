import { spawnSync } from 'node:child_process';
import { asset } from './assets.ts';

/** Why no lab can be made here, for `t.skip`; undefined if one can. */
export function labRefusal(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root, for network namespaces';
  const name = `lhtry${process.pid}`;
  const made = spawnSync('ip', ['netns', 'add', name], { encoding: 'utf8' });
  if (made.status !== 0) return `may not make network namespaces: ${made.stderr.trim()}`;
  spawnSync('ip', ['netns', 'del', name]);
  try {
    asset('kube-apiserver');
    asset('kube-proxy');
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
