import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startJudge } from '../lab/judge.ts';
import type { Lab } from '../lab/lab.ts';
import { startProbe } from '../lab/probe.ts';
import { labRefusal } from '../lab/refusal.ts';
import { type RunningLab, startRunningLab } from '../lab/running-lab.ts';
import { until } from '../lab/until.ts';

const refusal = labRefusal();
const SERVICES = 300;
/** Every host of the lab has an address in 198.18.0.0/16; the pool is clear of them. */
const POOL = '198.18.8.0-198.18.9.255';
const BYSTANDER = { mac: '02:00:00:00:0b:01', ipv4: '198.18.0.199' };
/** Enough for one question to each VIP in 600 ms, without straining two processors. */
const PACE_MS = 2;

test('300 Services over three nodes', { skip: refusal ?? false }, async (t) => {
  // The Services first: three agents, kube-proxies and an API server that all digest 300 new ones at the
  // same time measure the machine, and an agent that is starved gives up its VIPs, as it should.
  await using running = await startRunningLab({ pool: POOL, beforeAgents: createServices });
  const judge = await startJudge(running.lab.segment);
  let before: ReadonlyMap<string, string> = new Map();
  await t.test('no node owns more than ceil(1.1 * 300 / 3)', async () => {
    before = await ownersOf(running, SERVICES);
    const loads = running.lab.nodes.map(({ name }) => countOf(before, name));
    t.diagnostic(`VIPs by node: ${loads.join(', ')}`);
    const cap = Math.ceil((1.1 * SERVICES) / loads.length);
    for (const load of loads) assert.ok(load <= cap, `${load} VIPs on one node, over ${cap}`);
  });
  await t.test('every VIP is answered by its owner and nobody else', () =>
    answeredByOwners(running, before),
  );
  await t.test("a node's death moves its own VIPs and no other", async () => {
    const [victim] = running.lab.nodes;
    assert.ok(victim !== undefined);
    running.agent(victim).signal('SIGKILL', 'tree');
    const after = await until('all VIPs are claimed by others', async () => {
      const owners = await ownersOf(running, 0);
      const claimed = [...owners.values()].filter((owner) => owner !== victim.name);
      return claimed.length === SERVICES ? owners : undefined;
    });
    const moved = [...after].filter(([vip, owner]) => before.get(vip) !== owner);
    assert.equal(moved.length, countOf(before, victim.name));
    for (const [vip] of moved) assert.equal(before.get(vip), victim.name, `${vip} moved`);
    const cap = Math.ceil((1.1 * SERVICES) / 2);
    for (const { name } of running.lab.nodes) assert.ok(countOf(after, name) <= cap);
    await answeredByOwners(running, after);
  });
  await t.test('no request was answered twice at any time', async () => {
    const { health, vips } = await judge.finish();
    assert.deepEqual(health?.complaints, []);
    const doubled = [...vips.values()].filter((record) => record.doubled.length > 0);
    assert.deepEqual(
      doubled.map(({ vip }) => vip),
      [],
    );
  });
});

interface ServiceList {
  readonly items: readonly {
    readonly status: { readonly loadBalancer: { readonly ingress?: readonly unknown[] } };
  }[];
}

/** In one list: 300 requests one by one would take most of the test's time. */
async function createServices(lab: Lab): Promise<void> {
  const items = Array.from({ length: SERVICES }, (_, index) => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: `s${index}` },
    spec: { type: 'LoadBalancer', ports: [{ port: 80 }], allocateLoadBalancerNodePorts: false },
  }));
  const list = { apiVersion: 'v1', kind: 'List', items };
  await lab.controlPlane.kubectl(['create', '-f', '-'], JSON.stringify(list));
  const path = '/api/v1/namespaces/default/services';
  await until(
    'every Service has its address',
    async () => {
      const { items } = (await lab.controlPlane.api.request('GET', path)) as ServiceList;
      const addressed = items.filter(({ status }) => status.loadBalancer.ingress !== undefined);
      return addressed.length === SERVICES;
    },
    { timeout: 60_000, every: 500 },
  );
}

/** Who claims each VIP, once at least `count` are claimed. Throws if two claim the same. */
async function ownersOf(running: RunningLab, count: number): Promise<ReadonlyMap<string, string>> {
  return until(
    `${count} VIPs are claimed`,
    async () => {
      const owners = new Map<string, string>();
      for (const [node, vips] of await running.claims()) {
        for (const vip of vips) {
          if (owners.has(vip)) throw new Error(`${vip}: ${node} and ${owners.get(vip)} claim it`);
          owners.set(vip, node);
        }
      }
      return owners.size >= count ? owners : undefined;
    },
    { timeout: 30_000, every: 250 },
  );
}

async function answeredByOwners(
  { lab }: RunningLab,
  owners: ReadonlyMap<string, string>,
): Promise<void> {
  // A claim is followed by a barrier before its VIP is answered.
  await sleep(1000);
  const probe = await startProbe({
    from: lab.client('c1'),
    kind: 'arp',
    target: [...owners.keys()],
    sender: BYSTANDER,
    intervalMs: PACE_MS,
  });
  await sleep(2 * PACE_MS * owners.size + 500);
  const { targets } = await probe.stop();
  for (const [vip, owner] of owners) {
    const summary = targets[vip];
    assert.ok(summary !== undefined && summary.sent > 0, `${vip} was not asked`);
    assert.equal(summary.lost, 0, `${vip} did not answer ${summary.lost} of ${summary.sent}`);
    assert.deepEqual(Object.keys(summary.answersBy), [lab.node(owner).mac], vip);
  }
}

function countOf(owners: ReadonlyMap<string, string>, node: string): number {
  return [...owners.values()].filter((owner) => owner === node).length;
}
