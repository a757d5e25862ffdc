import { readFileSync } from 'node:fs';
import type { Clock } from './clock.ts';
import type { Log } from './log.ts';

const POLL_MS = 2000;
const MIN_BYTES = 32;

/** Key files of the witness: raw bytes, taken as they are. */
export interface WitnessKeys {
  /** Their contents in hexadecimal, in the order of the files. */
  keys(): readonly string[];
  close(): void;
}

/**
 * Reads the key files, and again every 2 s: the kubelet replaces them in place. `onChange` is handed
 * the keys when any has changed. A file that does not exist is no key, since the Secret may come after
 * the agent and the second key comes and goes; once all are gone the last keys stay. One that cannot be
 * used any more keeps its key, and is logged once. Throws one sentence for a file that is too short or
 * unreadable at the start.
 */
export function watchWitnessKeys(
  files: readonly string[],
  { clock, log }: { readonly clock: Clock; readonly log: Log },
  onChange: (keys: readonly string[]) => void,
): WitnessKeys {
  const last = new Map<string, string>();
  const failing = new Set<string>();
  const again = (file: string): string | undefined => {
    try {
      const key = readKey(file);
      if (key !== undefined && failing.delete(file)) {
        log.info({ file }, 'the key file of the witness can be used again');
      }
      return key;
    } catch (error) {
      if (!failing.has(file)) log.warn({ file, error }, 'the key of the witness stays what it was');
      failing.add(file);
      return last.get(file);
    }
  };
  let keys = taken(files, readKey, last);
  const poll = clock.every(POLL_MS, () => {
    const seen = taken(files, again, last);
    if (seen.length === 0 || seen.join() === keys.join()) return;
    // Two files are not replaced at one moment: what is not the same twice was read in between.
    if (taken(files, again, last).join() !== seen.join()) return;
    keys = seen;
    log.info({ files }, 'the keys of the witness have changed');
    onChange(keys);
  });
  return { keys: () => keys, close: () => poll.close() };
}

/** The keys of the files that exist, in their order; noted in `last`. */
function taken(
  files: readonly string[],
  read: (file: string) => string | undefined,
  last: Map<string, string>,
): readonly string[] {
  return files.flatMap((file) => {
    const key = read(file);
    if (key === undefined) return [];
    last.set(file, key);
    return [key];
  });
}

/** Undefined: the file does not exist. */
function readKey(file: string): string | undefined {
  const bytes = contents(file);
  if (bytes === undefined) return undefined;
  if (bytes.length < MIN_BYTES) {
    throw new Error(
      `key file ${file} holds ${bytes.length} bytes; it needs at least ${MIN_BYTES}: ` +
        `make one with \`head -c ${MIN_BYTES} /dev/urandom > ${file}\``,
    );
  }
  return bytes.toString('hex');
}

function contents(file: string): Buffer | undefined {
  try {
    return readFileSync(file);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`key file ${file} cannot be read: ${reason}`);
  }
}
