import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { NEVER } from '../../src/instant.ts';
import type { TableEntry } from '../../src/wire/messages.ts';
import {
  isRunning,
  missingPrivilege,
  openWireLab,
  pause,
  type SeenFrame,
  type StubStatus,
  type WireLab,
} from './wire-lab.ts';

const VIP = '192.0.2.100';
const TABLE: readonly TableEntry[] = [{ vip: VIP, epoch: '7', since: NEVER }];
const WIRE_MAC = '02000000000a';
const PROBER_MAC = '02000000000b';

/** Runs the test on a segment of its own; with the wire of `a` in charge of the VIP. */
function onSegment(name: string, body: (lab: WireLab) => Promise<void>): void {
  test(name, async (t: TestContext) => {
    const missing = missingPrivilege();
    if (missing !== undefined) return t.skip(missing);
    await using lab = await openWireLab();
    await lab.until(({ state }) => state === 'ready');
    await lab.command({ authority: 'held', vips: TABLE });
    await lab.until(
      ({ ackedVersion, counters }) => ackedVersion === 2 && counters['garp_reply'] === 1,
    );
    await lab.probe({});
    await body(lab);
  });
}

const replies = (seen: readonly SeenFrame[]) =>
  seen.filter(({ hex }) => hex.startsWith(PROBER_MAC) && hex.slice(40, 44) === '0002');

const isBack = ({ state, ackedVersion, suspectSince }: StubStatus) =>
  state === 'ready' && ackedVersion > 0 && suspectSince === null;

async function answers(lab: WireLab, count = 3): Promise<number> {
  const first = await lab.probe({ ask: { vip: VIP, count, everyMs: 10 } });
  await pause(30);
  const { seen } = await lab.probe({});
  return replies([...first.seen, ...seen]).length;
}

/**
 * Sends requests and returns the replies that come within the next moment, those before included.
 */
async function repliesTo(lab: WireLab, ask: { vip: string; to?: string; from?: string }) {
  const first = await lab.probe({ ask: { ...ask, count: 1, everyMs: 1 } });
  await pause(60);
  const { seen } = await lab.probe({});
  return replies([...first.seen, ...seen]);
}

onSegment('a wire answers arping from another station with the MAC of its link', async (lab) => {
  const output = lab.inB('arping', '-c', '2', '-I', 'seg0', VIP);
  assert.match(output, /reply from 192\.0\.2\.100 \[02:00:00:00:00:0A\]/i);
  assert.match(output, /Received 2 response/);
});

onSegment(
  'the first request after the start is answered, and the MAC is read afresh',
  async (lab) => {
    assert.equal((await repliesTo(lab, { vip: VIP })).length, 1);
    lab.inA('ip', 'link', 'set', 'seg0', 'address', '02:00:00:00:00:1a');
    await pause(150);
    const { seen } = await lab.probe({});
    assert.ok(
      seen.some(({ hex }) => hex.startsWith('ffffffffffff02000000001a')),
      'the new MAC is announced by itself',
    );
    const [reply] = await repliesTo(lab, { vip: VIP });
    assert.equal(reply?.hex.slice(12, 24), '02000000001a');
  },
);

onSegment(
  'only what is asked of us is answered: probes and unicast, nothing foreign',
  async (lab) => {
    const probe = await repliesTo(lab, { vip: VIP, from: '0.0.0.0' });
    assert.equal(probe.length, 1, 'an RFC 5227 probe');
    const unicast = await repliesTo(lab, { vip: VIP, to: '02:00:00:00:00:0a' });
    assert.equal(unicast.length, 1, 'a unicast poll');
    assert.equal(
      (await repliesTo(lab, { vip: VIP, to: '02:00:00:00:00:0c' })).length,
      0,
      'to others',
    );
    assert.equal((await repliesTo(lab, { vip: '192.0.2.101' })).length, 0, 'another address');
    // Tagged with VLAN 5, which is another segment.
    await lab.probe({
      raw: `ffffffffffff${PROBER_MAC}8100000508060001080006040001${PROBER_MAC}c000024d000000000000c0000264`,
    });
    await pause(60);
    assert.equal(replies((await lab.probe({})).seen).length, 0, 'a tagged request');
  },
);

onSegment(
  'a table is acknowledged once in force, and what left it is not answered',
  async (lab) => {
    const { sentVersion, mayAnswer } = await lab.command({ vips: [] });
    assert.equal(sentVersion, 3);
    assert.deepEqual(mayAnswer, [VIP], 'until the wire has said so, it may be answering');
    const { status } = await lab.until(({ ackedVersion }) => ackedVersion === 3);
    assert.deepEqual(status.mayAnswer, []);
    assert.equal(await answers(lab), 0);
  },
);

onSegment('no frame leaves once `until` has passed', async (lab) => {
  await lab.command({ authority: 'lapsed' });
  await pause(100);
  assert.equal(await answers(lab), 0);
  // The counters come with the next pong.
  const withheld = async () => (await lab.command({})).counters['withheld_no_authority'] ?? 0;
  for (let i = 0; i < 20 && (await withheld()) < 3; i++) await pause(50);
  assert.equal(await withheld(), 3);
});

onSegment(
  'a wire whose agent has been silent for its `until` and for 1 s answers nothing',
  async (lab) => {
    await lab.command({ authority: 'silent' });
    assert.equal(await answers(lab), 3, 'authority runs on for a moment');
    await pause(1100);
    assert.equal(await answers(lab), 0);
  },
);

onSegment(
  'a takeover is announced in both forms at once, and again with a new epoch',
  async (lab) => {
    await pause(150);
    await lab.command({ vips: [{ vip: VIP, epoch: '8', since: NEVER }] });
    await pause(60);
    const { seen } = await lab.probe({});
    const announced = seen.slice(-2).map(({ hex }) => hex);
    const request = `ffffffffffff${WIRE_MAC}08060001080006040001${WIRE_MAC}c0000264000000000000c0000264`;
    const reply = `ffffffffffff${WIRE_MAC}08060001080006040002${WIRE_MAC}c0000264${WIRE_MAC}c0000264`;
    assert.deepEqual(announced, [request, reply]);
  },
);

onSegment('a wire that was stopped answers no request that was queued meanwhile', async (lab) => {
  await lab.command({ authority: 'silent' });
  const [pid = 0] = lab.wirePids();
  process.kill(pid, 'SIGSTOP');
  assert.equal(await answers(lab, 60), 0);
  process.kill(pid, 'SIGCONT');
  await pause(100);
  assert.equal(replies((await lab.probe({})).seen).length, 0, 'no stale answer');

  await lab.command({ authority: 'held' });
  const { status } = await lab.until(({ suspectSince }) => suspectSince !== null);
  assert.equal(status.restarts, 0);
  assert.equal(await answers(lab), 0, 'suspect, although the authority runs');
  await lab.command({ prove: true });
  await lab.until(({ suspectSince }) => suspectSince === null);
  assert.equal(await answers(lab), 3, 'a newer heartbeat settles the suspicion');
});

onSegment('a whole agent that was stopped and resumed answers nothing stale', async (lab) => {
  const pids = [lab.stub.pid ?? 0, ...lab.wirePids()];
  for (const pid of pids) process.kill(pid, 'SIGSTOP');
  assert.equal(await answers(lab, 60), 0);
  for (const pid of pids.toReversed()) process.kill(pid, 'SIGCONT');
  await pause(200);
  assert.equal(replies((await lab.probe({})).seen).length, 0);
  const { status } = await lab.until(({ suspectSince }) => suspectSince !== null);
  assert.equal(status.restarts, 0, 'an agent that was stalled itself kills no healthy wire');
});

onSegment(
  'a wire that does not answer its agent for 300 ms is killed and replaced',
  async (lab) => {
    const [pid = 0] = lab.wirePids();
    process.kill(pid, 'SIGSTOP');
    const { status, ms } = await lab.until(({ state }) => state === 'gone');
    assert.ok(ms > 200 && ms < 700, `killed after ${ms} ms`);
    assert.deepEqual(status.mayAnswer, [], 'its process has ended: it answers for nothing');
    const back = await lab.until(
      ({ state, ackedVersion, suspectSince }) =>
        state === 'ready' && ackedVersion > 0 && suspectSince === null,
    );
    assert.equal(back.status.restarts, 1);
    assert.equal(await answers(lab), 3);
  },
);

onSegment(
  'a link that goes down ends the wire only, which is back within 500 ms of it',
  async (lab) => {
    // The best of three: other tests on a busy machine must not decide about this one.
    const times: number[] = [];
    for (let i = 0; i < 3; i++) {
      lab.inA('ip', 'link', 'set', 'seg0', 'down');
      await lab.until(({ state }) => state === 'gone');
      await pause(300);
      lab.inA('ip', 'link', 'set', 'seg0', 'up');
      times.push((await lab.until(isBack)).ms);
    }
    assert.ok(Math.min(...times) <= 500, `back after ${times.join(', ')} ms`);
    assert.equal(await answers(lab), 3);
  },
);

onSegment('a link that is deleted and made again gets its wire back', async (lab) => {
  lab.inA('ip', 'link', 'del', 'seg0');
  await lab.until(({ state }) => state === 'gone');
  lab.addLink();
  const { ms } = await lab.until(isBack);
  assert.ok(ms <= 1000, `back after ${ms} ms`);
  lab.inB('arping', '-c', '1', '-I', 'seg0', VIP);
});

onSegment('SIGTERM to a wire leaves it at work, closing ends it', async (lab) => {
  const [pid = 0] = lab.wirePids();
  process.kill(pid, 'SIGTERM');
  process.kill(pid, 'SIGINT');
  await pause(50);
  assert.equal(await answers(lab), 3);
  const { state, mayAnswer } = await lab.command({ close: true });
  assert.deepEqual(
    { state, mayAnswer, pids: lab.wirePids() },
    { state: 'gone', mayAnswer: [], pids: [] },
  );
});

onSegment('a wire ends with its agent', async (lab) => {
  const [pid = 0] = lab.wirePids();
  lab.stub.kill('SIGKILL');
  await pause(200);
  assert.ok(!isRunning(pid));
  assert.equal(await answers(lab), 0);
});
