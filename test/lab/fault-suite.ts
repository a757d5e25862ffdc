import assert from 'node:assert/strict';
import { test } from 'node:test';
import { breaches, generous, isTested, unsafe } from './fault.ts';
import { FAULT_LABS, type FaultLab, startFaultLab } from './fault-labs.ts';
import { told } from './fault-told.ts';
import { labRefusal } from './refusal.ts';
import type { Protection } from './running-lab.ts';

/**
 * A machine that does other things too may stop an agent for longer than its peers wait: then a VIP
 * moves as it should, but not as the case says. The best of so many attempts is what Leasehold does.
 * Unsafe answers fail at once; the long series (`npm run faults`) excuses nothing.
 */
const ATTEMPTS = 3;

/** Makes each case of a lab once, as the tests of one test file. */
export function testFaults(name: FaultLab['name'], protection: Protection): void {
  const listed = FAULT_LABS.find((each) => each.name === name);
  if (listed === undefined) throw new RangeError(`there is no fault lab ${name}`);
  const faultLab = { ...listed, cases: listed.cases.filter(isTested) };
  const title = `faults, ${name}: three nodes, standard profile, ${protection}`;
  test(title, { skip: labRefusal() ?? false }, async (t) => {
    const started = startFaultLab(faultLab, { protection, agentFlags: ['--log-level', 'debug'] });
    await using lab = await started;
    for (const fault of faultLab.cases) {
      await t.test(`${fault.number} ${fault.name}: ${fault.what}`, async (s) => {
        const bounds = generous(fault.accept[protection]);
        const failures: string[] = [];
        for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
          const result = await lab.run(fault, 'short');
          s.diagnostic(told(result));
          const found = breaches(result, bounds);
          if (found.length === 0) return;
          const story = [...found, told(result), ...result.timeline].join('\n');
          assert.deepEqual(unsafe(result), [], story);
          failures.push(story);
        }
        assert.fail(`beyond its bounds ${ATTEMPTS} times:\n${failures.join('\n\n')}`);
      });
    }
  });
}
