import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkedTiming } from '../../src/election/timing.ts';
import { SimCluster } from '../support/sim-cluster.ts';

const NODES = ['n1', 'n2', 'n3'];
const VIPS = Array.from({ length: 12 }, (_, i) => `192.0.2.${100 + i}`);
const SEEDS = Number(process.env['SEEDS'] ?? 12);
const FIRST = Number(process.env['SEED'] ?? 1);
const standard = checkedTiming('standard');

function cluster(seed: number): SimCluster {
  return new SimCluster(seed, standard, { nodes: NODES, vips: VIPS });
}

function assertOneAnswerer(sim: SimCluster, seed: number): void {
  for (const vip of VIPS) {
    const answerers = sim.answerers(vip);
    assert(
      answerers.length <= 1,
      `${answerers.join(' and ')} both answer for ${vip} at ${sim.now} ms: ` +
        `repeat with SEEDS=1 SEED=${seed} node --test test/election/protocol.test.ts`,
    );
  }
}

function owners(sim: SimCluster): Map<string, string[]> {
  return new Map(VIPS.map((vip) => [vip, sim.answerers(vip)]));
}

test('every VIP has exactly one answerer, and no node more than ceil(1.1 * V / N)', () => {
  const sim = cluster(FIRST);
  sim.run(8000, () => assertOneAnswerer(sim, FIRST));
  const load = new Map<string, number>();
  for (const [vip, names] of owners(sim)) {
    assert.equal(names.length, 1, `${vip} is answered by ${names.length} nodes`);
    for (const name of names) load.set(name, (load.get(name) ?? 0) + 1);
  }
  for (const count of load.values()) assert(count <= Math.ceil((1.1 * VIPS.length) / 3));
});

test('a crash moves only the VIPs of the node that died, within takerPatience and a write and a barrier', () => {
  for (let seed = FIRST; seed < FIRST + SEEDS; seed += 1) {
    const sim = cluster(seed);
    sim.run(8000);
    const before = owners(sim);
    sim.crash('n2');
    sim.run(standard.takerPatience + 200, () => assertOneAnswerer(sim, seed));
    for (const [vip, names] of owners(sim)) {
      assert.equal(names.length, 1, `seed ${seed}: ${vip} has ${names.length} answerers`);
      if (before.get(vip)?.[0] !== 'n2') assert.deepEqual(names, before.get(vip), `seed ${seed}`);
    }
    assert.equal(sim.node('n1').state.verdicts.dead.size, 1);
  }
});

test('a clean shutdown hands over without waiting for a lease to run out', () => {
  const sim = cluster(FIRST);
  sim.run(8000);
  sim.leave('n1');
  sim.run(300, () => assertOneAnswerer(sim, FIRST));
  assert(sim.node('n1').left);
  for (const names of owners(sim).values()) assert.equal(names.length, 1);
});

test('G1: at most one answerer under stops, cuts, lags, restarts, deleted and spoilt leases (seeded)', () => {
  for (let seed = FIRST; seed < FIRST + SEEDS; seed += 1) {
    const sim = cluster(seed);
    sim.api = 'flaky';
    sim.run(7000);
    for (let fault = 0; fault < 12; fault += 1) {
      injectFault(sim);
      sim.run(200 + sim.random() * 4000, () => assertOneAnswerer(sim, seed));
    }
    heal(sim);
    sim.api = 'reliable';
    sim.run(12_000, () => assertOneAnswerer(sim, seed));
    for (const [vip, names] of owners(sim)) {
      assert.equal(
        names.length,
        1,
        `seed ${seed}: ${vip} has ${names.length} answerers at the end`,
      );
    }
  }
});

function injectFault(sim: SimCluster): void {
  const node = sim.node(NODES[Math.floor(sim.random() * NODES.length)] ?? 'n1');
  const ms = 100 + sim.random() * 6000;
  switch (Math.floor(sim.random() * 7)) {
    case 0:
      node.stoppedUntil = sim.now + ms;
      return;
    case 1:
      node.apiCutUntil = sim.now + ms;
      return;
    case 2:
      node.watchLagMs = sim.random() * 3000;
      return;
    case 3:
      sim.crash(node.name);
      sim.start(node.name);
      return;
    case 4:
      sim.leases.delete(sim.random() < 0.5 ? 'heartbeat' : 'claims', node.name);
      return;
    case 5:
      sim.leases.spoil(sim.random() < 0.5 ? 'heartbeat' : 'claims', node.name);
      return;
    default:
      node.links = node.links.length === 0 ? sim.node('n1').links : [];
  }
}

function heal(sim: SimCluster): void {
  const links = [{ name: 'data0', mac: '02:00:00:00:00:01', subnets: ['192.0.2.0/24'] }];
  for (const name of NODES) {
    const node = sim.node(name);
    node.stoppedUntil = 0;
    node.apiCutUntil = 0;
    node.watchLagMs = 0;
    node.links = links;
  }
}
