import { setTimeout as sleep } from 'node:timers/promises';
import { type FaultCase, type FaultResult, type Length, watchOf } from './fault.ts';
import { FAULT_LABS, type FaultLab, type RunningFaultLab, startFaultLab } from './fault-labs.ts';
import type { Protection } from './running-lab.ts';

/** A lab that fails so often in a row is not started again. */
const FAILURES_MAX = 3;
const BEFORE_NEXT_LAB_MS = 1000;

/** What a series has to make. */
export interface SeriesPlan {
  /** Names of cases. */
  readonly cases: readonly string[];
  readonly runs: number;
  readonly nodes: number;
  readonly profile: string;
  readonly protection: Protection;
  readonly length: Length;
  readonly watchMs?: number | undefined;
}

/** What a series tells while it is under way. */
export interface SeriesEvents {
  onCase(fault: FaultCase): void;
  onResult(
    result: FaultResult,
    run: { readonly index: number; readonly lab: RunningFaultLab },
  ): void;
  onFailure(error: unknown): void;
}

/** Makes what is missing in `done`, lab by lab; returns how many runs could not be made. */
export async function runSeries(
  plan: SeriesPlan,
  done: readonly FaultResult[],
  events: SeriesEvents,
): Promise<number> {
  let missed = 0;
  for (const faultLab of FAULT_LABS) {
    const todo = new Map<FaultCase, number>();
    for (const fault of faultLab.cases) {
      const made = done.filter((result) => isOf(result, fault, plan)).length;
      if (plan.cases.includes(fault.name) && made < plan.runs) todo.set(fault, plan.runs - made);
    }
    missed += await inLabs(faultLab, todo, plan, events);
  }
  return missed;
}

/** Whether a result counts as a run of the case in this series. */
function isOf(result: FaultResult, fault: FaultCase, plan: SeriesPlan): boolean {
  const { nodes, protection, length, watchMs = watchOf(fault, length) } = plan;
  const samePlace = result.nodes === nodes && result.protection === protection;
  const sameLength = result.length === length && result.watchMs === watchMs;
  return result.case === fault.name && samePlace && sameLength;
}

/** A run that fails leaves a lab that proves nothing: the next one gets another. */
async function inLabs(
  faultLab: FaultLab,
  todo: Map<FaultCase, number>,
  plan: SeriesPlan,
  events: SeriesEvents,
): Promise<number> {
  for (let failures = 0; failures < FAILURES_MAX; ) {
    const before = [...todo.values()];
    if (todo.size === 0) return 0;
    try {
      await inLab({ ...faultLab, cases: [...todo.keys()] }, todo, plan, events);
    } catch (error) {
      events.onFailure(error);
      failures = before.join() === [...todo.values()].join() ? failures + 1 : 1;
      await sleep(BEFORE_NEXT_LAB_MS);
    }
  }
  return [...todo.values()].reduce((sum, runs) => sum + runs, 0);
}

async function inLab(
  faultLab: FaultLab,
  todo: Map<FaultCase, number>,
  { runs, nodes, profile, protection, length, watchMs }: SeriesPlan,
  events: SeriesEvents,
): Promise<void> {
  const agentFlags = ['--profile', profile, '--log-level', 'debug'];
  await using lab = await startFaultLab(faultLab, { nodes, protection, agentFlags });
  for (const [fault, count] of [...todo]) {
    events.onCase(fault);
    for (let left = count; left > 0; left -= 1) {
      const result = await lab.run(fault, { length, watchMs });
      events.onResult(result, { index: runs - left + 1, lab });
      if (left > 1) todo.set(fault, left - 1);
      else todo.delete(fault);
    }
  }
}
