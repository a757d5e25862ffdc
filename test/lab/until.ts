import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Asks `question` every `every` milliseconds until it gives something other than undefined or
 * false;
 * rejects after `timeout` milliseconds with `what` and the last error, if it threw.
 */
export async function until<T>(
  what: string,
  question: () => T | undefined | false | Promise<T | undefined | false>,
  { timeout = 30_000, every = 50 }: { timeout?: number; every?: number } = {},
): Promise<T> {
  const deadline = performance.now() + timeout;
  let problem = '';
  for (;;) {
    try {
      const answer = await question();
      if (answer !== undefined && answer !== false) return answer;
      problem = '';
    } catch (error) {
      problem = `: ${error instanceof Error ? error.message : String(error)}`;
    }
    if (performance.now() > deadline)
      throw new Error(`not within ${timeout} ms: ${what}${problem}`);
    await sleep(every);
  }
}
