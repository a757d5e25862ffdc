/** A probe: runs inside a client's namespace, told what to do by the first line of its standard input. */
import { createInterface } from 'node:readline';
import type { Asker, AskerEvents } from './ask.ts';
import { askHttp } from './ask-http.ts';
import { askArp, askNdp } from './ask-neighbour.ts';
import { askUdp } from './ask-udp.ts';
import { startPace, wallClock } from './pace.ts';
import type { ProbeConfig, ProbeKind, ProberLine } from './protocol.ts';
import { summaryOf } from './summary.ts';
import { tallyOf } from './tally.ts';

const ASKERS: Record<ProbeKind, (config: ProbeConfig, events: AskerEvents) => Asker> = {
  udp: askUdp,
  http: askHttp,
  arp: askArp,
  ndp: askNdp,
};

function say(line: ProberLine): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

/** Starts to ask; the result ends it and tells what came of it. */
function run(config: ProbeConfig): () => Promise<void> {
  const tallies = new Map(config.targets.map((target) => [target, tallyOf(target)]));
  const roundTripsMs: number[] = [];
  const sendErrors: Record<string, number> = {};
  const asker = ASKERS[config.kind](config, {
    answered: (target, id, by) => {
      const answer = tallies.get(target)?.answered(id, by, wallClock());
      if (answer === undefined) return;
      if (answer.roundTripMs !== undefined) roundTripsMs.push(answer.roundTripMs);
      if (config.live === 'live') say({ kind: 'answer', answer });
    },
    refused: (code) => {
      sendErrors[code] = (sendErrors[code] ?? 0) + 1;
    },
  });
  let next = 0;
  const pace = startPace(config.intervalMs, () => {
    const target = config.targets[next % config.targets.length] ?? '';
    tallies.get(target)?.sent(next, wallClock());
    asker.ask(target, next);
    next++;
  });
  return async () => {
    const timing = pace.stop();
    await new Promise((wake) => setTimeout(wake, config.graceMs));
    asker.close();
    const { kind } = config;
    const summary = summaryOf(tallies, { kind, roundTripsMs, sendErrors, ...timing });
    say({ kind: 'summary', summary });
  };
}

let stop: (() => Promise<void>) | undefined;
let stopping = false;
const lines = createInterface({ input: process.stdin });
lines.on('line', (line) => {
  try {
    if (stop === undefined) {
      const config: ProbeConfig = JSON.parse(line);
      stop = run(config);
      say({ kind: 'ready' });
    } else {
      stopping = true;
      void stop().then(() => process.stdout.write('', () => process.exit(0)));
    }
  } catch (error) {
    say({ kind: 'failed', reason: String(error) });
    process.stdout.write('', () => process.exit(1));
  }
});
// The one who started it is gone.
lines.on('close', () => {
  if (!stopping) process.exit(1);
});
