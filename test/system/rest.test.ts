import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Condition } from '../../src/kube/lease-encode.ts';
import { installNamespace } from '../lab/agents.ts';
import { complaintsOf, startJudge } from '../lab/judge.ts';
import { startProbe } from '../lab/probe.ts';
import { labRefusal } from '../lab/refusal.ts';
import { run } from '../lab/run.ts';
import { type RunningLab, startRunningLab } from '../lab/running-lab.ts';
import { httpPort, udpPort } from '../lab/service.ts';
import { until } from '../lab/until.ts';

const refusal = labRefusal();
const names = ['s1', 's2', 's3', 's4', 's5', 's6'];
const WATCH_MS = 10_000;
/** A bystander's address, so that the answers do not refresh the client's own cache. */
const BYSTANDER = { mac: '02:00:00:00:0b:01', ipv4: '192.0.2.199' };

test('three nodes at rest, six Services, no fault', { skip: refusal ?? false }, async (t) => {
  await using running = await startRunningLab({ protection: 'with witness' });
  const { lab } = running;
  const vips: string[] = [];
  await t.test('each VIP is announced in both ARP forms when it is taken', async () => {
    const judge = await startJudge(lab.segment);
    for (const name of names) await lab.service({ name, backends: lab.backends });
    for (const name of names) vips.push(await lab.vip(name));
    for (const vip of vips) await running.answered(vip);
    await sleep(500);
    const report = await judge.finish();
    for (const vip of vips) {
      const forms = report.vips.get(vip)?.announcements.map(({ form }) => form);
      assert.deepEqual([...new Set(forms)].sort(), ['garp-reply', 'garp-request'], vip);
    }
  });
  await t.test("the taker's log says which VIP, for whom, to whom and why", async () => {
    for (const [index, vip] of vips.entries()) {
      const owner = await until(`${vip} is claimed`, () => running.claimant(vip));
      const line = await running.agent(owner).logged(`${vip} is taken`, (l) => l['vip'] === vip);
      const { to, reason, services, msg } = line;
      assert.equal(to, owner.name);
      // While Services appear one by one two nodes may claim one: the lower in rank releases.
      assert.match(String(reason), /^(first claim|n[123] released it)$/);
      assert.deepEqual(services, [`default/${names[index]}`]);
      assert.match(String(msg), new RegExp(`^${vip} goes (from n[123] )?to ${to}: ${reason}$`));
    }
  });
  await t.test(
    'for 10 s: a perfect record, no probe lost, one Lease write per node and second',
    () => perfectRecord(running, vips),
  );
  await t.test('every heartbeat tells by conditions that its agent is well', () =>
    everythingWell(running),
  );
  await t.test('metrics and health are served on loopback only', () => loopbackOnly(running));
});

async function perfectRecord(running: RunningLab, vips: readonly string[]): Promise<void> {
  const { lab } = running;
  const from = lab.client('c1');
  const [vip = ''] = vips;
  const judge = await startJudge({ ...lab.segment, vips });
  const probes = await Promise.all([
    startProbe({ from, kind: 'arp', target: vips, sender: BYSTANDER }),
    startProbe({ from, kind: 'udp', target: vip, port: udpPort }),
    startProbe({ from, kind: 'http', target: vip, port: httpPort }),
  ]);
  const writes = await leaseWrites(running, WATCH_MS);
  const summaries = await Promise.all(probes.map((probe) => probe.stop()));
  const report = await judge.finish();
  assert.deepEqual(complaintsOf(report), []);
  for (const { kind, lost, sent, extra } of summaries) {
    assert.ok(sent >= (kind === 'http' ? 80 : 800), `${kind}: only ${sent} were sent`);
    assert.deepEqual({ kind, lost, extra }, { kind, lost: 0, extra: 0 });
  }
  for (const node of lab.nodes) {
    const beats = writes.get(`hb.${node.name}`) ?? 0;
    assert.ok(beats >= 8 && beats <= 12, `${node.name} wrote ${beats} heartbeats in 10 s`);
    assert.equal(writes.get(`claims.${node.name}`) ?? 0, 0, 'claims are written on change only');
  }
}

/** How many revisions of each Lease appear in `ms`; looks ten times as often as one is due. */
async function leaseWrites({ lab }: RunningLab, ms: number): Promise<ReadonlyMap<string, number>> {
  const path = `/apis/coordination.k8s.io/v1/namespaces/${installNamespace}/leases`;
  const seen = new Map<string, Set<string>>();
  for (const end = performance.now() + ms; performance.now() < end; await sleep(100)) {
    const list = (await lab.controlPlane.api.request('GET', path)) as LeaseList;
    for (const { metadata } of list.items) {
      const revisions = seen.get(metadata.name) ?? new Set();
      seen.set(metadata.name, revisions.add(metadata.resourceVersion));
    }
  }
  return new Map([...seen].map(([name, revisions]) => [name, revisions.size - 1]));
}

interface Metadata {
  readonly name: string;
  readonly resourceVersion: string;
  readonly annotations: Readonly<Record<string, string>>;
}

interface LeaseList {
  readonly items: readonly { readonly metadata: Metadata }[];
}

async function everythingWell({ lab }: RunningLab): Promise<void> {
  for (const { name } of lab.nodes) {
    const path = `/apis/coordination.k8s.io/v1/namespaces/${installNamespace}/leases/hb.${name}`;
    const lease = (await lab.controlPlane.api.request('GET', path)) as { metadata: Metadata };
    const told = JSON.parse(lease.metadata.annotations['leasehold.dev/conditions'] ?? '[]');
    const words = (told as Condition[]).map(({ type, status, reason }) => [type, status, reason]);
    assert.deepEqual(words, [
      ['WitnessHealthy', 'True', 'PeersHeard'],
      ['Speaker', 'True', 'Member'],
      ['SegmentClear', 'True', 'NobodyElse'],
    ]);
  }
}

async function loopbackOnly({ lab }: RunningLab): Promise<void> {
  const node = lab.node('n1');
  const get = (host: string, path: string) =>
    run('curl', ['-s', '-m', '2', '-w', ' %{http_code}', `http://${host}:7475${path}`], {
      netns: node.netns,
    });
  assert.match(await get('127.0.0.1', '/metrics'), /^leasehold_member 1$/m);
  assert.equal(await get('127.0.0.1', '/healthz'), 'ok\n 200');
  assert.equal(await get('127.0.0.1', '/readyz'), 'ok\n 200');
  for (const host of [node.ipv4, node.managementIpv4]) {
    await assert.rejects(get(host, '/healthz'), /exit code 7/, 'nobody listens there');
  }
  const listeners = await run('ss', ['-Hlnt', 'sport = :7475'], { netns: node.netns });
  assert.match(listeners, /127\.0\.0\.1:7475/);
  assert.equal(listeners.trim().split('\n').length, 1);
}
