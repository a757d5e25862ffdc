import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkedTiming } from '../../src/election/timing.ts';
import type { SimCluster } from '../support/sim-cluster.ts';
import { doubledNow, EVERY_FAULT, runSeed, simCluster } from '../support/sim-run.ts';

/** `SEEDS=300 SEED=1` runs the seeded test with the seeds 1 to 300. */
const SEEDS = Number(process.env['SEEDS'] ?? 200);
const FIRST = Number(process.env['SEED'] ?? 1);
const standard = checkedTiming('standard');
const cluster = (seed: number) => simCluster(seed, EVERY_FAULT);

function assertOneAnswerer(sim: SimCluster): void {
  assert.equal(doubledNow(sim), undefined);
}

function owners(sim: SimCluster): Map<string, string[]> {
  return new Map([...sim.demand.vips.keys()].map((vip) => [vip, sim.answerers(vip)]));
}

test('every VIP has exactly one answerer, and no node more than ceil(1.1 * V / N)', () => {
  const sim = cluster(FIRST);
  sim.run(8000, () => assertOneAnswerer(sim));
  const load = new Map<string, number>();
  for (const [vip, names] of owners(sim)) {
    assert.equal(names.length, 1, `${vip} is answered by ${names.length} nodes`);
    for (const name of names) load.set(name, (load.get(name) ?? 0) + 1);
  }
  const cap = Math.ceil((1.1 * sim.demand.vips.size) / 3);
  for (const count of load.values()) assert(count <= cap, `${count} VIPs on one node`);
});

test('a crash moves only the VIPs of the node that died, within takerPatience and a write and a barrier', () => {
  for (let seed = FIRST; seed < FIRST + 12; seed += 1) {
    const sim = cluster(seed);
    sim.run(8000);
    const before = owners(sim);
    sim.crash('n2');
    sim.run(standard.takerPatience / 0.99 + 200, () => assertOneAnswerer(sim));
    for (const [vip, names] of owners(sim)) {
      assert.equal(names.length, 1, `seed ${seed}: ${vip} has ${names.length} answerers`);
      if (before.get(vip)?.[0] !== 'n2') assert.deepEqual(names, before.get(vip), `seed ${seed}`);
    }
    assert.equal(sim.agent('n1').state.verdicts.dead.size, 1);
  }
});

test('a clean shutdown hands over without waiting for a lease to run out', () => {
  const sim = cluster(FIRST);
  sim.run(8000);
  sim.agent('n1').leave();
  sim.run(300, () => assertOneAnswerer(sim));
  assert.equal(sim.node('n1').agent, undefined, 'n1 has not left');
  for (const names of owners(sim).values()) assert.equal(names.length, 1);
});

test('G1 holds under every fault, and each VIP is answered again once they end (seeded)', () => {
  for (let seed = FIRST; seed < FIRST + SEEDS; seed += 1) {
    const { broken } = runSeed(seed, EVERY_FAULT);
    const repeat = `SEEDS=1 SEED=${seed} node --test test/election/protocol.test.ts`;
    assert.equal(broken, undefined, `${broken}\nrepeat with ${repeat}`);
  }
});
