import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type LeaseWrite, proofOf } from '../../src/election/decide.ts';
import type { Claims } from '../../src/election/records.ts';
import { checkedTiming } from '../../src/election/timing.ts';
import { SimCluster, type WitnessMode } from '../support/sim-cluster.ts';
import { HandNode, HandPeer } from '../support/sim-hand.ts';
import { simLinks, simMac } from '../support/sim-node.ts';
import { brokenNow, newPast } from '../support/sim-properties.ts';

const standard = checkedTiming('standard');
const VIPS = ['192.0.2.101', '192.0.2.102', '192.0.2.103'];
const SEEDS = [1, 2, 3];

/** `n1` alone, at rest, and `n2`, which may join; S1 to S6 are checked all along. */
function lone(seed: number, witness: WitnessMode) {
  const sim = new SimCluster(seed, standard, { nodes: ['n1'], later: ['n2'], vips: VIPS, witness });
  const past = newPast(standard);
  const run = (ms: number, also: () => void = () => {}) =>
    sim.run(ms, () => {
      assert.equal(brokenNow(sim, past), undefined, `seed ${seed}`);
      also();
    });
  const tick = () => sim.after(2, tick);
  tick();
  run(8000);
  return { sim, run };
}

function assertOwner(sim: SimCluster, owner: string): void {
  for (const vip of VIPS) assert.deepEqual(sim.answerers(vip), [owner], sim.describe());
}

test('G3: a lone speaker goes on for as long as the API server is away, and nothing moves after', () => {
  for (const seed of SEEDS) {
    const { sim, run } = lone(seed, 'on');
    sim.api.cutOff(sim.node('n1'), 60_000);
    run(65_000, () => assertOwner(sim, 'n1'));
    assert.equal(sim.agent('n1').state.phase, 'member');
    assert.equal(sim.agent('n1').state.incarnation, 1);
  }
});

test('4.4.3: without the witness a lone speaker stops with its lease', () => {
  const { sim, run } = lone(1, 'off');
  sim.api.cutOff(sim.node('n1'), 20_000);
  run(10_000);
  for (const vip of VIPS) assert.deepEqual(sim.answerers(vip), []);
});

test('4.4.3: to one that joins and is heard, a lone speaker without contact hands over', () => {
  for (const seed of SEEDS) {
    const { sim, run } = lone(seed, 'on');
    sim.api.cutOff(sim.node('n1'), 60_000);
    run(20_000, () => assertOwner(sim, 'n1'));
    sim.join('n2');
    run(8000);
    assertOwner(sim, 'n2');
  }
});

test('4.4.3: whoever never heard a lone speaker asks on the segment, and takes nothing that is answered', () => {
  for (const seed of SEEDS) {
    const { sim, run } = lone(seed, 'swallowed');
    sim.api.cutOff(sim.node('n1'), 60_000);
    run(10_000, () => assertOwner(sim, 'n1'));
    sim.join('n2');
    run(40_000, () => assertOwner(sim, 'n1'));
    assert.equal(sim.agent('n2').state.verdicts.fences.size, 0, 'who answers is fenced');
    run(30_000, () => assertOwner(sim, 'n1'));
    assert.equal(sim.agent('n1').state.incarnation, 1, 'the contact that came back ended it');
  }
});

test('4.4.3: a lone speaker that died is asked in vain, and its VIPs are taken over', (t) => {
  let worst = 0;
  for (const seed of SEEDS) {
    const { sim, run } = lone(seed, 'on');
    sim.crash('n1');
    run(1000);
    sim.join('n2');
    const from = sim.now;
    let until = from;
    run(8000, () => {
      if (sim.answerers(VIPS[0] ?? '').length === 0) until = sim.now;
    });
    assertOwner(sim, 'n2');
    worst = Math.max(worst, until - from);
  }
  t.diagnostic(`longest after the new node joined: ${worst.toFixed(0)} ms`);
  // A cold start: nobody saw n1 alive, and it may be about to come.
  assert(worst < 5000 + 600, `${worst.toFixed(0)} ms`);
});

test('4.4.3: a lone speaker that dies while it is waited for is asked again, and then followed', () => {
  for (const seed of SEEDS) {
    const { sim, run } = lone(seed, 'swallowed');
    sim.api.cutOff(sim.node('n1'), 60_000);
    run(10_000);
    sim.join('n2');
    run(10_000, () => assertOwner(sim, 'n1'));
    sim.crash('n1');
    run(7000);
    assertOwner(sim, 'n2');
  }
});

test('a speaker is lone no more once another is there, and again once that is dead', () => {
  const { sim, run } = lone(1, 'on');
  const mayHold = () => sim.leases.list().claims.get('n1')?.record.mayHold;
  assert.equal(mayHold(), true);
  sim.join('n2');
  run(5000);
  assert.equal(mayHold(), false);
  sim.crash('n2');
  run(5000);
  assert.equal(mayHold(), true);
});

test('4.4.3: a hold with nobody to hear is over once it was interrupted: who asked then found nobody', () => {
  for (let at = 2600; at < 3800; at += 100) {
    const { sim, run } = lone(1, 'swallowed');
    sim.api.cutOff(sim.node('n1'), 60_000);
    run(10_000);
    sim.join('n2');
    run(at);
    // Not as long as what ends its incarnation by itself.
    sim.node('n1').agentStoppedUntil = sim.now + 840;
    run(9000);
    assert.equal(sim.agent('n1').state.lapsed, 'its hold was interrupted');
    assertOwner(sim, 'n2');
  }
});

test('4.4.3: it holds only if it knew in time that everybody reads so in its claims', () => {
  const holds = (answer: 'in time' | 'late' | 'never') => {
    const node = new HandNode(['n1', 'n2'], VIPS);
    node.witness = { links: new Map() };
    const peer = new HandPeer(node.leases);
    peer.claim(1, []);
    for (let beats = 0; beats < 5; beats += 1) {
      peer.beat(1);
      node.pass(1000);
    }
    assert.equal(node.state.phase, 'member');
    // n2 falls silent, and is dead; from then on no heartbeat gets through.
    let write: LeaseWrite<Claims> | undefined;
    for (; node.state.phase === 'member'; node.now += 10) {
      const { heartbeat, claims, list } = node.turn();
      if (claims?.record.mayHold === true) write = claims;
      else if (claims !== undefined) node.carryOut(claims);
      if (heartbeat !== undefined && write === undefined) node.carryOut(heartbeat);
      else if (heartbeat !== undefined) node.answer(heartbeat, { kind: 'failed' });
      node.watch();
      if (list !== undefined) node.list(list);
      const isLate = node.now >= node.state.authUntil - 10;
      if (write !== undefined && (answer === 'in time' || (answer === 'late' && isLate))) {
        if (answer === 'late') node.now = node.state.authUntil;
        if (node.state.claims.inFlight === write.record.write) node.carryOut(write);
      }
    }
    return node.state.phase === 'held';
  };
  assert.equal(holds('in time'), true);
  assert.equal(holds('late'), false);
  assert.equal(holds('never'), false);
});

test('I8: an echo that comes after the lease has run out settles no suspicion of a wire', () => {
  const node = new HandNode(['n1'], VIPS);
  node.pass(1000);
  assert.notEqual(proofOf(node.state), null);
  assert.equal(proofOf({ ...node.state, phase: 'held' }), null);
});

test('4.4.3: a VIP for which no link could ask when its holder was judged is asked for once one can', () => {
  const far = '198.51.100.7';
  const node = new HandNode(['n1', 'n2'], [far]);
  const peer = new HandPeer(node.leases);
  peer.mayHold = true;
  peer.claim(1, [far]);
  peer.beat(1);
  node.pass(8000);
  assert.equal(node.state.verdicts.dead.size, 1, 'who could not be asked for is not waited for');
  // The second link comes up, and n2 answers there.
  const subnets = ['198.51.100.0/24'];
  const second = { name: 'data1', mac: '02:00:00:00:01:01', subnets, addresses: [] };
  node.links = [...simLinks('n1'), second];
  node.answers = () => [{ vip: far, mac: simMac('n2') }];
  node.pass(12_000);
  assert.deepEqual([...node.state.active.keys()], [], 'two answer');
  node.answers = () => [];
  node.pass(6000);
  assert.deepEqual([...node.state.active.keys()], [far]);
});

test('a VIP that a stranger answers is not claimed because the link that could ask was away', () => {
  const far = '198.51.100.7';
  const subnets = ['198.51.100.0/24'];
  const second = { name: 'data1', mac: '02:00:00:00:01:01', subnets, addresses: [] };
  const node = new HandNode(['n1', 'n2'], [far]);
  const peer = new HandPeer(node.leases);
  peer.mayHold = true;
  peer.claim(1, [far]);
  peer.beat(1);
  node.links = [...simLinks('n1'), second];
  node.answers = () => [{ vip: far, mac: '02:00:00:00:99:99' }];
  node.pass(8000);
  node.links = simLinks('n1');
  node.pass(8000);
  node.links = [...simLinks('n1'), second];
  node.pass(4000);
  assert.deepEqual([...node.state.active.keys()], [], 'two answer');
});

/** `n2` falls silent and may hold the VIP, which `n3` owns: before `n1` calls it dead it asks. */
function lostBesideOwner() {
  const [vip = '', other = ''] = VIPS;
  const node = new HandNode(['n1', 'n2', 'n3'], [vip]);
  const lost = new HandPeer(node.leases, 'n2');
  const owner = new HandPeer(node.leases, 'n3');
  lost.mayHold = true;
  lost.claim(1, [vip, other]);
  owner.claim(1, [vip]);
  lost.beat(1);
  return { vip, node, owner };
}

test('a live owner that answered a probe and released the VIP since keeps nobody from claiming it', () => {
  const { vip, node, owner } = lostBesideOwner();
  let asked = 0;
  node.answers = () => {
    asked += 1;
    owner.claim(1, []);
    node.watch();
    return [{ vip, mac: simMac('n3') }];
  };
  for (let i = 0; i < 14; i += 1) {
    owner.beat(1);
    node.pass(500);
  }
  assert(asked > 0, 'it called n2 dead without asking');
  assert.deepEqual([...node.state.active.keys()], [vip]);
});

test('a live node whose Leases fit together only after it had answered keeps nobody from claiming', () => {
  const { vip, node, owner } = lostBesideOwner();
  let asked = 0;
  node.answers = () => {
    asked += 1;
    // Somebody edits its heartbeat: whose claims those are is not known for a moment.
    owner.beat(2);
    node.watch();
    return [{ vip, mac: simMac('n3') }];
  };
  for (let i = 0; i < 14; i += 1) {
    if (asked > 0) owner.claim(3, []);
    owner.beat(asked > 0 ? 3 : 1);
    node.pass(500);
  }
  assert.equal(asked, 1, 'the conflict stood until it was asked for again');
  assert.deepEqual([...node.state.active.keys()], [vip]);
});

test('4.4.3: a machine that takes over the Leases of its namesake asks on the segment first', () => {
  for (const seed of SEEDS) {
    const { sim, run } = lone(seed, 'swallowed');
    sim.api.cutOff(sim.node('n1'), 60_000);
    run(10_000, () => assertOwner(sim, 'n1'));
    sim.impersonate('n1', 60_000);
    run(20_000, () => assertOwner(sim, 'n1'));
    sim.crash('n1');
    run(12_000);
    assertOwner(sim, "n1'");
  }
});

test('4.4.2: of one that has fenced itself there is no doubt: it is not asked for, and its fence is final', () => {
  const [vip = ''] = VIPS;
  const node = new HandNode(['n1', 'n2'], [vip]);
  const peer = new HandPeer(node.leases);
  peer.mayHold = true;
  peer.claim(1, [vip]);
  peer.beat(1);
  node.pass(500);
  node.hear('n2/b/1', { kind: 'fence' });
  node.answers = () => [{ vip, mac: simMac('n2') }];
  node.pass(8000);
  assert.deepEqual([...node.state.active.keys()], [vip]);
});
