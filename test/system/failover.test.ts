import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { FAULT_CASES, type FaultResult, runFault } from '../lab/fault-cases.ts';
import { labRefusal } from '../lab/refusal.ts';
import { type RunningLab, startRunningLab } from '../lab/running-lab.ts';

const refusal = labRefusal();
const skip = refusal ?? false;
/**
 * takerPatience, a write, a barrier, and a second for a busy machine. The measured figures are those of
 * `npm run faults`, in docs/faults.md: this is the bound beyond which something is broken.
 */
const BOUND_MS = 4000;
/** Cases whose owner goes on forwarding, so that a client with a warm cache loses nothing. */
const LOSSLESS = ['kill', 'term', 'api-cut', 'stop-agent', 'stop-wire'];

describe('failover on a real segment, three nodes, standard profile', { skip }, () => {
  let running: RunningLab;
  let vip: string;

  before(async () => {
    running = await startRunningLab();
    await running.lab.service({ name: 'web', backends: running.lab.backends });
    vip = await running.lab.vip('web');
  });
  after(() => running?.[Symbol.asyncDispose]());

  for (const fault of FAULT_CASES) {
    test(`${fault.name}: ${fault.what}: one answerer at most, and one again in time`, async () => {
      const result = await runFault(running, fault, vip);
      assertSafe(result);
      assert(result.longestUnansweredMs <= BOUND_MS, describeRun(result));
      if (LOSSLESS.includes(fault.name)) assert.equal(result.udpLost, 0, describeRun(result));
    });
  }
});

function assertSafe(result: FaultResult): void {
  assert.equal(result.doubled, 0, `requests answered by two MACs: ${describeRun(result)}`);
  assert.equal(result.stale, 0, `answers by a node that had been stopped: ${describeRun(result)}`);
}

function describeRun(result: FaultResult): string {
  return [JSON.stringify({ ...result, timeline: undefined }), ...result.timeline].join('\n');
}
