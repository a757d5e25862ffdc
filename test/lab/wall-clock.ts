import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Lab } from './lab.ts';
import { run } from './run.ts';
import type { Node } from './types.ts';

const source = join(import.meta.dirname, 'wall-clock.c');

/**
 * Wall clocks of their own for the agents of a lab. All processes of a machine share its clock, so a
 * library that is preloaded into an agent and its wires stands in for a clock that somebody sets.
 */
export class WallClocks {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** Builds the library with the machine's C compiler, which scripts/setup needs too. */
  static async build({ controlPlane: { folder } }: Lab): Promise<WallClocks> {
    const library = join(folder, 'wall-clock.so');
    await run('cc', ['-shared', '-fPIC', '-O2', '-Wall', '-Werror', '-o', library, source]);
    return new WallClocks(folder);
  }

  /** What an agent has to be started with so that `set` reaches it. */
  environment(node: Node): Readonly<Record<string, string>> {
    this.set(node, 0);
    return {
      LD_PRELOAD: join(this.#folder, 'wall-clock.so'),
      LEASEHOLD_LAB_WALL_OFFSET: this.#file(node),
    };
  }

  /** Sets the wall clock of the node's agent ahead of the true time, or behind it. */
  set(node: Node, seconds: number): void {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(BigInt(seconds));
    const file = this.#file(node);
    // Written into, not made anew: the agent has mapped it.
    writeFileSync(file, bytes, { flag: existsSync(file) ? 'r+' : 'w' });
  }

  #file({ name }: Node): string {
    return join(this.#folder, `${name}.wall-offset`);
  }
}
