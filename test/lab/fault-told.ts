import type { FaultResult } from './fault.ts';

/** One line with the figures of a run. */
export function told(result: FaultResult): string {
  const { owner, successor = 'nobody', moves, doubled, stale, udpLost } = result;
  const ms = (value: number) => `${value.toFixed(0)} ms`;
  const gap = ms(result.longestUnansweredMs).padStart(8);
  const counts = `moves ${moves}, doubled ${doubled}, stale ${stale}, UDP lost ${udpLost}`;
  const others = `others ${ms(result.othersUnansweredMs)} and ${result.otherMoves} moves`;
  const more = Object.entries(result.more).map(([name, value]) => `; ${name}: ${value.toFixed(2)}`);
  const notes = result.complaints.length === 0 ? '' : `  (${result.complaints.join('; ')})`;
  return `${owner} -> ${successor}  ${gap}  ${counts}; ${others}${more.join('')}${notes}`;
}
