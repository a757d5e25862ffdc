import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { health, NEIGHBOUR_FILTER, printPcap, startCapture } from './capture.ts';
import { parseCooked, pcapReader } from './pcap.ts';
import { plug, smallSegment, whyNoNamespaces } from './small-segment.ts';

/** `tcpdump -i any -y LINUX_SLL2 -w -` of tcpdump 4.99.3: the file header and one ARP request that came in. */
const GOLDEN = Buffer.from(
  '4d3cb2a1020004000000000000000000000100001401000' +
    '07dad016beb3b000f3000000030000000' +
    '0806000000000005000101060200000000030000' +
    '0001080006040001020000000003c000020d000000000000c0000264',
  'hex',
);

test('pcapReader() reads what tcpdump wrote, with nanoseconds', () => {
  const [record, ...others] = pcapReader()(GOLDEN);
  assert.ok(record);
  assert.deepEqual(others, []);
  assert.equal(record.cut, 0);
  assert.equal(record.at, 0x6b01ad7d * 1000 + 0x0f003beb / 1e6);
  assert.deepEqual(parseCooked(record.bytes), {
    etherType: 0x0806,
    ifindex: 5,
    delivery: 'broadcast',
    source: '02:00:00:00:00:03',
    payload: record.bytes.subarray(20),
  });
});

test('pcapReader() reads the same whatever the size of the chunks', () => {
  const twice = Buffer.concat([GOLDEN, GOLDEN.subarray(24)]);
  const whole = pcapReader()(twice);
  assert.equal(whole.length, 2);
  for (let size = 1; size < twice.length; size++) {
    const read = pcapReader();
    const records = [];
    for (let at = 0; at < twice.length; at += size) {
      records.push(...read(twice.subarray(at, at + size)));
    }
    assert.deepEqual(records, whole, `chunks of ${size}`);
  }
});

test('pcapReader() refuses what is no capture of ours', () => {
  assert.throws(() => pcapReader()(Buffer.alloc(24)), /no magic number/);
  const ethernet = Buffer.from(GOLDEN);
  ethernet.writeUInt32LE(1, 20);
  assert.throws(() => pcapReader()(ethernet), /link type 1;/);
});

test('parseCooked() refuses a header that is cut off', () => {
  assert.equal(parseCooked(new Uint8Array(19)), undefined);
});

const counts = (captured: number, received: number, dropped: number) =>
  `${captured} packets captured\n${received} packets received by filter\n${dropped} packets dropped by kernel\n`;

test('health() certifies a capture that read all there was', () => {
  assert.equal(health({ words: counts(7, 7, 0), drained: false, broken: [] }).complete, true);
  assert.equal(health({ words: counts(7, 9, 0), drained: true, broken: [] }).complete, true);
});

test('health() refuses to certify a capture that lost frames, and says how many', () => {
  const lossy = health({ words: counts(7, 9, 2), drained: true, broken: [] });
  assert.deepEqual(lossy.complaints, ['the kernel dropped 2 frames of the capture']);
  assert.equal(lossy.dropped, 2);
  const unread = health({ words: counts(7, 9, 0), drained: false, broken: [] });
  assert.deepEqual(unread.complaints, ['9 frames passed the filter, 7 were read']);
  assert.equal(health({ words: 'killed', drained: true, broken: [] }).complete, false);
});

test('a capture goes on through a port that goes down, vanishes and comes back', async (t) => {
  const reason = whyNoNamespaces();
  if (reason !== undefined) return t.skip(reason);
  const segment = await smallSegment(['n1', 'n2']);
  const folder = await mkdtemp(join(tmpdir(), 'lhj-'));
  t.after(async () => {
    await segment.close();
    await rm(folder, { recursive: true });
  });
  const file = join(folder, 'capture.pcap');
  const capture = await startCapture({ ...segment, filter: NEIGHBOUR_FILTER, file });
  const host = segment.host('n1');
  const announce = () => host.run('arping', '-U', '-c', '1', '-w', '1', '-I', 'data0', host.ipv4);
  await announce();
  await host.ip('link', 'set', 'data0', 'down');
  await host.ip('link', 'set', 'data0', 'up');
  await announce();
  await host.ip('link', 'del', 'data0');
  await plug(segment.netns, host);
  await announce();
  assert.deepEqual(await capture.stop(), { complete: true, dropped: 0, complaints: [] });
  const announced = capture.frames().filter(({ etherType }) => etherType === 0x0806);
  assert.deepEqual(
    announced.map((frame) => [frame.host, frame.port, frame.delivery]),
    Array(3).fill(['n1', 'p-n1', 'broadcast']),
  );
  assert.equal(new Set(announced.map(({ ifindex }) => ifindex)).size, 2);
  const lines = await printPcap(file, 'arp');
  assert.match(lines[0] ?? '', /Request who-has 192\.0\.2\.11 .*tell 192\.0\.2\.11/);
});

test('startCapture() says what tcpdump has against its filter', async (t) => {
  const reason = whyNoNamespaces();
  if (reason !== undefined) return t.skip(reason);
  const segment = await smallSegment([]);
  t.after(() => segment.close());
  await assert.rejects(
    startCapture({ ...segment, filter: 'nonsense' }),
    /tcpdump in .*: .*syntax error/s,
  );
});
