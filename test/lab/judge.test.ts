import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { answersFrom, complaintsOf, startJudge } from './judge.ts';
import { startProbe } from './probe.ts';
import {
  type SmallHost,
  type SmallSegment,
  smallSegment,
  whyNoNamespaces,
} from './small-segment.ts';
import { ownerTimeline } from './tables.ts';

const VIP = '192.0.2.100';
const VIP6 = '2001:db8:1::100';
/** `RUN_MS=10000 node --test test/lab/judge.test.ts` for the long record. */
const RUN_MS = Number(process.env['RUN_MS'] ?? 2000);

async function segmentFor(t: { after(fn: () => Promise<void>): void }): Promise<SmallSegment> {
  const segment = await smallSegment(['n1', 'n2', 'c1']);
  t.after(() => segment.close());
  return segment;
}

async function take(host: SmallHost): Promise<void> {
  await host.ip('addr', 'add', `${VIP}/32`, 'dev', 'data0');
  await host.ip('addr', 'add', `${VIP6}/128`, 'dev', 'data0', 'nodad');
}

async function drop(host: SmallHost): Promise<void> {
  await host.ip('addr', 'del', `${VIP}/32`, 'dev', 'data0');
  await host.ip('addr', 'del', `${VIP6}/128`, 'dev', 'data0');
}

/** Asks for both addresses at 100 requests a second each while `story` goes on. */
async function judged(segment: SmallSegment, story: () => Promise<void>) {
  const judge = await startJudge({ ...segment, vips: [VIP, VIP6] });
  const client = segment.host('c1');
  const arp = await startProbe({ from: client, kind: 'arp', target: VIP, graceMs: 100 });
  const ndp = await startProbe({ from: client, kind: 'ndp', target: VIP6, graceMs: 100 });
  await story();
  const probes = [await arp.stop(), await ndp.stop()];
  return { report: await judge.finish(), probes };
}

test('a judge gives the kernel of a node a perfect record', async (t) => {
  const reason = whyNoNamespaces();
  if (reason !== undefined) return t.skip(reason);
  const segment = await segmentFor(t);
  await take(segment.host('n1'));
  const { report, probes } = await judged(segment, () => sleep(RUN_MS));
  assert.deepEqual(complaintsOf(report), []);
  for (const probe of probes) {
    assert.equal(probe.lost, 0, JSON.stringify(probe.targets));
    assert.deepEqual(probe.answersBy, { [segment.host('n1').mac]: probe.sent });
  }
  for (const record of report.vips.values()) {
    assert.ok(record.questions >= RUN_MS / 10 - 50, `${record.vip}: ${record.questions} requests`);
    assert.ok((record.longest?.ms ?? 0) < 50, JSON.stringify(record.longest));
    assert.deepEqual(
      record.owners.map(({ host }) => host),
      ['n1'],
    );
  }
});

test('a judge counts every request that two nodes answer', async (t) => {
  const reason = whyNoNamespaces();
  if (reason !== undefined) return t.skip(reason);
  const segment = await segmentFor(t);
  await take(segment.host('n1'));
  await take(segment.host('n2'));
  const { report } = await judged(segment, () => sleep(500));
  assert.equal(report.health?.complete, true);
  for (const record of report.vips.values()) {
    assert.ok(record.questions > 30);
    // The last ones, just before the end, are in `asked` but no longer judged as answered or not.
    assert.equal(record.doubled.length, record.asked.length, record.vip);
    assert.equal(record.strays.length, 0);
  }
});

test('a judge measures the stretch while an address moves, and names both owners', async (t) => {
  const reason = whyNoNamespaces();
  if (reason !== undefined) return t.skip(reason);
  const segment = await segmentFor(t);
  const [n1, n2] = [segment.host('n1'), segment.host('n2')];
  await take(n1);
  let taken = 0;
  const { report } = await judged(segment, async () => {
    await sleep(300);
    await drop(n1);
    await sleep(500);
    await take(n2);
    taken = Date.now();
    await sleep(300);
  });
  assert.equal(report.health?.complete, true);
  for (const { vip, owners, longest, doubled, unanswered, stretches } of report.vips.values()) {
    assert.deepEqual(
      owners.map(({ host }) => host),
      ['n1', 'n2'],
      vip,
    );
    assert.equal(doubled.length, 0);
    assert.ok(longest !== undefined && longest.ms > 480 && longest.ms < 800, `${longest?.ms} ms`);
    assert.equal(longest.questions, unanswered + 1, 'the question that ended it was answered');
    assert.deepEqual(stretches, [longest]);
    assert.ok(unanswered >= 40 && unanswered < 80, `${unanswered} requests`);
  }
  assert.deepEqual(answersFrom(report, 'n1', taken), []);
  assert.notEqual(answersFrom(report, 'n2', taken).length, 0);
  assert.match(
    ownerTimeline(report).join('\n'),
    /192\.0\.2\.100 at n1 .*\n(.*\n)*.*unanswered for/,
  );
});

test('a judge recognises the forms of gratuitous ARP that arping sends', async (t) => {
  const reason = whyNoNamespaces();
  if (reason !== undefined) return t.skip(reason);
  const segment = await segmentFor(t);
  await take(segment.host('n1'));
  const judge = await startJudge({ ...segment, vips: [VIP] });
  const arping = (...options: string[]) =>
    segment.host('n1').run('arping', ...options, '-c', '1', '-w', '1', '-I', 'data0', VIP);
  await arping('-U', '-s', VIP);
  await arping('-A', '-s', VIP);
  const report = await judge.finish();
  const announcements = report.vips.get(VIP)?.announcements ?? [];
  assert.deepEqual(
    announcements.map(({ form, host, mac }) => [form, host, mac]),
    [
      ['garp-request', 'n1', segment.host('n1').mac],
      ['garp-reply', 'n1', segment.host('n1').mac],
    ],
  );
});
