import assert from 'node:assert/strict';
import { test } from 'node:test';
import { complaintsOf, startJudge } from '../lab/judge.ts';
import { startProbe } from '../lab/probe.ts';
import { labRefusal } from '../lab/refusal.ts';
import { run } from '../lab/run.ts';
import { startRunningLab } from '../lab/running-lab.ts';
import { udpPort } from '../lab/service.ts';
import { until } from '../lab/until.ts';
import { answererOf } from './answerer.ts';

const refusal = labRefusal();
/** A bystander's address, so that the answers do not refresh the client's own cache. */
const BYSTANDER = { mac: '02:00:00:00:0b:01', ipv4: '192.0.2.199' };

test('a second agent on a node waits and takes over', { skip: refusal ?? false }, async (t) => {
  await using running = await startRunningLab({ nodes: 2, protection: 'with witness' });
  const { lab } = running;
  await lab.service({ name: 'web', backends: lab.backends });
  const vip = await lab.vip('web');
  await running.answered(vip);
  const node = await until('it has an owner', () => running.claimant(vip));
  const first = running.agent(node);
  const judge = await startJudge({ ...lab.segment, vips: [vip] });
  const arp = await startProbe({
    from: lab.client('c1'),
    kind: 'arp',
    target: vip,
    sender: BYSTANDER,
  });
  const udp = await startProbe({
    from: lab.client('c1'),
    kind: 'udp',
    target: vip,
    port: udpPort,
  });

  const second = await running.startBeside(node);
  await t.test('it says that it waits, gets ready, and counts as ready', async () => {
    const told = 'another agent runs on this node: waiting until it has ended';
    await second.logged(told, ({ msg }) => msg === told);
    await until('its wire is open', () => second.wires().length === 1);
    const ready = ['-sf', '-m', '2', 'http://127.0.0.1:7475/readyz'];
    assert.equal(await run('curl', ready, { netns: node.netns }), 'ok\n');
    assert.equal(await answererOf(lab, vip), node.name);
  });
  await t.test('when the first ends, it joins under the next incarnation and answers', async () => {
    const before = await running.metric(node, 'leasehold_incarnation');
    first.signal('SIGTERM', 'process');
    assert.deepEqual(await first.process.exited, { code: 0, signal: null });
    await until('the second is a member', async () => {
      return (await running.metric(node, 'leasehold_member')) === 1;
    });
    await running.answered(vip);
    assert.equal(second.process.exit, undefined);
    const incarnation = await running.metric(node, 'leasehold_incarnation');
    assert.ok(incarnation > before, `incarnation ${incarnation} after ${before}`);
  });
  await t.test('one answerer all along, and never two answers', async () => {
    const summaries = await Promise.all([arp.stop(), udp.stop()]);
    const report = await judge.finish();
    assert.deepEqual(report.health?.complaints, []);
    const record = report.vips.get(vip);
    assert.deepEqual(record?.doubled, []);
    assert.deepEqual([...new Set(record?.owners.map(({ host }) => host))], [node.name]);
    for (const { kind, extra } of summaries) assert.deepEqual({ kind, extra }, { kind, extra: 0 });
    assert.equal(summaries[1]?.lost, 0);
    t.diagnostic(`unanswered for ${record?.longest?.ms.toFixed(0)} ms`);
    t.diagnostic(complaintsOf(report).join('; '));
    const handedOver = 'handed over to the agent that waits on this node';
    assert.ok(first.logLines().some(({ msg }) => msg === handedOver));
    assert.ok((record?.longest?.ms ?? 0) < 3000);
  });
});
