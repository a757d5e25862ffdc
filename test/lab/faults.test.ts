import assert from 'node:assert/strict';
import { test } from 'node:test';
import { apiAddress, apiPort } from './addressing.ts';
import { type Lab, startLab } from './lab.ts';
import { labRefusal } from './refusal.ts';
import { run } from './run.ts';
import type { Node } from './types.ts';
import { until } from './until.ts';

const skip = labRefusal() ?? false;

test('faults of a lab', { skip }, async (t) => {
  await using lab = await startLab({ nodes: 2 });
  const [n1, n2] = [lab.node('n1'), lab.node('n2')];
  const { faults, controlPlane } = lab;

  await t.test('a cut from the API, in any direction, leaves the segment alone', async () => {
    for (const direction of ['both', 'to-api', 'from-api'] as const) {
      await faults.cutApi(n1, direction);
      assert.deepEqual([await api(n1), await api(n2)], ['away', 'there'], direction);
      assert.equal(await onSegment(lab, n1), 'there');
      await faults.healApi(n1);
      await until(
        `the API is there again after ${direction}`,
        async () => (await api(n1)) === 'there',
      );
    }
    await faults.cutApiOfAll('both');
    assert.deepEqual([await api(n1), await api(n2)], ['away', 'away']);
    await faults.healApiOfAll();
    await until('the API is there for all', async () => (await api(n2)) === 'there');
  });

  await t.test(
    'the data link down, without carrier or removed: gone, and back with its routes',
    async () => {
      const before = await routes(n1);
      for (const [off, on] of [
        ['linkDown', 'linkUp'],
        ['carrierDown', 'carrierUp'],
        ['linkRemove', 'linkAdd'],
      ] as const) {
        await faults[off](n1);
        assert.equal(await onSegment(lab, n1), 'away', off);
        assert.equal(await api(n1), 'there');
        await faults[on](n1);
        await until(`n1 is back after ${on}`, async () => (await onSegment(lab, n1)) === 'there');
        await until('its routes are back', async () => (await routes(n1)) === before);
      }
    },
  );

  await t.test(
    'a crashed node is silent and has no process left; restore brings it back',
    async () => {
      await faults.crash(n2);
      assert.equal(await run('ip', ['netns', 'pids', n2.netns]), '');
      assert.equal(await onSegment(lab, n2), 'away');
      await lab.restore(n2);
      await until('n2 is back', async () => (await onSegment(lab, n2)) === 'there');
      assert.equal(await api(n2), 'there');
    },
  );

  await t.test('API server and etcd keep their data over SIGKILL and SIGTERM', async () => {
    for (const part of ['kube-apiserver', 'etcd'] as const) {
      for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
        await controlPlane.stopPart(part, signal);
        await assert.rejects(controlPlane.ready(1000), `${part} after ${signal}`);
        controlPlane.startPart(part);
        await controlPlane.ready();
        const nodes = await controlPlane.kubectl(['get', 'nodes', '-o', 'name']);
        assert.equal(nodes, 'node/n1\nnode/n2\n');
      }
    }
  });

  await t.test('a frozen API server answers nobody until it is woken', async () => {
    controlPlane.signalPart('kube-apiserver', 'SIGSTOP');
    assert.equal(await api(n1), 'away');
    controlPlane.signalPart('kube-apiserver', 'SIGCONT');
    await until('the API answers', async () => (await api(n1)) === 'there');
  });
});

type Presence = 'there' | 'away';

async function presence(asked: Promise<unknown>): Promise<Presence> {
  return asked.then(
    () => 'there',
    () => 'away',
  );
}

/** Whether a node reaches the API. */
function api({ netns }: Node): Promise<Presence> {
  const url = `https://${apiAddress}:${apiPort}/readyz`;
  return presence(run('curl', ['-skf', '--max-time', '1', url], { netns }));
}

/** Whether a node answers the client for its own address. */
function onSegment(lab: Lab, node: Node): Promise<Presence> {
  const { netns } = lab.client('c1');
  return presence(run('arping', ['-c', '1', '-w', '1', '-I', 'data0', node.ipv4], { netns }));
}

async function routes({ netns }: Node): Promise<string> {
  const both = await Promise.all(
    ['-4', '-6'].map((family) => run('ip', [family, 'route', 'show', 'dev', 'data0'], { netns })),
  );
  return both
    .join('')
    .split('\n')
    .map((line) => line.trim())
    .sort()
    .join('\n');
}
