import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Daemon } from '../lab/agents.ts';
import type { KubeObject } from '../lab/api.ts';
import { type Lab, startLab } from '../lab/lab.ts';
import { ip } from '../lab/network.ts';
import { labRefusal } from '../lab/refusal.ts';
import { run } from '../lab/run.ts';
import type { Node } from '../lab/types.ts';
import { until } from '../lab/until.ts';

const refusal = labRefusal();
const program = join(import.meta.dirname, '../../bin/leasehold');

test('an agent waits for what may come later', { skip: refusal ?? false }, async (t) => {
  await using lab = await startLab({ nodes: 1 });
  const n1 = lab.node('n1');
  await t.test('no permission, then no CRDs: a line with the remedy each, then it works', () =>
    missingInstallation(lab, n1),
  );
  await t.test('a node that does not exist: a line, and it works once it does', () =>
    missingNode(lab, n1),
  );
  await t.test('no link that matches --link-include: a line, and it is used once it is there', () =>
    missingLink(lab, n1),
  );
  await t.test('a port that is in use: one sentence and exit code 1', () => portInUse(lab, n1));
  await t.test('no API server: healthy, not ready, a line, and it works once it is there', () =>
    missingServer(lab, n1),
  );
  await t.test(
    'SIGTERM ends a member within 5 s, exit code 0, though the API is gone',
    async () => {
      const agent = await member(lab, n1);
      await lab.controlPlane.stopPart('kube-apiserver', 'SIGKILL');
      await endsInOrder(agent);
    },
  );
});

async function missingInstallation(lab: Lab, node: Node): Promise<void> {
  const { controlPlane } = lab;
  await controlPlane.kubectl(['create', 'namespace', 'leasehold-system']);
  const account = ['serviceaccount', 'leasehold-agent', '--namespace', 'leasehold-system'];
  await controlPlane.kubectl(['create', ...account]);
  const agent = await lab.agent(node);
  await said(
    agent,
    /^Cannot read node 'n1': .*forbidden.*Apply deploy\/rbac\.yaml\. Trying again$/,
  );
  assert.equal(await health(node, 'ready'), 1);
  const rbac = join(import.meta.dirname, '../../deploy/rbac.yaml');
  await controlPlane.kubectl(['apply', '--server-side', '--force-conflicts', '-f', rbac]);
  await said(
    agent,
    /^the API server knows no ipaddresspools\.leasehold\.dev: apply deploy\/crds\.yaml; trying again$/,
  );
  const metric = 'leasehold_watch_up{kind="pools"} 0';
  const url = 'http://127.0.0.1:7475/metrics';
  await until('a metric says so too', async () => {
    const text = await run('curl', ['-sf', url], { netns: node.netns });
    return text.includes(`${metric}\n`) && text.includes('leasehold_member 0\n');
  });
  await lab.install();
  await joined(agent, node);
  assert.equal(await health(node, 'ready'), 0);
  await endsInOrder(agent);
}

async function missingNode(lab: Lab, node: Node): Promise<void> {
  const agent = await lab.agent({ ...node, name: 'n7' });
  await said(
    agent,
    /^Cannot read node 'n7': .*does not exist; the value of --node-name must be that of a Node\. Trying again$/,
  );
  const n7: KubeObject = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n7' } };
  await lab.apply(n7);
  await joined(agent, node);
  await endsInOrder(agent);
  await lab.controlPlane.api.delete(n7);
}

async function missingLink(lab: Lab, node: Node): Promise<void> {
  const agent = await member(lab, node, '--link-include', 'later\\d');
  await said(agent, /^No link matches --link-include now: no VIP is announced until one does$/);
  await ip(node.netns, [
    'link add later1 link data0 type macvlan mode bridge',
    'link set later1 up',
  ]);
  const addresses = ['192.0.2.120-192.0.2.130'];
  await lab.apply({ ...ours('IPAddressPool'), spec: { addresses } });
  await lab.apply({ ...ours('L2Advertisement'), spec: {} });
  const controller = await lab.controller();
  await lab.service({ name: 'web', backends: lab.backends });
  const vip = await lab.vip('web');
  const mac = await run('cat', ['/sys/class/net/later1/address'], { netns: node.netns });
  const { netns, link } = lab.client('c1');
  const ask = ['-c', '1', '-w', '1', '-f', '-I', link, vip];
  const answer = await until('it is answered there', () => run('arping', ask, { netns }));
  assert.match(answer.toLowerCase(), new RegExp(`\\[${mac.trim()}\\]`));
  await endsInOrder(agent);
  await endsInOrder(controller);
  await ip(node.netns, ['link del later1']);
}

async function portInUse(lab: Lab, node: Node): Promise<void> {
  const first = await member(lab, node);
  const n8: KubeObject = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n8' } };
  await lab.apply(n8);
  const second = await lab.agent({ ...node, name: 'n8' });
  assert.deepEqual(await second.process.exited, { code: 1, signal: null });
  assert.match(
    second.process.output(),
    /^leasehold: cannot serve metrics on 127\.0\.0\.1 port 7475 \(.*EADDRINUSE.*\); free it, or choose another with --metrics-address and --metrics-port$/m,
  );
  await lab.controlPlane.api.delete(n8);
  await endsInOrder(first);
}

async function missingServer(lab: Lab, node: Node): Promise<void> {
  await lab.controlPlane.stopPart('kube-apiserver', 'SIGKILL');
  const agent = await lab.agent(node);
  await said(agent, /^Cannot read node 'n1': .*ECONNREFUSED.*Trying again$/);
  assert.equal(await health(node, 'live'), 0);
  assert.equal(await health(node, 'ready'), 1);
  lab.controlPlane.startPart('kube-apiserver');
  await joined(agent, node);
  assert.equal(await health(node, 'ready'), 0);
  await endsInOrder(agent);
}

async function member(lab: Lab, node: Node, ...flags: readonly string[]): Promise<Daemon> {
  const agent = await lab.agent(node, ...flags);
  await joined(agent, node);
  return agent;
}

async function joined(agent: Daemon, node: Node): Promise<void> {
  const isReady = async () => (await health(node, 'ready')) === 0;
  try {
    await until('the agent is ready', isReady, { timeout: 40_000 });
  } catch (cause) {
    throw new Error(`${agent.name} is not ready; its log:\n${agent.process.output()}`, { cause });
  }
}

/** Exit code of `leasehold health` on the node. */
async function health(node: Node, probe: 'live' | 'ready'): Promise<number> {
  const args = ['-c', '"$0" health --probe "$1" >/dev/null; echo $?', program, probe];
  return Number(await run('sh', args, { netns: node.netns }));
}

async function said(agent: Daemon, sentence: RegExp): Promise<void> {
  await agent.logged(String(sentence), ({ msg }) => sentence.test(String(msg)), 20_000);
}

async function endsInOrder(daemon: Daemon): Promise<void> {
  const begun = performance.now();
  daemon.signal('SIGTERM', 'process');
  assert.deepEqual(await daemon.process.exited, { code: 0, signal: null });
  const seconds = (performance.now() - begun) / 1000;
  assert.ok(seconds < 5, `it took ${seconds.toFixed(1)} s to end`);
}

function ours(kind: string): KubeObject {
  const metadata = { name: 'lab', namespace: 'leasehold-system' };
  return { apiVersion: 'leasehold.dev/v1alpha1', kind, metadata };
}
