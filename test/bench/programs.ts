import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../lab/run.ts';

/** The benchmark's C programs, compiled afresh into a folder that is removed at the end. */
export interface Programs extends Disposable {
  readonly prober: string;
  readonly responder: string;
}

/** Compiles prober and responder with `cc -O2`; rejects with the compiler's words. */
export async function compilePrograms(): Promise<Programs> {
  const folder = mkdtempSync(join(tmpdir(), 'leasehold-bench-'));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  try {
    const compile = async (name: string) => {
      const program = join(folder, name);
      const source = join(import.meta.dirname, `${name}.c`);
      await run('cc', ['-O2', '-Wall', '-Wextra', '-o', program, source]);
      return program;
    };
    const [prober, responder] = [await compile('prober'), await compile('responder')];
    return { prober, responder, [Symbol.dispose]: remove };
  } catch (error) {
    remove();
    throw error;
  }
}
