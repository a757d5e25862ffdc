import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Found, series } from './sim-series.ts';
import { EVERY_FAULT, type SimPlan } from './sim-story.ts';

const ROOT = join(import.meta.dirname, '../..');

/** A change of one file of the sources: `find` stands there exactly once. */
export interface Patch {
  readonly file: string;
  readonly find: string;
  readonly put: string;
}

/** A rule of the core, switched off in a copy of the sources. */
export interface Ablation {
  readonly rule: string;
  readonly patches: readonly Patch[];
  /** Faults under which the rule matters; all if not given. */
  readonly faults?: readonly string[];
  readonly plan?: Partial<SimPlan>;
  /** Seeds, from 1, within which the simulator must find a breach. */
  readonly seeds: number;
}

/** What the simulator found with the rule switched off, undefined if nothing within its seeds. */
export async function caught(ablation: Ablation): Promise<Found | undefined> {
  const copy = copyOf(ablation);
  try {
    const worker = pathToFileURL(join(copy, 'test/support/sim-worker.ts'));
    return await firstFound(ablation, ablation.seeds, worker);
  } finally {
    rmSync(copy, { recursive: true });
  }
}

/** What it finds with the rule in force under the same faults, up to the seed that told. */
export function caughtWithout(ablation: Ablation, lastSeed: number): Promise<Found | undefined> {
  return firstFound(ablation, lastSeed);
}

async function firstFound(
  { faults, plan }: Ablation,
  seeds: number,
  worker?: URL,
): Promise<Found | undefined> {
  const tally = await series({
    from: 1,
    seeds,
    // Seeds were counted on a busy segment; a rule for quiet ones says so.
    plan: {
      ...EVERY_FAULT,
      surroundings: 'busy',
      ...plan,
      ...(faults !== undefined && { faults }),
    },
    shrinks: false,
    ...(worker !== undefined && { worker }),
  });
  return tally.breaches.toSorted((a, b) => a.seed - b.seed)[0];
}

/** The sources with the patches, runnable, in a folder of their own; throws if a patch no longer fits. */
export function copyOf({ rule, patches }: Pick<Ablation, 'rule' | 'patches'>): string {
  const folder = mkdtempSync(join(tmpdir(), 'leasehold-ablation-'));
  try {
    mkdirSync(join(folder, 'test'));
    cpSync(join(ROOT, 'src'), join(folder, 'src'), { recursive: true });
    cpSync(join(ROOT, 'test/support'), join(folder, 'test/support'), { recursive: true });
    cpSync(join(ROOT, 'package.json'), join(folder, 'package.json'));
    symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
    for (const { file, find, put } of patches) {
      const path = join(folder, file);
      const parts = readFileSync(path, 'utf8').split(find);
      if (parts.length !== 2) {
        throw new Error(
          `The patch no longer fits: '${rule}' looks for this in ${file} and finds it ` +
            `${parts.length - 1} times, so the rule has moved. Adapt the patch to it:\n${find}`,
        );
      }
      writeFileSync(path, parts.join(put));
    }
  } catch (error) {
    rmSync(folder, { recursive: true });
    throw error;
  }
  return folder;
}
