import type { ProbeAnswer, TargetSummary, Turn } from './protocol.ts';

/** The books of one target: which questions are open, and who answered when. */
export interface Tally {
  sent(id: number, at: number): void;
  /** `id` undefined: the protocol numbers no questions, and the youngest open one is meant. */
  answered(id: number | undefined, by: string, at: number): ProbeAnswer;
  summary(): TargetSummary;
}

/** An answer older than this answers nothing any more: it counts as extra, its question as lost. */
const PATIENCE_MS = 5000;

export function tallyOf(target: string): Tally {
  const open = new Map<number, number>();
  const counts = { sent: 0, answered: 0, extra: 0 };
  const answersBy: Record<string, number> = {};
  const turns: Turn[] = [];
  let lastSent: number | undefined;
  let gapFrom: number | undefined;
  let longestGap: { from: number; to: number } | undefined;
  const gapTo = (to: number) => {
    if (gapFrom !== undefined && to - gapFrom > lengthOf(longestGap)) {
      longestGap = { from: gapFrom, to };
    }
  };
  return {
    sent: (id, at) => {
      counts.sent++;
      lastSent = at;
      gapFrom ??= at;
      for (const [old, sentAt] of open) {
        if (sentAt >= at - PATIENCE_MS) break;
        open.delete(old);
      }
      open.set(id, at);
    },
    answered: (id, by, at) => {
      const asked = id ?? [...open.keys()].at(-1);
      const sentAt = asked === undefined ? undefined : open.get(asked);
      if (asked !== undefined) open.delete(asked);
      if (sentAt === undefined) counts.extra++;
      else counts.answered++;
      answersBy[by] = (answersBy[by] ?? 0) + 1;
      gapTo(at);
      gapFrom = at;
      addTurn(turns, by, at);
      const roundTripMs = sentAt === undefined ? undefined : at - sentAt;
      return { target, at, by, roundTripMs };
    },
    summary: () => {
      if (lastSent !== undefined) gapTo(lastSent);
      return {
        ...counts,
        lost: counts.sent - counts.answered,
        answersBy,
        longestGapMs: lengthOf(longestGap),
        longestGap,
        turns,
      };
    },
  };
}

function addTurn(turns: Turn[], by: string, at: number): void {
  const last = turns.at(-1);
  if (last?.by === by) turns[turns.length - 1] = { ...last, to: at, answers: last.answers + 1 };
  else turns.push({ by, from: at, to: at, answers: 1 });
}

function lengthOf(gap: { from: number; to: number } | undefined): number {
  return gap === undefined ? 0 : gap.to - gap.from;
}
