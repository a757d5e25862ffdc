import type { JudgeReport } from './judge.ts';
import type { Asked } from './verdict.ts';

export interface Spread {
  readonly count: number;
  readonly min: number;
  readonly median: number;
  readonly p99: number;
  readonly max: number;
}

/** Smallest, middle, 99th percentile (nearest rank) and largest; all NaN without values. */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const rank = (share: number) =>
    sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
  const middle = sorted.length % 2 === 1 ? rank(0.5) : (rank(0.5) + rankAbove(sorted)) / 2;
  return { count: sorted.length, min: rank(0), median: middle, p99: rank(0.99), max: rank(1) };
}

function rankAbove(sorted: readonly number[]): number {
  return sorted[sorted.length / 2] ?? Number.NaN;
}

/** Lines of a table: the first row is the head; columns of numbers are set flush right. */
export function tableLines(rows: readonly (readonly string[])[]): string[] {
  const columns = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(0, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const isNumeric = widths.map((_, column) =>
    rows.slice(1).every((row) => /^[-\d.,%\s]*(ms|s|µs)?$/.test(row[column] ?? '')),
  );
  const line = (row: readonly string[]) =>
    widths
      .map((width, column) => {
        const text = row[column] ?? '';
        return isNumeric[column] === true ? text.padStart(width) : text.padEnd(width);
      })
      .join('  ')
      .trimEnd();
  const rule = widths.map((width) => '-'.repeat(width)).join('  ');
  const [head, ...body] = rows;
  return head === undefined ? [] : [line(head), rule, ...body.map(line)];
}

/** One line per measure with its count, minimum, median and maximum, in the unit of the values. */
export function spreadLines(
  measures: readonly { readonly name: string; readonly values: readonly number[] }[],
  digits: number,
): string[] {
  const rows = measures.map(({ name, values }) => {
    const { count, min, median, max } = spreadOf(values);
    return [name, String(count), ...[min, median, max].map((value) => inDigits(value, digits))];
  });
  return tableLines([['measure', 'runs', 'min', 'median', 'max'], ...rows]);
}

/** Who had each address and when, with marks in between; times in seconds since the judge started. */
export function ownerTimeline(report: JudgeReport): string[] {
  const since = (at: number) => `${((at - report.from) / 1000).toFixed(3).padStart(8)} s`;
  const lines: { at: number; text: string }[] = report.marks.map(({ label, at }) => ({
    at,
    text: `---- ${label}`,
  }));
  for (const record of report.vips.values()) {
    for (const { from, to, host, mac, answers, announcements } of record.owners) {
      const counts = `${answers} answers, ${announcements} announcements`;
      const text = `${record.vip} at ${host} (${mac}) until ${since(to).trim()}: ${counts}`;
      lines.push({ at: from, text });
    }
    for (const { from, ms, questions, to } of record.stretches) {
      const open = to === undefined ? ', still so at the end' : '';
      const text = `${record.vip} unanswered for ${ms.toFixed(0)} ms (${questions} requests)${open}`;
      lines.push({ at: from, text });
    }
    for (const asked of record.doubled) {
      lines.push({ at: asked.question.at, text: `${record.vip} DOUBLED: ${answerersOf(asked)}` });
    }
  }
  return lines.sort((a, b) => a.at - b.at).map(({ at, text }) => `${since(at)}  ${text}`);
}

function answerersOf({ question, answers }: Asked): string {
  return answers
    .map(({ host, mac, at }) => `${host} (${mac}) after ${(at - question.at).toFixed(1)} ms`)
    .join(', ');
}

function inDigits(value: number, digits: number): string {
  return Number.isNaN(value) ? '-' : value.toFixed(digits);
}
