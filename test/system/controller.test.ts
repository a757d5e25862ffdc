import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { installNamespace } from '../lab/agents.ts';
import type { KubeObject } from '../lab/api.ts';
import { labRefusal } from '../lab/refusal.ts';
import { type RunningLab, startRunningLab } from '../lab/running-lab.ts';
import { answererOf } from './answerer.ts';

const refusal = labRefusal();
const POOL = '192.0.2.120-192.0.2.122';
const CLASS = 'example.com/leasehold';

test('addresses of Services', { skip: refusal ?? false }, async (t) => {
  await using running = await startRunningLab({ nodes: 1, pool: POOL });
  const { lab } = running;
  await t.test('each Service gets an address of its own, in the order of the pool', async () => {
    assert.equal(await vipOf(running, 'a'), '192.0.2.120');
    assert.equal(await vipOf(running, 'b'), '192.0.2.121');
    for (const vip of ['192.0.2.120', '192.0.2.121']) await running.answered(vip);
  });
  await t.test('an address that was freed is given again; the others stay', async () => {
    await lab.controlPlane.api.delete(service('a'));
    assert.equal(await vipOf(running, 'c'), '192.0.2.120');
    assert.equal(await lab.vip('b'), '192.0.2.121');
    await running.answered('192.0.2.120');
  });
  await t.test('the address of a node is never given, whatever the pool says', async () => {
    const first = lab.node('n1').ipv4;
    await setPool(running, `${first}-192.0.2.12`);
    assert.equal(await vipOf(running, 'x'), '192.0.2.12');
    await lab.controlPlane.api.delete(service('x'));
    await setPool(running, POOL);
  });
  await t.test(
    'when the pool is used up, the Service waits for the next that is freed',
    async () => {
      assert.equal(await vipOf(running, 'd'), '192.0.2.122');
      await lab.service({ name: 'late', backends: lab.backends });
      await running.controller.logged('there is none left', ({ service: name, msg }) => {
        return name === 'default/late' && msg === 'no address for this Service';
      });
      await lab.controlPlane.api.delete(service('c'));
      assert.equal(await lab.vip('late'), '192.0.2.120');
    },
  );
  await t.test('a controller that starts again changes nothing', async () => {
    const before = await statuses(running);
    running.controller.signal('SIGTERM', 'process');
    assert.deepEqual(await running.controller.process.exited, { code: 0, signal: null });
    const again = await lab.controller();
    await again.logged('it starts', ({ msg }) => msg === 'the controller starts');
    await sleep(2000);
    assert.deepEqual(await statuses(running), before);
    // It is at work all the same: what is freed now is given by the new one.
    await lab.controlPlane.api.delete(service('d'));
    assert.equal(await vipOf(running, 'e'), '192.0.2.122');
    again.signal('SIGTERM', 'process');
    await again.process.exited;
  });
  await t.test('--load-balancer-class: agent and controller serve that class and no other', () =>
    ofOneClass(running),
  );
});

async function ofOneClass(running: RunningLab): Promise<void> {
  const { lab } = running;
  const node = lab.node('n1');
  running.agent(node).signal('SIGTERM', 'process');
  await running.agent(node).process.exited;
  const agent = await lab.agent(node, '--load-balancer-class', CLASS);
  await running.joined(node);
  const controller = await lab.controller('--load-balancer-class', CLASS);
  await lab.controlPlane.api.delete(service('e'));
  await lab.service({ name: 'classless', backends: lab.backends });
  await lab.service({ name: 'classy', loadBalancerClass: CLASS, backends: lab.backends });
  assert.equal(await lab.vip('classy'), '192.0.2.122');
  await running.answered('192.0.2.122');
  const ours = [...(await running.claims()).values()].flat();
  assert.deepEqual(ours, ['192.0.2.122'], 'the VIPs of other Services are not announced');
  assert.equal(await answererOf(lab, '192.0.2.121'), undefined);
  await assert.rejects(lab.vip('classless', { timeout: 500 }), /not within/);
  for (const daemon of [agent, controller]) daemon.signal('SIGTERM', 'process');
}

async function vipOf({ lab }: RunningLab, name: string): Promise<string> {
  await lab.service({ name, backends: lab.backends });
  return lab.vip(name);
}

async function setPool({ lab }: RunningLab, addresses: string): Promise<void> {
  await lab.apply({
    apiVersion: 'leasehold.dev/v1alpha1',
    kind: 'IPAddressPool',
    metadata: { name: 'lab', namespace: installNamespace },
    spec: { addresses: [addresses] },
  });
}

function service(name: string): KubeObject {
  return { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: 'default' } };
}

/** Every Service with its revision: whoever writes to it changes that. */
async function statuses({ lab }: RunningLab): Promise<readonly string[]> {
  const fields =
    '{.metadata.name} {.metadata.resourceVersion} {.status.loadBalancer.ingress[*].ip}';
  const path = `jsonpath={range .items[*]}${fields}{"\\n"}{end}`;
  const text = await lab.controlPlane.kubectl(['get', 'services', '-o', path]);
  return text.trim().split('\n').sort();
}
