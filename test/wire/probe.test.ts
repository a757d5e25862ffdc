import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { NEVER } from '../../src/instant.ts';
import { missingPrivilege, openWireLab, pause, type Station, type WireLab } from './wire-lab.ts';

const VIP = '192.0.2.100';
const FREE = '192.0.2.101';
const MAC_A = '02:00:00:00:00:0a';
const MAC_B = '02:00:00:00:00:0b';

/** Runs the test on a segment with a wire on both ends; that of `a` answers for the VIP. */
function onSegment(name: string, body: (lab: WireLab, peer: Station) => Promise<void>): void {
  test(name, async (t: TestContext) => {
    const missing = missingPrivilege();
    if (missing !== undefined) return t.skip(missing);
    await using lab = await openWireLab();
    const peer = lab.startPeer();
    for (const station of [lab, peer]) await station.until(({ state }) => state === 'ready');
    await lab.command({ authority: 'held', vips: [{ vip: VIP, epoch: '7', since: NEVER }] });
    await lab.until(({ counters }) => counters['garp_reply'] === 1);
    await body(lab, peer);
  });
}

/** What the wire of the station finds, and how long it took. */
async function probe(station: Station, vips: readonly string[]) {
  const first = await station.command({ probe: { token: 9, vips } });
  let found = [...first.probed];
  const { ms } = await station.until(({ probed }) => {
    found = [...found, ...probed];
    return found.length > 0;
  });
  assert.equal(found.length, 1);
  assert.equal(found[0]?.token, 9);
  return { answers: found[0]?.answers ?? [], ms };
}

onSegment('a wire asks three times, and finds whose wire answers for a VIP', async (lab, peer) => {
  await lab.probe({});
  const { answers, ms } = await probe(peer, [VIP, FREE]);
  assert.deepEqual(answers, [{ vip: VIP, mac: MAC_A }]);
  assert(ms >= 250 && ms < 1500, `${ms.toFixed(0)} ms`);
  const { seen } = await lab.probe({});
  const asked = seen.filter(({ hex }) => hex.slice(40, 44) === '0001' && hex.endsWith('c0000265'));
  assert.equal(asked.length, 3);
  const [first, second, third] = asked.map(({ at }) => at);
  for (const gap of [(second ?? 0) - (first ?? 0), (third ?? 0) - (second ?? 0)]) {
    assert(gap > 90 && gap < 400, `${gap.toFixed(0)} ms between two`);
  }
});

onSegment('a wire without authority does not answer a probe', async (lab, peer) => {
  await lab.command({ authority: 'lapsed' });
  await pause(100);
  assert.deepEqual((await probe(peer, [VIP])).answers, []);
});

onSegment('a probe finds other hosts too, IPv6 by duplicate address detection', async (lab) => {
  lab.inB('ip', 'addr', 'add', '2001:db8::2/64', 'dev', 'seg0', 'nodad');
  lab.inB('ip', 'addr', 'add', `${FREE}/32`, 'dev', 'seg0');
  const { answers } = await probe(lab, [FREE, '2001:db8::2', '2001:db8::3', '192.0.2.102']);
  assert.deepEqual(
    [...answers].sort((x, y) => (x.vip < y.vip ? -1 : 1)),
    [
      { vip: FREE, mac: MAC_B },
      { vip: '2001:db8::2', mac: MAC_B },
    ],
  );
});
