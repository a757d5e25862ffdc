import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { installNamespace } from '../lab/agents.ts';
import { startJudge } from '../lab/judge.ts';
import { startProbe } from '../lab/probe.ts';
import { labRefusal } from '../lab/refusal.ts';
import { type RunningLab, startRunningLab } from '../lab/running-lab.ts';
import { SegmentFaults } from '../lab/segment-faults.ts';
import { until } from '../lab/until.ts';

const AWAY_MS = 10_000;
/** Far more than takerPatience, three probes, and the cold start of a node that joins. */
const JOINED_MS = 12_000;
/** A bystander's address, so that the answers do not refresh the client's own cache. */
const BYSTANDER = { mac: '02:00:00:00:0b:01', ipv4: '192.0.2.199' };

test('a node alone, and another that joins it', { skip: labRefusal() ?? false }, async (t) => {
  await using running = await startRunningLab({ nodes: 2, protection: 'with witness' });
  const { lab } = running;
  const [n1, n2] = [lab.node('n1'), lab.node('n2')];
  running.agent(n2).signal('SIGTERM', 'tree');
  await lab.service({ name: 'web', backends: lab.backends });
  const vip = await lab.vip('web');
  await until('n1 says that it may hold', () => mayHold(running));
  await running.answered(vip);
  await t.test('G3: while the API server is away it is answered all along', async () => {
    await answeredAllAlong(running, vip, async () => {
      await lab.faults.cutApiOfAll('both');
      await sleep(AWAY_MS);
      await lab.faults.healApiOfAll();
      await sleep(3000);
    });
  });
  await t.test('4.4.3: who joins it unheard, while it is cut off, takes nothing over', async () => {
    await answeredAllAlong(running, vip, async () => {
      const segment = new SegmentFaults(lab);
      await segment.dropWitness();
      await lab.faults.cutApi(n1, 'both');
      await sleep(4000);
      await running.startAgent(n2);
      const found = async () => (await running.metric(n2, 'leasehold_silent_holders')) === 1;
      await until('n2 has found who answers', found, { timeout: 30_000 });
      await sleep(JOINED_MS);
      await lab.faults.healApi(n1);
      await sleep(3000);
      await segment.forward();
    });
    assert.equal((await running.claimant(vip))?.name, 'n1');
  });
});

/** No request is unanswered, none is answered by two, and the owner is the same from first to last. */
async function answeredAllAlong({ lab }: RunningLab, vip: string, body: () => Promise<void>) {
  const from = lab.client('c1');
  const judge = await startJudge({ ...lab.segment, vips: [vip] });
  const probe = await startProbe({ from, kind: 'arp', target: [vip], sender: BYSTANDER });
  await body();
  const { lost, extra } = await probe.stop();
  const record = (await judge.finish()).vips.get(vip);
  const facts = {
    lost,
    extra,
    unanswered: record?.unanswered,
    doubled: record?.doubled.length,
    owners: record?.owners.length,
  };
  const perfect = { lost: 0, extra: 0, unanswered: 0, doubled: 0, owners: 1 };
  assert.deepEqual(facts, perfect, JSON.stringify(record?.stretches));
}

async function mayHold({ lab }: RunningLab): Promise<boolean> {
  const path = `/apis/coordination.k8s.io/v1/namespaces/${installNamespace}/leases/claims.n1`;
  const lease = (await lab.controlPlane.api.request('GET', path)) as {
    readonly metadata: { readonly annotations: Readonly<Record<string, string>> };
  };
  return lease.metadata.annotations['leasehold.dev/may-hold'] === 'true';
}
