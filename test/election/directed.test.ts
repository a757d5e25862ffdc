import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkedTiming } from '../../src/election/timing.ts';
import { SimCluster } from '../support/sim-cluster.ts';
import type { LeaseKind, SimLeases } from '../support/sim-leases.ts';

const NODES = ['n1', 'n2', 'n3'];
const VIPS = Array.from({ length: 6 }, (_, i) => `192.0.2.${100 + i}`);
const SEEDS = [1, 2, 3, 4, 5, 6, 7, 8];
const standard = checkedTiming('standard');
const { holderPatience, takerPatience, renewInterval } = standard;

function assertOne(sim: SimCluster, seed: number): () => void {
  return () => {
    const overlap = sim.overlap();
    if (overlap === undefined) return;
    const names = overlap.nodes.map((node) => node.name).join(' and ');
    assert.fail(`seed ${seed}: ${names} both answer for ${overlap.vip}\n${sim.describe()}`);
  };
}

/** A cluster at rest, in which n2 has the slowest clock, and so the longest authority, of all. */
function atRest(seed: number): SimCluster {
  const sim = new SimCluster(3 * seed, standard, { nodes: NODES, vips: VIPS });
  sim.run(8000);
  assert(sim.agent('n2').state.active.size > 0, 'n2 owns nothing');
  return sim;
}

/** What happens to a cluster at rest, with at most one answerer at any time and one at the end. */
function scenario(
  name: string,
  body: (sim: SimCluster, run: (ms: number) => void, seed: number) => void,
): void {
  test(name, () => {
    for (const seed of SEEDS) {
      const sim = atRest(seed);
      const check = assertOne(sim, seed);
      body(sim, (ms) => sim.run(ms, check), seed);
      sim.run(takerPatience * 2 + 1000, check);
      for (const vip of VIPS) {
        assert.equal(sim.answerers(vip).length, 1, `seed ${seed}: ${vip}\n${sim.describe()}`);
      }
    }
  });
}

scenario(
  'I2: a release is written only once the wire has stopped, however late it hears',
  (sim, run) => {
    sim.node('n2').wireSlowUntil = sim.now + 2000;
    sim.exclude(['n2']);
    run(2000);
    sim.exclude([]);
  },
);

scenario(
  'I3: a node that was stopped answers nothing until a heartbeat sent since came back',
  (sim, run, seed) => {
    const node = sim.node('n2');
    sim.stop(node, 300 + seed * 600);
    run(300 + seed * 600);
    assert.equal(VIPS.filter((vip) => sim.answerers(vip).includes('n2')).length, 0);
  },
);

scenario(
  'I4: authority counts from when the heartbeat was sent, not from when it came back',
  (sim, run, seed) => {
    const node = sim.node('n2');
    node.watchLagMs = 280;
    run(2000 + seed * 83);
    sim.api.cutOff(node, 5000);
    run(5000);
    node.watchLagMs = 0;
  },
);

scenario(
  'I5: a lapse that nobody noticed voids all claims of the incarnation',
  (sim, run, seed) => {
    const { incarnation } = sim.agent('n2').state;
    sim.api.cutOff(sim.node('n2'), holderPatience * 1.02 + seed * 20);
    run(takerPatience + 1000);
    assert(sim.agent('n2').state.incarnation > incarnation);
  },
);

scenario(
  'I5: the next incarnation is not announced while the wire may answer under the last',
  (sim, run) => {
    const node = sim.node('n2');
    node.wireSlowUntil = sim.now + 5000;
    sim.api.deleteLeases('n2', ['heartbeat']);
    run(2000);
  },
);

test('I6, G2: what a VM that was frozen with its clock reads first is the fence on it', () => {
  for (const seed of SEEDS) {
    const sim = atRest(seed);
    const owned = sim.agent('n2').state.active.size;
    sim.freeze(sim.node('n2'), 9000);
    sim.run(9000 - 1, assertOne(sim, seed));
    const others = VIPS.filter((vip) => sim.answerers(vip).length === 1);
    assert.equal(others.length, VIPS.length, `${owned} VIPs of n2 were not taken over`);
    sim.run(renewInterval);
    sim.run(8000, assertOne(sim, seed));
  }
});

test('I6, G2: without its watch a thawed VM finds the fence when it renews', () => {
  for (const seed of SEEDS) {
    const sim = atRest(seed);
    sim.freeze(sim.node('n2'), 9000);
    sim.api.loseWatch(sim.node('n2'), 20_000);
    sim.run(9000, () => {});
    sim.run(renewInterval + 400);
    sim.run(3000, assertOne(sim, seed));
  }
});

scenario('I6: who has heard nothing for long judges nobody upon coming back', (sim, run, seed) => {
  // n1 hears of no heartbeat for longer than takerPatience while n2 and n3 go on.
  sim.api.loseWatch(sim.node('n1'), takerPatience + seed * 200);
  run(takerPatience + seed * 200 + 1500);
  for (const name of ['n2', 'n3']) assert.equal(sim.agent(name).state.incarnation, 1);
});

const HARM: readonly (readonly [string, (leases: SimLeases, kind: LeaseKind) => void])[] = [
  ['deleted', (leases, kind) => leases.delete(kind, 'n2')],
  ['spoilt', (leases, kind) => leases.spoil(kind, 'n2')],
  ['without its label', (leases, kind) => leases.unlabel(kind, 'n2')],
];
for (const [what, harm] of HARM) {
  for (const kind of ['heartbeat', 'claims'] as const) {
    scenario(
      `a ${kind} lease that is ${what} while its writer is cut off is no release`,
      (sim, run) => {
        sim.api.cutOff(sim.node('n2'), 5000);
        sim.api.meddle('n2', (leases) => harm(leases, kind));
        run(5000);
      },
    );
  }
}

scenario(
  'a claims lease edited with its stamp kept is no release (writer hears late)',
  (sim, run, seed) => {
    sim.node('n2').watchLagMs = seed * 100;
    run(1000);
    for (let edits = 0; edits < 2; edits += 1) {
      sim.api.meddle('n2', (leases) =>
        leases.editClaims('n2', (claims) => ({ ...claims, vips: new Map(), draining: true })),
      );
      run(50);
    }
    run(2000);
    sim.node('n2').watchLagMs = 0;
  },
);

scenario('a heartbeat newer than the claims is no release (writer cut off)', (sim, run) => {
  sim.api.cutOff(sim.node('n2'), 5000);
  sim.api.meddle('n2', (leases) => leases.editHeartbeat('n2', 99));
  run(5000);
});

scenario('a heartbeat edited to an incarnation that is dead is no death', (sim, run) => {
  const node = sim.node('n2');
  sim.api.cutOff(node, 4000);
  run(12_000);
  sim.exclude(['n1', 'n3']);
  run(1000);
  sim.exclude([]);
  node.watchLagMs = 500;
  run(1000);
  sim.api.meddle('n2', (leases) => leases.editHeartbeat('n2', 1));
  run(2000);
  node.watchLagMs = 0;
});

scenario(
  'a node whose Leases were both deleted still blocks a process that has just started',
  (sim, run) => {
    sim.api.cutOff(sim.node('n2'), 6000);
    sim.api.deleteLeases('n2', ['heartbeat', 'claims']);
    run(300);
    sim.kill('n1');
    sim.start('n1');
    run(6000);
  },
);

scenario('a successor on the same host waits for the last frame of its predecessor', (sim, run) => {
  sim.kill('n2');
  sim.start('n2');
  run(1000);
});

test('restored from a backup: nobody answers twice, and all answer again after takerPatience', () => {
  for (const seed of SEEDS) {
    const sim = atRest(seed);
    const backup = sim.leases.backup();
    sim.run(20_000);
    const incarnations = NODES.map((name) => sim.agent(name).state.self.session);
    sim.api.restore(backup);
    sim.run(takerPatience * 2 + 4000, assertOne(sim, seed));
    for (const vip of VIPS) assert.equal(sim.answerers(vip).length, 1, `seed ${seed}: ${vip}`);
    const after = NODES.map((name) => sim.agent(name).state.self.session);
    for (const [i, session] of after.entries()) assert.notEqual(session, incarnations[i]);
  }
});
