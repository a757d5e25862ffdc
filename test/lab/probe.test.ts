import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startProbe } from './probe.ts';
import { tallyOf } from './prober/tally.ts';
import { type SmallHost, smallSegment, whyNoNamespaces } from './small-segment.ts';

const SERVER = `
const name = process.argv[1];
const udp = require('node:dgram').createSocket('udp6');
udp.on('message', (m, from) => udp.send(name + ' ' + m, from.port, from.address));
udp.bind(8080, '::');
require('node:http').createServer((_, answer) => answer.end(name + ' n1\\n')).listen(8080, '::', () => console.log('up'));
`;

/** A stand-in for a backend of the lab: echoes datagrams behind its name, answers GET / with it. */
async function serve(host: SmallHost, name: string): Promise<{ stop(): void }> {
  const args = ['netns', 'exec', host.netns, process.execPath, '-e', SERVER, name];
  const child = spawn('ip', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  return { stop: () => child.kill('SIGKILL') };
}

async function segmentFor(t: { after(fn: () => Promise<void>): void }) {
  const segment = await smallSegment(['n1', 'c1']);
  t.after(() => segment.close());
  return { node: segment.host('n1'), from: segment.host('c1') };
}

test('a UDP probe counts what is lost, the longest gap and who answered', async (t) => {
  const reason = whyNoNamespaces();
  if (reason !== undefined) return t.skip(reason);
  const { node, from } = await segmentFor(t);
  const first = await serve(node, 'b1');
  const probe = await startProbe({ from, kind: 'udp', target: node.ipv4, graceMs: 200 });
  await sleep(300);
  first.stop();
  await sleep(400);
  const second = await serve(node, 'b2');
  await sleep(300);
  const summary = await probe.stop();
  second.stop();
  const target = summary.targets[node.ipv4];
  assert.deepEqual(
    target?.turns.map(({ by }) => by),
    ['b1', 'b2'],
  );
  assert.equal(summary.sent, summary.answered + summary.lost);
  assert.ok(summary.longestGapMs > 390 && summary.longestGapMs < 1000, `${summary.longestGapMs}`);
  assert.ok(summary.lost >= 35, `${summary.lost} lost`);
});

test('an HTTP probe makes a new connection each and names the backends', async (t) => {
  const reason = whyNoNamespaces();
  if (reason !== undefined) return t.skip(reason);
  const { node, from } = await segmentFor(t);
  const server = await serve(node, 'b1');
  const probe = await startProbe({
    from,
    kind: 'http',
    target: [node.ipv4, node.ipv6],
    intervalMs: 20,
    graceMs: 300,
  });
  await sleep(300);
  const summary = await probe.stop();
  server.stop();
  assert.equal(summary.lost, 0, JSON.stringify(summary.sendErrors));
  assert.deepEqual(summary.answersBy, { 'b1 n1': summary.sent });
  assert.deepEqual(Object.keys(summary.targets), [node.ipv4, node.ipv6]);
});

test('an HTTP probe counts refused connections under their error', async (t) => {
  const reason = whyNoNamespaces();
  if (reason !== undefined) return t.skip(reason);
  const { node, from } = await segmentFor(t);
  const options = { kind: 'http', target: node.ipv4, intervalMs: 50, graceMs: 100 } as const;
  const probe = await startProbe({ from, ...options });
  await sleep(100);
  const summary = await probe.stop();
  assert.deepEqual(summary.sendErrors, { ECONNREFUSED: summary.sent });
});

test('an ARP probe asks many addresses in turn, and tells answers as they come', async (t) => {
  const reason = whyNoNamespaces();
  if (reason !== undefined) return t.skip(reason);
  const { node, from } = await segmentFor(t);
  const target = Array.from({ length: 20 }, (_, index) => `192.0.2.${100 + index}`);
  for (const ip of target.slice(0, 10)) await node.ip('addr', 'add', `${ip}/32`, 'dev', 'data0');
  const heard = new Set<string>();
  const onAnswer = (answer: { target: string }) => void heard.add(answer.target);
  const sender = { mac: '02:00:00:00:00:fe', ipv4: '192.0.2.254' };
  const options = { kind: 'arp', target, intervalMs: 5, graceMs: 100, sender, onAnswer } as const;
  const probe = await startProbe({ from, ...options });
  await sleep(400);
  const summary = await probe.stop();
  assert.deepEqual([...heard].sort(), target.slice(0, 10));
  for (const [ip, { sent, answered }] of Object.entries(summary.targets)) {
    assert.equal(answered, heard.has(ip) ? sent : 0, ip);
  }
  assert.match(await from.run('ip', 'neigh', 'show'), /^((?!192\.0\.2\.1\d\d).)*$/s);
});

test('a probe that was stopped itself says so', async (t) => {
  const reason = whyNoNamespaces();
  if (reason !== undefined) return t.skip(reason);
  const { node, from } = await segmentFor(t);
  const probe = await startProbe({ from, kind: 'arp', target: node.ipv4, graceMs: 100 });
  await sleep(200);
  process.kill(probe.pid, 'SIGSTOP');
  await sleep(300);
  process.kill(probe.pid, 'SIGCONT');
  await sleep(200);
  const summary = await probe.stop();
  const longest = Math.max(...summary.ownStalls.map(({ ms }) => ms));
  assert.ok(longest >= 290 && longest < 500, `${longest} ms`);
  assert.ok(summary.skipped >= 20, `${summary.skipped} skipped`);
  assert.equal(summary.lost, 0);
});

test('startProbe() rejects with the reason if the link does not exist', async (t) => {
  const reason = whyNoNamespaces();
  if (reason !== undefined) return t.skip(reason);
  const { node, from } = await segmentFor(t);
  const elsewhere = { netns: from.netns, link: 'eth7' };
  await assert.rejects(
    startProbe({ from: elsewhere, kind: 'arp', target: node.ipv4 }),
    /arp probe in .*: .*eth7 has no IPv4 address/,
  );
});

test('tallyOf() measures the longest gap from answer to answer', () => {
  const tally = tallyOf('192.0.2.100');
  for (const id of [0, 1, 2, 3]) tally.sent(id, id * 10);
  tally.answered(0, 'b1', 1);
  tally.answered(3, 'b2', 31);
  const { longestGapMs, longestGap, lost, turns } = tally.summary();
  assert.deepEqual(
    { longestGapMs, longestGap, lost },
    {
      longestGapMs: 30,
      longestGap: { from: 1, to: 31 },
      lost: 2,
    },
  );
  assert.deepEqual(turns, [
    { by: 'b1', from: 1, to: 1, answers: 1 },
    { by: 'b2', from: 31, to: 31, answers: 1 },
  ]);
});

test('tallyOf() counts a second answer as extra, and one after 5 s too', () => {
  const tally = tallyOf('192.0.2.100');
  tally.sent(0, 0);
  assert.equal(tally.answered(undefined, 'm1', 1).roundTripMs, 1);
  assert.equal(tally.answered(undefined, 'm2', 2).roundTripMs, undefined);
  tally.sent(1, 10);
  tally.sent(2, 6000);
  tally.answered(1, 'm1', 6001);
  const { sent, answered, extra, lost, answersBy } = tally.summary();
  assert.deepEqual({ sent, answered, extra, lost }, { sent: 3, answered: 1, extra: 2, lost: 2 });
  assert.deepEqual(answersBy, { m1: 2, m2: 1 });
});

test('tallyOf() counts silence from the first question to the last', () => {
  const tally = tallyOf('192.0.2.100');
  tally.sent(0, 5);
  tally.sent(1, 15);
  assert.equal(tally.summary().longestGapMs, 10);
});
