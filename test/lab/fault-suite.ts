import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  breaches,
  type FaultCase,
  type FaultResult,
  generous,
  isTested,
  titleOf,
  unsafe,
} from './fault.ts';
import { type FaultLab, type RunningFaultLab, startFaultLab } from './fault-labs.ts';
import { told } from './fault-told.ts';
import { labRefusal } from './refusal.ts';
import type { Protection } from './running-lab.ts';

/**
 * A machine that does other things too may stop an agent for longer than its peers wait: then a VIP
 * moves as it should, but not as the case says. So a run in which the probes themselves were stopped is
 * made again. Unsafe answers fail at once; the long series (`npm run faults`) excuses nothing.
 */
const ATTEMPTS = 3;

/** Makes each case of a lab once, as the tests of one test file. */
export function testFaults(faultLab: FaultLab, protection: Protection): void {
  const cases = faultLab.cases.filter(isTested);
  const title = `faults, ${faultLab.name}: three nodes, standard profile, ${protection}`;
  test(title, { skip: labRefusal() ?? false }, async (t) => {
    await using lab = new SharedLab({ ...faultLab, cases }, protection);
    for (const fault of cases) {
      await t.test(titleOf(fault), async (s) => {
        await testFault(lab, fault, (line) => s.diagnostic(line));
      });
    }
  });
}

/** One lab for all cases; after a case that could not be carried through, another. */
class SharedLab implements AsyncDisposable {
  readonly #faultLab: FaultLab;
  readonly #protection: Protection;
  #running: RunningFaultLab | undefined;

  constructor(faultLab: FaultLab, protection: Protection) {
    this.#faultLab = faultLab;
    this.#protection = protection;
  }

  async run(fault: FaultCase): Promise<FaultResult> {
    const agentFlags = ['--log-level', 'debug'];
    this.#running ??= await startFaultLab(this.#faultLab, {
      protection: this.#protection,
      agentFlags,
    });
    try {
      return await this.#running.run(fault, { length: 'short' });
    } catch (error) {
      await this[Symbol.asyncDispose]();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    await running?.[Symbol.asyncDispose]();
  }
}

async function testFault(
  lab: SharedLab,
  fault: FaultCase,
  say: (line: string) => void,
): Promise<void> {
  const stories: string[] = [];
  while (stories.length < ATTEMPTS) {
    const result = await lab.run(fault);
    say(told(result));
    const found = breaches(result, generous(fault.accept[result.protection]));
    if (found.length === 0) return;
    stories.push([...found, told(result), ...result.timeline].join('\n'));
    const isExcused = result.complaints.length > 0 && unsafe(result).length === 0;
    if (!isExcused) break;
  }
  assert.fail(`beyond its bounds:\n${stories.join('\n\nand once more:\n')}`);
}
