import { type ChildProcess, fork } from 'node:child_process';
import type { LinkName } from '../model.ts';
import type { FromWire, ToWire } from './messages.ts';

/**
 * A wire needs little memory, and a small young generation keeps its pauses short. V8's middle
 * compiler is enough for what a wire does; without the last one it is smaller and no slower
 * (measured: 3 MB less).
 */
const NODE_FLAGS = ['--max-semi-space-size=1', '--max-old-space-size=64', '--no-turbofan'];
/** What a dying wire has written last: libpcap's warning and the assertion that ended it. */
const MAX_LAST_WORDS = 1000;

/** How a wire ended, for the log. */
export interface WireExit {
  readonly code: number | null;
  readonly signal: string | null;
  readonly reason: string;
}

/** One child process that serves one link, from its start to its exit. */
export class WireProcess {
  readonly #child: ChildProcess;
  #lastWords = '';
  #reason = '';

  /**
   * `entry` is the script to run with the arguments `wire --link NAME`. Both callbacks end with
   * `onExit`.
   */
  constructor(
    { link, entry }: { readonly link: LinkName; readonly entry: string },
    onMessage: (message: FromWire) => void,
    onExit: (exit: WireExit) => void,
  ) {
    this.#child = fork(entry, ['wire', '--link', link], {
      execArgv: NODE_FLAGS,
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      // Epochs are bigints, and an authority may be infinite: JSON carries neither.
      serialization: 'advanced',
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#lastWords = (this.#lastWords + text).slice(-MAX_LAST_WORDS);
    });
    this.#child.on('message', (message: FromWire) => {
      if (message.kind === 'failed') this.#reason = message.reason;
      onMessage(message);
    });
    let ended = false;
    const end = (code: number | null, signal: string | null, reason: string) => {
      if (ended) return;
      ended = true;
      onExit({ code, signal, reason });
    };
    this.#child.on('exit', (code, signal) => {
      end(code, signal, this.#reason || this.#lastWords.trim());
    });
    // Only a child that never came to life has no exit; any other error is followed by one.
    this.#child.on('error', (error) => {
      if (this.#child.pid === undefined) end(null, null, error.message);
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  send(message: ToWire): void {
    // A wire that is already gone takes no message; its exit is reported by itself.
    if (this.#child.connected) this.#child.send(message, () => {});
  }

  /** Asks it to end; its exit tells when it has. */
  disconnect(): void {
    if (this.#child.connected) this.#child.disconnect();
  }

  /** Ends it whatever it does, stopped processes included. */
  kill(): void {
    this.#child.kill('SIGKILL');
  }
}
