import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkedTiming } from '../../src/election/timing.ts';
import { instant } from '../../src/instant.ts';
import { HandNode, HandPeer } from '../support/sim-hand.ts';
import { simMac } from '../support/sim-node.ts';

const VIP = '192.0.2.101';
const { renewInterval, takerPatience } = checkedTiming('standard');

/** `n1`, just started, and the Leases that stand under its name: written by a session of boot `bootId`. */
function started(bootId: string): { readonly node: HandNode; readonly other: HandPeer } {
  const node = new HandNode(['n1'], [VIP]);
  const other = new HandPeer(node.leases, 'n1', bootId);
  other.claim(3, [VIP]);
  other.beat(3);
  return { node, other };
}

/** The other machine renews its heartbeat for so long. */
function renewing(node: HandNode, other: HandPeer, ms: number): void {
  for (const end = node.now + ms; node.now < end; ) {
    other.beat(3);
    node.pass(renewInterval);
  }
}

/** What n1 hears: the beats of another machine under its name. */
function hears(node: HandNode, id: string): void {
  const now = instant(node.now);
  const hearing = {
    id,
    heardAt: now,
    contactAt: undefined,
    leaving: false,
    fences: [],
    suspects: [],
    hears: ['n1'],
    takeovers: [],
  };
  const link = { asOf: now, foreignAt: now, unbrokenSince: now, peers: new Map([['n1', hearing]]) };
  node.witness = { links: new Map([['data0', link]]) };
}

test('an earlier process of this boot is dead, for the lock is ours: its Leases are taken over at once', () => {
  const { node } = started('b');
  node.pass(400);
  assert.deepEqual([...node.state.active.keys()], [VIP]);
});

test('who is there stays: the Leases of another machine are left alone while it renews them', () => {
  const { node, other } = started('x');
  renewing(node, other, 20_000);
  assert.equal(node.state.phase, 'reading');
  assert.equal(node.state.write > 0 && node.state.incarnation, 0, 'it has joined');
  assert.equal(node.state.namesake?.bootId, 'x');
  assert.equal(node.state.namesake?.isAlive, true);
});

test('a machine that was started anew waits until its Leases have not been renewed for takerPatience', () => {
  const { node } = started('x');
  node.pass(takerPatience - 20);
  assert.equal(node.state.phase, 'reading');
  assert.equal(node.state.namesake?.isAlive, false, 'nothing was seen of it but its Leases');
  node.pass(200);
  assert.deepEqual([...node.state.active.keys()], [VIP]);
  assert.equal(node.state.namesake, undefined);
});

test('the wait is over takerPatience after the last renewal, and a renewal interval at most', () => {
  const { node, other } = started('x');
  renewing(node, other, 5000);
  node.pass(takerPatience - renewInterval - 20);
  assert.equal(node.state.phase, 'reading');
  node.pass(2 * renewInterval + 200);
  assert.deepEqual([...node.state.active.keys()], [VIP]);
});

test('only a LIST that began takerPatience after the last sign of life ends the wait', () => {
  const { node } = started('x');
  node.pass(10);
  node.now += 2 * renewInterval;
  const { list } = node.turn();
  assert(list !== undefined, 'the Leases are not looked at');
  node.now += 10 * takerPatience;
  node.list(list);
  assert.equal(node.state.phase, 'reading', 'the answer was on its way while a renewal came');
});

test('an agent that has left in order is not waited for', () => {
  const { node, other } = started('x');
  renewing(node, other, 3000);
  other.leave(3);
  node.pass(renewInterval + 400);
  assert.equal(node.state.active.size, 1);
});

test('Leases that vanish are a sign of life: their writer may not have noticed', () => {
  const { node, other } = started('x');
  renewing(node, other, 3000);
  node.pass(takerPatience - 1500);
  node.leases.delete('heartbeat', 'n1');
  node.leases.delete('claims', 'n1');
  node.pass(takerPatience - 20);
  assert.equal(node.state.phase, 'reading');
  node.pass(renewInterval + 500);
  assert.equal(node.state.active.size, 1);
});

test('whose Leases another machine has taken lapses, says so, and waits', () => {
  const node = new HandNode(['n1'], [VIP]);
  node.pass(400);
  assert.equal(node.state.active.size, 1);
  const other = new HandPeer(node.leases, 'n1', 'x');
  other.claim(node.state.incarnation + 1, []);
  node.watch();
  assert.equal(node.state.lapsed, 'another machine runs an agent under its node name');
  other.beat(node.state.incarnation + 1);
  renewing(node, other, 10_000);
  assert.equal(node.state.phase, 'reading');
  assert.equal(node.state.active.size, 0);
});

test('Leases that somebody deleted are no namesake: the node is back at once', () => {
  const node = new HandNode(['n1'], [VIP]);
  node.pass(400);
  node.leases.delete('heartbeat', 'n1');
  node.watch();
  assert.equal(node.state.phase, 'reading');
  node.pass(500);
  assert.equal(node.state.active.size, 1);
});

test('a namesake that holds renews nothing: as long as it is heard it is waited for', () => {
  const { node } = started('x');
  for (const end = node.now + 4 * takerPatience; node.now < end; ) {
    hears(node, 'n1/x/3');
    node.pass(100);
  }
  assert.equal(node.state.phase, 'reading');
  node.witness = undefined;
  node.pass(takerPatience + renewInterval + 800);
  assert.equal(node.state.active.size, 1);
});

test('a namesake that waits itself is not waited for', () => {
  const { node } = started('x');
  for (const end = node.now + takerPatience + 500; node.now < end; ) {
    hears(node, 'n1/x/0');
    node.pass(100);
  }
  assert.equal(node.state.active.size, 1);
});

test('G2: a beat of a later incarnation under our name ends ours', () => {
  const node = new HandNode(['n1'], [VIP]);
  node.pass(400);
  hears(node, `n1/x/${node.state.incarnation}`);
  node.turn();
  assert.equal(node.state.active.size, 1, 'the same number says nothing');
  hears(node, `n1/x/${node.state.incarnation + 1}`);
  node.turn();
  assert.equal(node.state.active.size, 0);
  assert.equal(node.state.phase, 'reading');
});

test('an agent that waits for another machine leaves at once: the Leases are not its own', () => {
  const { node, other } = started('x');
  renewing(node, other, 3000);
  node.leave();
  assert.equal(node.turn().left, true);
});

test('a lone machine that was started anew is asked on the segment, and waited for while it answers', () => {
  const { node, other } = started('x');
  other.mayHold = true;
  other.claim(3, [VIP]);
  node.answers = () => [{ vip: VIP, mac: simMac('n1') }];
  node.pass(4 * takerPatience);
  assert.equal(node.state.phase, 'reading');
  node.answers = () => [];
  node.pass(6000);
  assert.deepEqual([...node.state.active.keys()], [VIP]);
});

test('a lone machine that was started anew without a link waits for nobody whose VIPs are not wanted', () => {
  const node = new HandNode(['n1'], []);
  const other = new HandPeer(node.leases, 'n1', 'x');
  other.mayHold = true;
  other.claim(3, [VIP]);
  other.beat(3);
  node.links = [];
  node.pass(takerPatience + 500);
  assert.equal(node.state.phase, 'member');
});
