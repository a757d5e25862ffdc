import assert from 'node:assert/strict';
import { test } from 'node:test';
import { blockers } from '../../src/election/barrier.ts';
import type { LeaseWrite } from '../../src/election/decide.ts';
import type { Claims } from '../../src/election/records.ts';
import { checkedTiming } from '../../src/election/timing.ts';
import { HandNode, HandPeer } from '../support/sim-hand.ts';

const VIP = '192.0.2.101';
const { takerPatience, requestTimeout } = checkedTiming('standard');

test('I1: only a LIST that began after the commit of a claim activates it', () => {
  const node = new HandNode(['n1'], [VIP]);
  node.excluded = true;
  node.settle();
  node.now += 1000;
  const { heartbeat } = node.turn();
  assert(heartbeat !== undefined);
  node.carryOut(heartbeat);
  node.now += 300;
  const early = node.turn().list;
  assert(early !== undefined, 'a missing echo is not looked for');
  const before = node.leases.list();
  node.excluded = false;
  const { claims } = node.turn();
  assert(claims !== undefined, 'claims nothing');
  node.carryOut(claims);
  node.watch();
  assert.equal(node.turn().active.size, 0, 'owns by its commit alone');
  node.list(early, before);
  const { active, list } = node.turn();
  assert.equal(active.size, 0, 'owns by a LIST that began before the commit');
  assert(list !== undefined, 'no barrier follows the commit');
  node.list(list);
  assert.equal(node.turn().active.size, 1);
});

/** n1 owns the VIP, gives it up, wants it back while the release is under way. */
function wantedBackDuringRelease(): { node: HandNode; release: LeaseWrite<Claims> } {
  const node = new HandNode(['n1'], [VIP]);
  node.settle();
  assert(node.state.active.has(VIP));
  node.excluded = true;
  node.turn();
  const release = node.turn().claims;
  assert(release !== undefined, 'no release is written');
  assert.equal(release.record.vips.size, 0);
  node.excluded = false;
  return { node, release };
}

test('I1: while a release may still commit, no LIST activates what it gives up', () => {
  const { node, release } = wantedBackDuringRelease();
  const { list } = node.turn();
  if (list !== undefined) node.list(list);
  assert.equal(node.turn().active.size, 0, 'owns the VIP that a write under way releases');
  node.carryOut(release);
  node.settle();
  assert.deepEqual([...node.state.active.keys()], [VIP]);
  assert(node.leases.list().claims.get('n1')?.record.vips.has(VIP), 'owns it without a claim');
});

test('I1: a release that timed out is written over, and its late commit is refused', () => {
  const { node, release } = wantedBackDuringRelease();
  node.now += requestTimeout;
  node.answer(release, { kind: 'failed' });
  node.now += 100;
  node.settle();
  assert.deepEqual([...node.state.active.keys()], [VIP]);
  assert.equal(node.leases.commit(release).kind, 'conflict');
});

test('I6: a verdict whose suspect showed one more beat is confirmed by a later LIST', () => {
  const node = new HandNode(['n1', 'n2'], [VIP]);
  const peer = new HandPeer(node.leases);
  peer.claim(1, [VIP]);
  // Longer than a cold start: n1 claims what it takes from n2 together with the fence.
  for (let beats = 0; beats < 6; beats += 1) {
    peer.beat(1);
    node.pass(1000);
  }
  node.pass(takerPatience - 1100);
  let barrier: number | undefined;
  for (let turns = 0; turns < 40 && barrier === undefined; turns += 1) {
    node.now += 10;
    const { heartbeat, claims, list } = node.turn();
    for (const write of [heartbeat, claims]) if (write !== undefined) node.carryOut(write);
    node.watch();
    barrier = list;
  }
  assert(barrier !== undefined, 'no barrier follows the fence');
  assert.deepEqual([...node.state.verdicts.fences], ['n2/b/1']);
  // The last heartbeat before it died was slow, and spares it once.
  peer.beat(1);
  node.list(barrier);
  assert.equal(node.state.verdicts.dead.size, 0);
  node.pass(takerPatience + 500);
  assert.deepEqual([...node.state.verdicts.dead], ['n2/b/1']);
  assert.deepEqual([...node.state.active.keys()], [VIP]);
});

test('I6: claims of an incarnation whose heartbeat came and went unseen are not those of the dead one', () => {
  const node = new HandNode(['n1', 'n2'], [VIP]);
  const peer = new HandPeer(node.leases);
  peer.claim(1, []);
  peer.beat(1);
  node.pass(takerPatience + 1000);
  assert.deepEqual([...node.state.verdicts.dead], ['n2/b/1']);
  assert(node.state.active.has(VIP));
  node.excluded = true;
  node.pass(500);
  // n1 hears nothing of all this until it is over.
  peer.claim(2, []);
  peer.beat(2);
  peer.claim(2, [VIP]);
  node.leases.delete('heartbeat', 'n2');
  node.excluded = false;
  node.settle();
  assert.equal(node.state.view.get('n2')?.identity, 'n2/b/2');
  assert.equal(node.state.active.size, 0, 'took a VIP that a live incarnation claims');
});

test('whoever cannot tell what a node claims takes it to claim everything: however often it is edited', () => {
  const node = new HandNode(['n1', 'n2'], [VIP]);
  const peer = new HandPeer(node.leases);
  peer.claim(1, [VIP]);
  peer.beat(1);
  node.pass(100);
  for (let edits = 0; edits < 3; edits += 1) {
    node.leases.editClaims('n2', (claims) => ({ ...claims, vips: new Map() }));
    node.pass(100);
    assert.deepEqual(blockers(node.state, VIP), ['n2']);
    assert.equal(node.state.active.size, 0);
  }
  node.leases.spoil('claims', 'n2');
  node.pass(100);
  node.leases.editClaims('n2', (claims) => claims);
  node.pass(100);
  assert.deepEqual(blockers(node.state, VIP), ['n2']);
});

test('a claims lease deleted before we saw what it held is no release', () => {
  for (const gone of [['claims'], ['heartbeat', 'claims']] as const) {
    const node = new HandNode(['n1', 'n2'], [VIP]);
    const peer = new HandPeer(node.leases);
    node.excluded = true;
    peer.claim(1, []);
    peer.beat(1);
    node.pass(100);
    peer.claim(1, [VIP]);
    for (const kind of gone) node.leases.delete(kind, 'n2');
    node.excluded = false;
    node.pass(takerPatience - 100);
    assert.equal(node.state.active.size, 0, `${gone.join(' and ')} deleted`);
    node.pass(500);
    assert.equal(node.state.active.size, 1, 'n2 has been silent for takerPatience');
  }
});

test('an own Lease edited with its stamp kept is foreign: the incarnation is over', () => {
  const node = new HandNode(['n1'], [VIP]);
  node.settle();
  node.leases.editClaims('n1', (claims) => ({ ...claims, vips: new Map() }));
  node.watch();
  assert.equal(node.state.phase, 'reading');
  assert.equal(node.turn().until, null);
  node.now += 50;
  node.settle();
  assert.equal(node.state.incarnation, 2);
  assert.deepEqual([...node.state.active.keys()], [VIP]);
});

test('I5: with its authority the incarnation ends, although nobody noticed', () => {
  const node = new HandNode(['n1'], [VIP]);
  node.settle();
  const { authUntil } = node.state;
  node.now = authUntil - 1;
  assert.equal(node.turn().active.size, 1);
  node.now = authUntil;
  const { active, until } = node.turn();
  assert.equal(active.size, 0);
  assert.equal(until, null);
  node.pass(100);
  assert.equal(node.state.incarnation, 2);
  assert.deepEqual([...node.state.active.keys()], [VIP]);
});

test('a lapse waits 50 ms before it reads, so that two agents of one name do not drive each other round', () => {
  const node = new HandNode(['n1'], [VIP]);
  node.settle();
  node.leases.delete('heartbeat', 'n1');
  node.watch();
  assert.equal(node.turn().list, undefined);
  node.now += 49;
  assert.equal(node.turn().list, undefined);
  node.now += 1;
  assert.notEqual(node.turn().list, undefined);
});

test('a conflict is looked into by a LIST, and the write is tried again no sooner than after 100 ms', () => {
  const node = new HandNode(['n1'], [VIP]);
  node.settle();
  node.excluded = true;
  node.turn();
  const { claims } = node.turn();
  assert(claims !== undefined);
  node.answer(claims, { kind: 'conflict' });
  const { list } = node.turn();
  assert(list !== undefined, 'nobody looks what is stored');
  node.list(list);
  node.now += 99;
  assert.equal(node.turn().claims, undefined);
  node.now += 1;
  assert.notEqual(node.turn().claims, undefined);
});

test('SIGTERM after a lapse still writes the claims of the last incarnation off', () => {
  const node = new HandNode(['n1'], [VIP]);
  node.settle();
  node.leases.delete('heartbeat', 'n1');
  node.watch();
  node.leave();
  assert.equal(node.turn().left, false, 'leaves with its claims standing');
  node.now += 50;
  node.settle();
  assert.equal(node.turn().left, true);
  assert.equal(node.leases.list().claims.get('n1')?.record.vips.size, 0);
});

test('cold start counts from the first membership of the process: a lapse does not prolong it', () => {
  const node = new HandNode(['n1', 'n2'], [VIP]);
  node.pass(3000);
  assert.equal(node.state.wanted.size, 0, 'claims before every node that could own it is there');
  node.leases.delete('heartbeat', 'n1');
  node.pass(1500);
  assert.equal(node.state.incarnation, 2);
  assert.equal(node.state.active.size, 0);
  node.pass(900);
  assert.deepEqual([...node.state.active.keys()], [VIP]);
});

test('no cold start: what a node claimed that died while we watched is taken over at once', () => {
  const node = new HandNode(['n1', 'n2'], [VIP]);
  const peer = new HandPeer(node.leases);
  peer.claim(1, [VIP]);
  peer.beat(1);
  node.pass(400);
  peer.beat(1);
  node.pass(takerPatience + 100);
  assert.deepEqual([...node.state.active.keys()], [VIP]);
});

test('cold start: what a node claimed that never lived while we watched is waited with', () => {
  const node = new HandNode(['n1', 'n2', 'n3'], [VIP]);
  const peer = new HandPeer(node.leases);
  peer.claim(1, [VIP]);
  peer.beat(1);
  node.pass(takerPatience + 500);
  assert.equal(node.state.wanted.size, 0, 'the first agent up takes everything');
  node.pass(2000);
  assert.deepEqual([...node.state.active.keys()], [VIP]);
});

test('an API server that went back in time ends the process', () => {
  const node = new HandNode(['n1'], [VIP]);
  node.settle();
  const backup = node.leases.backup();
  node.pass(5000);
  node.leases.restore(backup);
  const fatal = () => {
    for (let turns = 0; turns < 300; turns += 1) {
      const decision = node.settle();
      if (decision.fatal !== undefined) return decision;
      node.now += 10;
    }
    return undefined;
  };
  const last = fatal();
  assert.match(last?.fatal ?? '', /older revision/);
  assert.equal(last?.until, null);
  assert.equal(last?.active.size, 0);
});

test('a first process without a claims lease waits 250 ms: a deleted predecessor may have left a wire', () => {
  const node = new HandNode(['n1'], [VIP]);
  const { list } = node.turn();
  assert(list !== undefined);
  node.list(list);
  assert.equal(node.turn().claims, undefined);
  node.now += 249;
  assert.equal(node.turn().claims, undefined);
  node.now += 1;
  assert(node.turn().claims !== undefined);
});
