import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { installNamespace } from '../lab/agents.ts';
import type { KubeObject } from '../lab/api.ts';
import { startJudge } from '../lab/judge.ts';
import { labRefusal } from '../lab/refusal.ts';
import { type RunningLab, startRunningLab } from '../lab/running-lab.ts';
import { until } from '../lab/until.ts';
import { answeredBy, answeredByNobody, answererOf } from './answerer.ts';

const refusal = labRefusal();
const EXCLUDE = 'node.kubernetes.io/exclude-from-external-load-balancers';

test('what the cluster asks for is what is answered', { skip: refusal ?? false }, async (t) => {
  await using running = await startRunningLab();
  const { lab } = running;
  const judge = await startJudge(lab.segment);
  await lab.service({ name: 'web', backends: lab.backends });
  const vip = await lab.vip('web');
  await running.answered(vip);

  await t.test('an address in no pool is not announced, which log and metric say', () =>
    outsidePool(running),
  );
  await t.test('spec.externalIPs are never announced', () => externalIps(running));
  await t.test('an address of a node is never announced, pool or not', () => nodeAddress(running));
  await t.test('without --load-balancer-class, Services of a class are left alone', () =>
    foreignClass(running),
  );
  await t.test('nodeSelectors: the VIP follows the label', () => nodeSelectors(running, vip));
  await t.test('interfaces: of a link that no node has, nobody; then of one that all have', () =>
    interfaces(running, vip),
  );
  await t.test(`${EXCLUDE} moves the VIP off its node`, () => excluded(running, vip));
  await t.test('externalTrafficPolicy Local: only a node with a ready endpoint answers', () =>
    localPolicy(running),
  );
  await t.test('a deleted Service is answered for no longer than 1 s', () => deleted(running));
  await t.test('malformed pools, leases and annotations never stop the others', () =>
    malformed(running, vip),
  );
  await t.test('in all of this no request was answered twice', async () => {
    const { vips, health } = await judge.finish();
    assert.deepEqual(health?.complaints, []);
    const doubled = [...vips.values()].filter((record) => record.doubled.length > 0);
    assert.deepEqual(
      doubled.map((record) => record.vip),
      [],
    );
  });
});

async function outsidePool(running: RunningLab): Promise<void> {
  const { lab } = running;
  const ip = '192.0.2.198';
  await withAddress(running, { name: 'outside' }, ip);
  const told = `${ip} is not announced: no pool contains it`;
  for (const node of lab.nodes) {
    await running.agent(node).logged(told, ({ msg }) => msg === told);
    await until('the metric counts it', async () => {
      return (await running.metric(node, 'leasehold_vips_refused')) === 1;
    });
  }
  assert.equal(await answererOf(lab, ip), undefined);
  await remove(running, 'outside');
}

async function externalIps(running: RunningLab): Promise<void> {
  const { lab } = running;
  const ip = '192.0.2.179';
  await lab.apply({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'external', namespace: 'default' },
    spec: { type: 'LoadBalancer', externalIPs: [ip], ports: [{ port: 80 }] },
  });
  const own = await lab.vip('external');
  assert.notEqual(own, ip);
  await running.answered(own);
  assert.equal(await answererOf(lab, ip), undefined);
  assert.equal(await running.claimant(ip), undefined);
  await remove(running, 'external');
}

async function nodeAddress(running: RunningLab): Promise<void> {
  const { lab } = running;
  const [node] = lab.nodes;
  assert.ok(node !== undefined);
  await pool(running, 'nodes', [`${node.ipv4}/32`]);
  await withAddress(running, { name: 'usurper' }, node.ipv4);
  const told = `${node.ipv4} is not announced: it is an address of node ${node.name}`;
  for (const each of lab.nodes) {
    await running.agent(each).logged(told, ({ msg }) => msg === told);
  }
  assert.equal(await running.claimant(node.ipv4), undefined);
  assert.equal(await answererOf(lab, node.ipv4), node.name, 'the node itself still answers');
  await remove(running, 'usurper');
  await lab.controlPlane.api.delete(ours('IPAddressPool', 'nodes'));
}

async function foreignClass(running: RunningLab): Promise<void> {
  const ip = '192.0.2.178';
  await withAddress(running, { name: 'foreign', loadBalancerClass: 'example.com/other' }, ip);
  await sleep(1000);
  assert.equal(await running.claimant(ip), undefined);
  assert.equal(await answererOf(running.lab, ip), undefined);
  await remove(running, 'foreign');
}

async function nodeSelectors(running: RunningLab, vip: string): Promise<void> {
  const { lab } = running;
  await label(running, 'n2', { rack: 'a' });
  await advertise(running, { nodeSelectors: [{ matchLabels: { rack: 'a' } }] });
  await answeredBy(lab, vip, 'n2');
  await label(running, 'n3', { rack: 'a' });
  await label(running, 'n2', { rack: null });
  await answeredBy(lab, vip, 'n3');
  assert.equal((await running.claimant(vip))?.name, 'n3');
  await advertise(running, {});
  await label(running, 'n3', { rack: null });
}

async function interfaces(running: RunningLab, vip: string): Promise<void> {
  await advertise(running, { interfaces: ['nosuch0'] });
  await answeredByNobody(running.lab, vip);
  assert.equal(await running.claimant(vip), undefined);
  await advertise(running, { interfaces: ['nosuch0', 'data0'] });
  await running.answered(vip);
  await advertise(running, {});
}

async function excluded(running: RunningLab, vip: string): Promise<void> {
  const owner = await until('there is an owner', () => running.claimant(vip));
  await label(running, owner.name, { [EXCLUDE]: '' });
  await until('another node answers', async () => {
    const answerer = await answererOf(running.lab, vip);
    return answerer !== undefined && answerer !== owner.name;
  });
  assert.notEqual((await running.claimant(vip))?.name, owner.name);
  await label(running, owner.name, { [EXCLUDE]: null });
}

async function localPolicy(running: RunningLab): Promise<void> {
  const { lab } = running;
  const [b1, b2] = [lab.backend('b1'), lab.backend('b2')];
  const spec = { name: 'local', externalTrafficPolicy: 'Local' as const, backends: [b1, b2] };
  await lab.service({ ...spec, notReady: ['b1'] });
  const vip = await lab.vip('local');
  await answeredBy(lab, vip, 'n2');
  await lab.service({ ...spec, notReady: ['b2'] });
  await answeredBy(lab, vip, 'n1');
  await lab.service({ ...spec, notReady: ['b1', 'b2'] });
  await answeredByNobody(lab, vip);
  await lab.service(spec);
  await until('one of both answers', async () =>
    ['n1', 'n2'].includes((await answererOf(lab, vip)) ?? ''),
  );
  await remove(running, 'local');
}

async function deleted(running: RunningLab): Promise<void> {
  const { lab } = running;
  await lab.service({ name: 'brief', backends: lab.backends });
  const vip = await lab.vip('brief');
  await running.answered(vip);
  await remove(running, 'brief');
  await sleep(1000);
  assert.equal(await answererOf(lab, vip), undefined);
  await until('the claim is gone too', async () => (await running.claimant(vip)) === undefined);
}

async function malformed(running: RunningLab, vip: string): Promise<void> {
  const { lab } = running;
  // The CRD cannot compare the ends of a range; the agent and the controller do.
  await pool(running, 'backwards', ['192.0.2.190-192.0.2.185']);
  await lab.apply(garbageLease('claims.nowhere', 'claims'));
  await lab.apply(garbageLease('hb.nowhere', 'heartbeat'));
  await lab.apply(garbageLease('whatever', 'claims'));
  const annotations = { 'leasehold.dev/allow-shared-ip': '{"\n\t]' };
  await lab.service({ name: 'odd', annotations, backends: lab.backends });
  await lab.service({ name: 'fine', backends: lab.backends });
  await running.answered(await lab.vip('odd'));
  await running.answered(await lab.vip('fine'));
  await running.answered(vip);
  for (const daemon of [...lab.nodes.map((node) => running.agent(node)), running.controller]) {
    await daemon.logged('the pool is set aside', ({ msg, object }) => {
      return object === `${installNamespace}/backwards` && /^set aside/.test(String(msg));
    });
  }
  for (const name of ['claims.nowhere', 'hb.nowhere', 'whatever']) {
    await lab.controlPlane.api.delete(garbageLease(name, 'claims'));
  }
  await lab.controlPlane.api.delete(ours('IPAddressPool', 'backwards'));
}

/** A Service whose status somebody else has written: the controller leaves any address as it is. */
async function withAddress(
  { lab }: RunningLab,
  service: { readonly name: string; readonly loadBalancerClass?: string },
  ip: string,
): Promise<void> {
  await lab.service({ ...service, backends: lab.backends });
  if (service.loadBalancerClass === undefined) await lab.vip(service.name);
  const path = `/api/v1/namespaces/default/services/${service.name}/status`;
  const status = { loadBalancer: { ingress: [{ ip }] } };
  await lab.controlPlane.api.request('PATCH', path, { status }, MERGE);
}

const MERGE = 'application/merge-patch+json';

async function remove({ lab }: RunningLab, name: string): Promise<void> {
  const metadata = { name, namespace: 'default' };
  await lab.controlPlane.api.delete({ apiVersion: 'v1', kind: 'Service', metadata });
}

async function label(
  { lab }: RunningLab,
  node: string,
  labels: Readonly<Record<string, string | null>>,
): Promise<void> {
  const path = `/api/v1/nodes/${node}`;
  await lab.controlPlane.api.request('PATCH', path, { metadata: { labels } }, MERGE);
}

async function advertise({ lab }: RunningLab, spec: Readonly<Record<string, unknown>>) {
  await lab.apply({ ...ours('L2Advertisement', 'lab'), spec });
}

async function pool({ lab }: RunningLab, name: string, addresses: readonly string[]) {
  await lab.apply({ ...ours('IPAddressPool', name), spec: { addresses } });
}

function ours(kind: string, name: string): KubeObject {
  const metadata = { name, namespace: installNamespace };
  return { apiVersion: 'leasehold.dev/v1alpha1', kind, metadata };
}

function garbageLease(name: string, kind: string): KubeObject {
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: {
      name,
      namespace: installNamespace,
      labels: { 'leasehold.dev/lease': kind },
      annotations: { 'leasehold.dev/claims': '{{{', 'leasehold.dev/write': '-1' },
    },
    spec: { holderIdentity: 'not/a/holder/at all' },
  };
}
