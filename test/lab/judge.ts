import {
  type CapturedFrame,
  type CaptureHealth,
  NEIGHBOUR_FILTER,
  startCapture,
} from './capture.ts';
import type { Assertion } from './sighting.ts';
import { type VipRecord, verdict } from './verdict.ts';

export interface JudgeOptions {
  readonly netns: string;
  /** Port name in that namespace -> host; `lab.segment` fits as it is. */
  readonly ports: ReadonlyMap<string, string>;
  /** Addresses to judge; without it every address that was asked for. */
  readonly vips?: readonly string[] | undefined;
  /** Keeps the raw capture there, for `printPcap`. */
  readonly file?: string | undefined;
}

export interface Judge {
  /** Notes the present moment under a name, and returns it (milliseconds since 1970). */
  mark(label: string): number;
  /** The report on all that has been read by now, without ending. */
  soFar(): JudgeReport;
  /** Reads what is still under way, ends the capture and reports. */
  finish(): Promise<JudgeReport>;
}

export interface Mark {
  readonly label: string;
  readonly at: number;
}

export interface JudgeReport {
  readonly from: number;
  readonly to: number;
  readonly marks: readonly Mark[];
  /** If this is not complete, the rest proves nothing. Undefined while the capture runs. */
  readonly health: CaptureHealth | undefined;
  readonly vips: ReadonlyMap<string, VipRecord>;
  readonly frames: readonly CapturedFrame[];
}

/** A jump of the wall clock beyond this would falsify the stretches that a report measures. */
const CLOCK_STEP_MS = 20;

/** Starts to watch every port of a switch; resolves once no frame can be missed any more. */
export async function startJudge(options: JudgeOptions): Promise<Judge> {
  const capture = await startCapture({ ...options, filter: NEIGHBOUR_FILTER });
  const from = Date.now();
  const monotonicFrom = performance.now();
  const marks: Mark[] = [];
  const report = (health: CaptureHealth | undefined): JudgeReport => {
    const frames = capture.frames();
    const to = Date.now();
    const vips = verdict(frames, { vips: options.vips, end: to });
    return { from, to, marks, health, vips, frames };
  };
  return {
    mark: (label) => {
      const at = Date.now();
      marks.push({ label, at });
      return at;
    },
    soFar: () => report(undefined),
    finish: async () => {
      const health = await capture.stop();
      const step = Date.now() - from - (performance.now() - monotonicFrom);
      if (Math.abs(step) < CLOCK_STEP_MS) return report(health);
      const complaint = `the wall clock was moved by ${step.toFixed(0)} ms during the capture`;
      return report({
        ...health,
        complete: false,
        complaints: [...health.complaints, complaint],
      });
    },
  };
}

/** Everything by which a host claimed an address after an instant: answers, announcements, requests sent from it. */
export function answersFrom(
  report: JudgeReport,
  host: string,
  after: number,
): readonly Assertion[] {
  return [...report.vips.values()]
    .flatMap(({ assertions }) => assertions)
    .filter((assertion) => assertion.host === host && assertion.at > after)
    .sort((a, b) => a.at - b.at);
}

/** What keeps a report from being the perfect record of a quiet segment; empty if it is one. */
export function complaintsOf(report: JudgeReport): string[] {
  const complaints = [...(report.health?.complaints ?? ['the capture is still running'])];
  for (const record of report.vips.values()) {
    const note = (count: number, what: string) => {
      if (count > 0) complaints.push(`${record.vip}: ${count} ${what}`);
    };
    note(record.doubled.length, 'requests answered twice');
    note(record.unanswered, `of ${record.questions} requests unanswered`);
    note(record.strays.length, 'answers that nobody had asked for');
    note(Math.max(0, record.owners.length - 1), 'changes of owner');
  }
  return complaints;
}
