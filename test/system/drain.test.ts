import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { labRefusal } from '../lab/refusal.ts';
import { run } from '../lab/run.ts';
import { type RunningLab, startRunningLab } from '../lab/running-lab.ts';
import type { Node } from '../lab/types.ts';

const refusal = labRefusal();
const program = join(import.meta.dirname, '../../bin/leasehold');
const SERVICES = ['a', 'b', 'c', 'd', 'e', 'f'];

test('leasehold drain', { skip: refusal ?? false }, async (t) => {
  await using running = await startRunningLab({ nodes: 3, protection: 'with witness' });
  const { lab } = running;
  for (const name of SERVICES) await lab.service({ name, backends: lab.backends });
  const vips = await Promise.all(SERVICES.map((name) => lab.vip(name)));
  for (const vip of vips) await running.answered(vip);
  const [first, second, third] = lab.nodes as [Node, Node, Node];

  await t.test('the VIPs of the node move, and it says to whom', async () => {
    const had = await owned(running, first);
    const text = await drain(running, first.name);
    assert.deepEqual(await owned(running, first), []);
    if (had.length > 0) assert.match(text, /owns nothing now: n\d has 192/);
    for (const vip of had) assert.ok(text.includes(vip), text);
    for (const vip of vips) await running.answered(vip);
  });
  await t.test('a second node is emptied too: all VIPs end at the third', async () => {
    await lab.controlPlane.kubectl(['cordon', second.name]);
    const text = await drain(running, second.name);
    assert.match(text, /owns no|owns nothing now: n3 has/);
    assert.deepEqual([...(await owned(running, third))].sort(), [...vips].sort());
  });
  await t.test(
    'where all drain, the VIPs stay and are answered, and exit code 1 says so',
    async () => {
      await assert.rejects(drain(running, third.name, '--timeout', '11'), (error: Error) => {
        assert.match(error.message, /exit code 1/);
        assert.match(error.message, /n3 still owns .* and 1 more: no other node has taken them/);
        assert.match(error.message, /drain too: n1 \(drain asked for\) and n2 \(drain asked for\)/);
        return true;
      });
      assert.equal((await owned(running, third)).length, vips.length);
      for (const vip of vips) await running.answered(vip);
    },
  );
  await t.test('--undo: the VIPs have somewhere to go again', async () => {
    assert.equal(await drain(running, first.name, '--undo'), 'n1 may own VIPs again.\n');
    assert.match(await drain(running, second.name, '--undo'), /cordoned.*kubectl uncordon n2/);
    // They may have gone before it is asked: the request for the third node still stands.
    assert.match(await drain(running, third.name), /n3 owns no/);
    assert.deepEqual([...(await owned(running, first))].sort(), [...vips].sort());
    for (const vip of vips) await running.answered(vip);
  });
});

/** Runs the command as the lab's admin beside the API server. */
function drain({ lab }: RunningLab, ...args: readonly string[]): Promise<string> {
  const { controlPlane } = lab;
  const kubeconfig = ['--kubeconfig', controlPlane.kubeconfig('admin')];
  return run(program, ['drain', ...args, ...kubeconfig], { netns: controlPlane.netns });
}

async function owned(running: RunningLab, node: Node): Promise<readonly string[]> {
  return (await running.claims()).get(node.name) ?? [];
}
