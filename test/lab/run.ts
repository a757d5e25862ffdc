import { spawn } from 'node:child_process';

/** How to run one short command of the lab. */
export interface RunOptions {
  /** Network namespace to run it in; without it, the caller's. */
  readonly netns?: string;
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Milliseconds until it is killed, 60,000 if not given. */
  readonly timeout?: number;
}

/**
 * Runs a command to its end and returns what it printed; rejects if it fails, with its own words.
 */
export function run(program: string, args: readonly string[], options: RunOptions = {}) {
  const { netns, input = '', env = {}, timeout = 60_000 } = options;
  const line =
    netns === undefined ? [program, ...args] : ['ip', 'netns', 'exec', netns, program, ...args];
  const [file = '', ...rest] = line;
  const child = spawn(file, rest, { env: { ...process.env, ...env }, timeout });
  let output = '';
  let words = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    words += text;
  });
  // A program that ends without having read its input must not end the caller.
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  return new Promise<string>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      if (code === 0) resolve(output);
      else {
        const how = signal === null ? `exit code ${code}` : signal;
        reject(new Error(`${line.join(' ')}: ${how}: ${(words || output).trim()}`));
      }
    });
  });
}
