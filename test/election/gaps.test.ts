import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkedTiming } from '../../src/election/timing.ts';
import type { SimCluster } from '../support/sim-cluster.ts';
import { brokenNow, newPast } from '../support/sim-properties.ts';
import { simCluster } from '../support/sim-run.ts';
import type { Surroundings } from '../support/sim-segment.ts';
import { EVERY_FAULT } from '../support/sim-story.ts';

const SEEDS = [1, 2, 3, 4, 5, 6];
const standard = checkedTiming('standard');

/** A cluster at rest with a witness, and a check of S1 to S6 that also measures who is not answered for. */
function atRest(seed: number, nodes: number, surroundings?: Surroundings) {
  const around = surroundings === undefined ? {} : { surroundings };
  const sim = simCluster(seed, { ...EVERY_FAULT, ...around, nodes, witness: 'on' });
  sim.run(8000);
  const past = newPast(standard);
  const lastAnswer = new Map(sim.allVips.map((vip) => [vip, sim.now]));
  let longestMs = 0;
  // Something happens often enough for the measure.
  const tick = () => sim.after(2, tick);
  tick();
  const check = () => {
    assert.equal(brokenNow(sim, past), undefined, `seed ${seed}`);
    for (const vip of sim.allVips) {
      if (sim.answerers(vip).length === 0) continue;
      longestMs = Math.max(longestMs, sim.now - (lastAnswer.get(vip) ?? 0));
      lastAnswer.set(vip, sim.now);
    }
  };
  const longest = () => {
    for (const at of lastAnswer.values()) longestMs = Math.max(longestMs, sim.now - at);
    return longestMs;
  };
  return { sim, check, longest };
}

const CASES: readonly {
  readonly name: string;
  readonly nodes: number;
  /** What else is on the segment, if that matters. */
  readonly surroundings?: Surroundings;
  /** The longest stretch without an answer for any VIP, in milliseconds. */
  readonly atMost: number;
  readonly fault: (sim: SimCluster) => void;
  readonly forMs: number;
  /** Whether VIPs may move. */
  readonly moves: boolean;
}[] = [
  {
    name: 'L4: the API server is away for a minute: every VIP is answered all along, nothing moves',
    nodes: 3,
    atMost: 10,
    fault: (sim) => {
      for (const name of sim.nodes.keys()) sim.api.cutOff(sim.node(name), 60_000);
    },
    forMs: 70_000,
    moves: false,
  },
  {
    name: 'L4: etcd stands still for 6 s and then carries out what was given up: nothing moves',
    nodes: 3,
    atMost: 10,
    fault: (sim) => {
      sim.api.stillUntil = sim.now + 6000;
    },
    forMs: 12_000,
    moves: false,
  },
  {
    name: 'L6: an agent that leaves hands over within 60 ms',
    nodes: 3,
    atMost: 60,
    fault: (sim) => sim.agent('n2').leave(),
    forMs: 6000,
    moves: true,
  },
  {
    name: 'L6: a cordoned node hands over within 60 ms',
    nodes: 3,
    atMost: 60,
    fault: (sim) => sim.ask({ draining: new Map([['n2', 'cordoned']]) }),
    forMs: 6000,
    moves: true,
  },
  {
    name: 'an owner that is cut off from the API server hands over within 60 ms',
    nodes: 3,
    atMost: 60,
    fault: (sim) => sim.api.cutOff(sim.node('n2'), 8000),
    forMs: 10_000,
    moves: true,
  },
  {
    name: 'a host that dies is replaced within 450 ms where three were live',
    nodes: 3,
    atMost: 450,
    fault: (sim) => sim.crash('n2'),
    forMs: 5000,
    moves: true,
  },
  {
    name: '4.4.1: of two hosts one dies: a gateway that answers proves the ears of the other',
    nodes: 2,
    surroundings: 'a gateway',
    atMost: 450,
    fault: (sim) => sim.crash('n2'),
    forMs: 5000,
    moves: true,
  },
  {
    name: '4.4.1: of two hosts one dies, and nobody answers the other: the lease decides',
    nodes: 2,
    surroundings: 'nobody',
    atMost: 3000,
    fault: (sim) => sim.crash('n2'),
    forMs: 5000,
    moves: true,
  },
  {
    name: '4.4.1: of two agents one dies, and its own kernel proves the ears of the other',
    nodes: 2,
    surroundings: 'nobody',
    atMost: 450,
    fault: (sim) => sim.kill('n2'),
    forMs: 5000,
    moves: true,
  },
  {
    name: 'an agent that is stopped hands over within 200 ms: its wires say so',
    nodes: 3,
    atMost: 200,
    fault: (sim) => {
      sim.node('n2').agentStoppedUntil = sim.now + 20_000;
    },
    forMs: 25_000,
    moves: true,
  },
  {
    name: 'a host that stands still for 20 s is replaced within 450 ms, and answers nothing after',
    nodes: 3,
    atMost: 450,
    fault: (sim) => sim.stop(sim.node('n2'), 20_000),
    forMs: 25_000,
    moves: true,
  },
  {
    name: 'stops of 150 ms move nothing',
    nodes: 3,
    atMost: 320,
    fault: (sim) => {
      for (let i = 0; i < 20; i += 1) sim.after(i * 500, () => sim.stop(sim.node('n2'), 150));
    },
    forMs: 12_000,
    moves: false,
  },
  {
    name: 'L7: beats of which a tenth is lost, late by up to 20 ms, move nothing for a minute',
    nodes: 3,
    atMost: 10,
    fault: (sim) => sim.segment?.roughen({ loss: 0.1, duplication: 0.1, delayMs: 20 }, 60_000),
    forMs: 50_000,
    moves: false,
  },
];

for (const { name, nodes, surroundings, atMost, fault, forMs, moves } of CASES) {
  test(name, (t) => {
    let worst = 0;
    for (const seed of SEEDS) {
      const { sim, check, longest } = atRest(seed, nodes, surroundings);
      const before = sim.journal.moves;
      fault(sim);
      sim.run(forMs, check);
      worst = Math.max(worst, longest());
      if (!moves) assert.equal(sim.journal.moves, before, `seed ${seed}: something moved`);
      for (const vip of sim.allVips) {
        assert.equal(sim.answerers(vip).length, 1, `seed ${seed}: ${vip}\n${sim.describe()}`);
      }
    }
    t.diagnostic(`longest: ${worst.toFixed(0)} ms`);
    assert(worst <= atMost, `${worst.toFixed(0)} ms without an answer, at most ${atMost}`);
  });
}

test('4.4.1: of two hosts one is deaf and mute: it says of nobody that he is dead', () => {
  for (const seed of SEEDS) {
    const { sim, check } = atRest(seed, 2, 'a gateway');
    sim.segment?.mute('n1', 4000);
    sim.segment?.deafen('n1', 4000);
    const fences = new Set<string>();
    sim.run(3500, () => {
      check();
      for (const fence of sim.agent('n1').state.verdicts.fences) fences.add(fence);
    });
    assert.deepEqual([...fences], [], `seed ${seed}`);
    for (const vip of sim.allVips) assert.deepEqual(sim.answerers(vip), ['n2'], `seed ${seed}`);
  }
});
