import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const NAMESPACE = `lhw${process.pid}l`;
const ip = (...words: string[]) => execFileSync('ip', words);

test('watchLinks() sees links come, change, go down and vanish, as sysfs shows them', (t) => {
  if (process.getuid?.() !== 0) return t.skip('needs root, to make a network namespace');
  ip('netns', 'add', NAMESPACE);
  try {
    const script = fileURLToPath(new URL('links-in-namespace.ts', import.meta.url));
    const { status, stdout, stderr } = spawnSync(
      'ip',
      ['netns', 'exec', NAMESPACE, process.execPath, script],
      { encoding: 'utf8', timeout: 20_000 },
    );
    assert.equal(status, 0, stdout + stderr);
  } finally {
    ip('netns', 'del', NAMESPACE);
  }
});
