/**
 * Node's spec report, plus one rule: with LEASEHOLD_NO_SKIP=1 a skipped test fails the run. It says
 * so where it happens, and the summary stays the last thing that is printed.
 */
import { Readable } from 'node:stream';
import { spec as Spec, type TestEvent } from 'node:test/reporters';

const forbidden = process.env['LEASEHOLD_NO_SKIP'] === '1';

async function* watched(source: AsyncIterable<TestEvent>): AsyncGenerator<TestEvent> {
  for await (const event of source) {
    if (forbidden && event.type === 'test:pass') {
      const { skip, name, file = '' } = event.data;
      if (skip !== undefined && skip !== false) {
        failAtExit();
        const message = `Not allowed to skip here (LEASEHOLD_NO_SKIP=1): "${name}": ${skip}\n`;
        yield { type: 'test:stderr', data: { file, message } };
      }
    }
    yield event;
  }
}

/** The runner sets its exit code last; only an exit handler comes after that. */
function failAtExit(): void {
  process.once('exit', () => {
    process.exitCode = 1;
  });
}

export default async function* report(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const text of Readable.from(watched(source)).pipe(new Spec())) yield String(text);
}
