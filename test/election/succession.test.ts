import assert from 'node:assert/strict';
import { test } from 'node:test';
import { succeeded } from '../../src/election/events.ts';
import { knownDead } from '../../src/election/probing.ts';
import { HandNode, HandPeer } from '../support/sim-hand.ts';
import { simLinks } from '../support/sim-node.ts';

const NEAR = '192.0.2.101';
const FAR = '198.51.100.7';

/** `n1` has taken over the VIPs of `n2`, which is dead and left its Leases, and hands over to another agent. */
function heirOf(vips: readonly string[], mayHold: boolean): HandNode {
  const node = new HandNode(['n1', 'n2'], vips);
  const peer = new HandPeer(node.leases);
  peer.mayHold = mayHold;
  peer.claim(1, vips);
  peer.beat(1);
  node.pass(8000);
  assert.deepEqual([...node.state.active.keys()], [NEAR]);
  const heir = new HandNode(['n1', 'n2'], vips, 's2', node.leases);
  heir.now = node.now;
  const word = { dead: knownDead(node.state), now: heir.at() };
  heir.state = succeeded(heir.state, node.leases.watchCut(), word);
  return heir;
}

test('4.5: a handover on one node takes no longer where VIPs came from a node that is dead', () => {
  for (const mayHold of [false, true]) {
    const heir = heirOf([NEAR], mayHold);
    heir.pass(20);
    assert.deepEqual([...heir.state.active.keys()], [NEAR]);
  }
});

test('0016: an heir claims everything anew while its predecessor still answers, and gives nothing of it up', () => {
  const heir = heirOf([NEAR], false);
  heir.excluded = true;
  for (let turn = 0; turn < 20; turn += 1) {
    const { heartbeat, claims, list } = heir.turn([NEAR]);
    for (const write of [claims, heartbeat]) if (write !== undefined) heir.carryOut(write);
    heir.watch();
    if (list !== undefined) heir.list(list);
    const stored = heir.leases.list().claims.get('n1')?.record;
    assert(stored?.vips.has(NEAR), 'a peer may take what is still answered');
    heir.now += 10;
  }
  assert.equal(heir.state.phase, 'member');
  assert.equal(heir.leases.list().claims.get('n1')?.record.incarnation, 2);
  assert.deepEqual(heir.said, [], 'a RELEASE while the predecessor answers');
  heir.settle();
  assert.equal(heir.leases.list().claims.get('n1')?.record.vips.size, 0);
});

test('I5: whoever inherits nothing does not announce its incarnation while a wire may answer', () => {
  const node = new HandNode(['n1', 'n2'], [NEAR]);
  node.settle();
  for (let turn = 0; turn < 20; turn += 1) {
    assert.equal(node.turn([NEAR]).claims, undefined);
    node.now += 100;
  }
});

test('a VIP that could not be asked for is not taken by an heir that knows nothing of it', () => {
  const heir = heirOf([NEAR, FAR], true);
  const second = { name: 'data1', mac: '02:00:00:00:01:01', subnets: ['198.51.100.0/24'] };
  heir.links = [...simLinks('n1'), { ...second, addresses: [] }];
  heir.answers = () => [{ vip: FAR, mac: '02:00:00:00:00:02' }];
  heir.pass(8000);
  assert.equal(heir.state.active.has(FAR), false, 'two answer');
});
