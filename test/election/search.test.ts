import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { copyOf, type Patch } from '../support/ablation.ts';
import { type Found, type SearchOptions, search } from '../support/search.ts';

/** A search that fits into the time of the tests; `npm run search` goes deeper. */
interface Run extends SearchOptions {
  readonly about: string;
  /** Nothing new is left before the depth is reached: no history of any length breaks a promise. */
  readonly isWhole: boolean;
  /** So many states at least: fewer would be a search that looks elsewhere. */
  readonly states: number;
}

const TWO = { nodes: 2, witness: false, start: 'steady' } as const;
const JOINED = { nodes: 2, witness: true, start: 'alone', depth: 80, isWhole: true } as const;
const THREE = { nodes: 3, witness: true, start: 'steady' } as const;

const RUNS: readonly Run[] = [
  {
    ...TWO,
    about: 'two nodes on Leases alone, any one fault but a host that boots anew',
    faults: 1,
    only: ['dies', 'stops', 'is killed', 'is late', 'is lost'],
    depth: 6,
    isWhole: false,
    states: 10_000,
  },
  {
    ...TWO,
    about: 'two nodes with the witness from a cold start, no fault',
    witness: true,
    start: 'cold',
    faults: 0,
    depth: 60,
    isWhole: true,
    states: 100,
  },
  {
    ...TWO,
    about:
      'two nodes with the witness; a node dies, or a request, its answer or a frame is late or lost',
    witness: true,
    faults: 1,
    only: ['dies', 'is late', 'is lost'],
    depth: 14,
    isWhole: false,
    states: 4000,
  },
  {
    ...JOINED,
    about: 'a lone speaker with the witness, and another that joins',
    faults: 0,
    states: 800,
  },
  {
    ...JOINED,
    about: 'a lone speaker that dies, and another that joins and asks for its VIP on the segment',
    faults: 1,
    only: ['n1 dies'],
    states: 10_000,
  },
  {
    ...THREE,
    about: 'three nodes with the witness, and one dies',
    faults: 1,
    only: ['dies'],
    depth: 6,
    isWhole: false,
    states: 2000,
  },
  {
    ...THREE,
    about: 'three nodes with the witness, no fault',
    faults: 0,
    depth: 60,
    isWhole: true,
    states: 300,
  },
];

for (const run of RUNS) {
  const { about, depth } = run;
  const end = run.isWhole ? 'however long' : `of ${depth} units`;
  test(`every history ${end} keeps S1 to S6: ${about}`, (t) => {
    const found = search(run);
    t.diagnostic(`${found.states} states, ${found.steps} steps, ${found.depth} units`);
    assert.equal(found.breach, undefined, textOf(found));
    assert.equal(found.isWhole, run.isWhole);
    assert(found.states >= run.states, `only ${found.states} states were found`);
  });
}

/** A rule switched off in a copy of the sources, and where its breach is to be found. */
interface Ablation extends SearchOptions {
  readonly rule: string;
  readonly patches: readonly Patch[];
  readonly property: string;
}

const ABLATIONS: readonly Ablation[] = [
  {
    ...TWO,
    rule: 'timings: takerPatience outlasts holderPatience on any clock',
    faults: 1,
    only: ['n1 stops but for its wire'],
    depth: 6,
    property: 'S1',
    patches: [
      {
        file: 'test/support/search-world.ts',
        find: 'takerPatience: 6 * UNIT_MS',
        put: 'takerPatience: 5 * UNIT_MS',
      },
      {
        file: 'src/election/timing.ts',
        find: '  if (taker < holder) {',
        put: '  if (taker < 0) {',
      },
    ],
  },
  {
    ...TWO,
    rule: 'I5: a successor on the same host waits for the last frame of its predecessor',
    faults: 1,
    only: ['is killed'],
    depth: 4,
    property: 'S4',
    patches: [
      {
        file: 'src/election/joining.ts',
        find: 'const LAST_FRAME_MS = 250;',
        put: 'const LAST_FRAME_MS = 0;',
      },
    ],
  },
];

for (const ablation of ABLATIONS) {
  const { rule, property } = ablation;
  test(`without this rule the search finds a breach of ${property}: ${rule}`, async (t) => {
    const found = await foundWithout(ablation);
    t.diagnostic(textOf(found));
    assert.equal(found.breach?.property, property);
    const control = search({ ...ablation, depth: found.depth });
    assert.equal(control.breach, undefined, textOf(control));
  });
}

async function foundWithout(ablation: Ablation): Promise<Found> {
  const copy = copyOf(ablation);
  try {
    const url = pathToFileURL(join(copy, 'test/support/search.ts'));
    const there: { readonly search: typeof search } = await import(url.href);
    return there.search(ablation);
  } finally {
    rmSync(copy, { recursive: true });
  }
}

function textOf({ breach, depth }: Found): string {
  if (breach === undefined) return `nothing is broken within ${depth} units`;
  return [`${breach.property}: ${breach.text}`, ...breach.history].join('\n');
}
