/** What is done to the single lines of a watch. */
export type LineFault = 'garbled-watches' | 'bookmarks-only';

export interface Garbled {
  readonly lines: readonly string[];
  /** The watch ends after them. */
  readonly ends: boolean;
}

const SHARE = 0.3;
const LIFETIME = 20;
const GONE =
  '{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","status":"Failure","code":410,' +
  '"reason":"Expired","message":"too old resource version (the fault proxy says so)"}}';

/** One watch: doubles lines, hands on others after the next, and ends with 410 after 20 of them. */
export function garbler(): (line: string, fault: LineFault | undefined) => Garbled {
  let kept: string[] = [];
  let count = 0;
  return (line, fault) => {
    const before = kept;
    kept = [];
    if (fault === undefined) return { lines: [...before, line], ends: false };
    if (fault === 'bookmarks-only') {
      return { lines: line.includes('"type":"BOOKMARK"') ? [line] : [], ends: false };
    }
    count += 1;
    if (count > LIFETIME) return { lines: [line, GONE], ends: true };
    const chance = Math.random();
    if (chance < SHARE) return { lines: [line, ...before, line], ends: false };
    if (chance < 2 * SHARE && before.length === 0) {
      kept = [line];
      return { lines: [], ends: false };
    }
    return { lines: [line, ...before], ends: false };
  };
}
