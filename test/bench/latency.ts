import { run } from '../lab/run.ts';
import type { Client } from '../lab/types.ts';

/** What the prober is to do, and from where. */
export interface ProbePlan {
  readonly prober: string;
  readonly client: Client;
  readonly targets: readonly string[];
  /** One request to each target per round. */
  readonly rounds: number;
  /** Between two requests, whichever their targets. */
  readonly intervalMs: number;
}

/** What one target answered; times in microseconds, one per answered request, in the order of the requests. */
export interface Answers {
  /** From before send() to after recv(), as a program on the client sees it. */
  readonly elapsed: number[];
  /** Until the client's kernel had the answer: without the waking up of the prober. */
  readonly wire: number[];
  readonly macs: Set<string>;
  lost: number;
  /** Answers beyond the first to a request: a second answerer, if not 0. */
  extra: number;
}

/** Probes all targets in one run, their requests interleaved; rejects if the prober fails. */
export async function probe(plan: ProbePlan): Promise<ReadonlyMap<string, Answers>> {
  const { prober, client, targets, rounds, intervalMs } = plan;
  const args = [client.link, client.wideIpv4, String(rounds), String(intervalMs * 1000)];
  const timeout = 2 * rounds * targets.length * intervalMs + 30_000;
  const { netns } = client;
  const output = await run(prober, [...args, ...targets], { netns, timeout });
  const all = new Map(targets.map((target) => [target, noAnswers()]));
  for (const line of output.split('\n')) {
    const [target = '', what = '', mac = '', wire = ''] = line.split(' ');
    const answers = all.get(target);
    if (answers === undefined) continue;
    if (mac !== '') answers.macs.add(mac);
    if (what === 'lost') answers.lost++;
    else if (what === 'again') answers.extra++;
    else {
      answers.elapsed.push(Number(what) / 1000);
      answers.wire.push(Number(wire) / 1000);
    }
  }
  return all;
}

function noAnswers(): Answers {
  return { elapsed: [], wire: [], macs: new Set(), lost: 0, extra: 0 };
}
