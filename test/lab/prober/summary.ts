import type { ProbeSummary, TargetSummary } from './protocol.ts';
import type { Tally } from './tally.ts';

/** All targets of a probe in one: counts add up, the longest gap is that of the worst target. */
export function summaryOf(
  tallies: ReadonlyMap<string, Tally>,
  rest: Pick<ProbeSummary, 'kind' | 'roundTripsMs' | 'sendErrors' | 'ownStalls' | 'skipped'>,
): ProbeSummary {
  const targets: Record<string, TargetSummary> = {};
  const answersBy: Record<string, number> = {};
  for (const [target, tally] of tallies) {
    const summary = tally.summary();
    targets[target] = summary;
    for (const [by, count] of Object.entries(summary.answersBy)) {
      answersBy[by] = (answersBy[by] ?? 0) + count;
    }
  }
  const all = Object.values(targets);
  const sum = (key: 'sent' | 'answered' | 'lost' | 'extra') =>
    all.reduce((total, target) => total + target[key], 0);
  const worst = all.reduce<TargetSummary | undefined>(
    (best, target) =>
      best === undefined || target.longestGapMs > best.longestGapMs ? target : best,
    undefined,
  );
  return {
    ...rest,
    sent: sum('sent'),
    answered: sum('answered'),
    lost: sum('lost'),
    extra: sum('extra'),
    answersBy,
    longestGapMs: worst?.longestGapMs ?? 0,
    longestGap: worst?.longestGap,
    targets,
  };
}
