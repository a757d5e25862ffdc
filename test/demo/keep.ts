import { fork } from 'node:child_process';
import { join } from 'node:path';
import type { Style } from './screen.ts';

/** What the keeping process tells the one at the terminal. */
export type KeeperMessage = { readonly text: string } | { readonly kept: true };

const program = join(import.meta.dirname, 'main.ts');

/**
 * Runs the demo in a process of its own that stays behind with the lab, and prints what that one
 * says. Resolves with an exit code when the demo has been told, or has failed and is removed.
 */
export async function keepBehind(style: Style): Promise<number> {
  const keeper = fork(program, ['--keeper', style], { detached: true, stdio: 'ignore' });
  const interrupt = () => keeper.kill('SIGTERM');
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, interrupt);
  return new Promise((resolve) => {
    keeper.on('message', (message: KeeperMessage) => {
      if ('text' in message) process.stdout.write(message.text);
      else {
        keeper.disconnect();
        keeper.unref();
        resolve(0);
      }
    });
    keeper.once('exit', (code) => resolve(code ?? 1));
  });
}
