import { connect, createServer, type Server, type Socket } from 'node:net';
import type { IncarnationId } from '../model.ts';
import type { Clock } from './clock.ts';

const RETRY_MS = 100;
/** What the holder says to the one that waits, once it has stopped and passes its place on. */
const OVER = /^over (\d{1,20})((?: \S+)*)$/;

/** How the lock came to us. */
export type Succession =
  /** Nobody held it, or whoever did has ended: a wire of its may have outlived it. */
  | { readonly kind: 'found free' }
  /**
   * The holder has stopped answering, left its claims as they are, and passed the lock on to us. Its last
   * write was committed at `revision`, and these incarnations of others were dead for good.
   */
  | ({ readonly kind: 'handed over' } & LastWord);

/** What the holder leaves to the one that waits. */
export interface LastWord {
  readonly revision: bigint;
  readonly dead: readonly IncarnationId[];
}

/** Held until closed, or until the process ends however it ends. */
export interface NodeLock {
  readonly succession: Succession;
  /** Whether another process waits for it. */
  hasHeir(): boolean;
  /** Gives it up; the one that waits is told that it may go on from where this process stopped. */
  handOver(word: LastWord): Promise<void>;
  close(): Promise<void>;
}

/**
 * Waits until no other agent runs on this host for `name`, then keeps others out. The lock is a
 * listening abstract unix socket in the host's network namespace: it leaves no file behind, and a
 * stopped process still holds it. Who waits for it is connected to it.
 */
export async function takeNodeLock(
  name: string,
  clock: Clock,
  options: { readonly signal: AbortSignal; readonly onWait: () => void },
): Promise<NodeLock | 'aborted'> {
  let waited = false;
  let succession: Succession = { kind: 'found free' };
  while (!options.signal.aborted) {
    const heirs = new Set<Socket>();
    const server = await listen(name, heirs);
    if (server !== 'taken') return lockOf(server, heirs, succession);
    if (!waited) options.onWait();
    waited = true;
    const [, revision, dead = ''] = OVER.exec(await lastWord(name, options.signal)) ?? [];
    if (revision !== undefined) {
      const ids = dead.split(' ').filter((id) => id !== '');
      succession = { kind: 'handed over', revision: BigInt(revision), dead: ids };
    } else {
      succession = { kind: 'found free' };
      await clock.sleep(RETRY_MS, options.signal);
    }
  }
  return 'aborted';
}

function lockOf(server: Server, heirs: Set<Socket>, succession: Succession): NodeLock {
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      for (const heir of heirs) heir.destroy();
    });
  return {
    succession,
    hasHeir: () => heirs.size > 0,
    async handOver({ revision, dead }) {
      const [heir] = heirs;
      // The name has to be free before the heir hears of it.
      const freed = new Promise<void>((resolve) => server.close(() => resolve()));
      const word = ['over', revision, ...dead].join(' ');
      if (heir !== undefined) await new Promise<void>((sent) => heir.end(word, sent));
      for (const other of heirs) other.destroySoon();
      await freed;
    },
    close,
  };
}

function listen(name: string, heirs: Set<Socket>): Promise<Server | 'taken'> {
  const { promise, resolve, reject } = Promise.withResolvers<Server | 'taken'>();
  const server = createServer((heir) => {
    heirs.add(heir);
    heir.unref();
    heir.on('error', () => {});
    heir.on('close', () => heirs.delete(heir));
    // A word or an end of its own tells nothing but that it is gone.
    heir.resume();
  });
  server.once('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EADDRINUSE') resolve('taken');
    else reject(new Error(`Cannot take the lock '${name}' of this node: ${error.message}`));
  });
  server.listen(pathOf(name), () => {
    server.unref();
    resolve(server);
  });
  return promise;
}

/** Waits at the holder's door; what it says when it goes, empty if it just ends. */
function lastWord(name: string, signal: AbortSignal): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  let word = '';
  const socket = connect(pathOf(name));
  const leave = () => socket.destroy();
  signal.addEventListener('abort', leave, { once: true });
  socket.setEncoding('utf8').on('data', (text: string) => {
    word += text;
  });
  socket.on('error', () => {});
  socket.on('close', () => {
    signal.removeEventListener('abort', leave);
    resolve(word);
  });
  return promise;
}

function pathOf(name: string): string {
  return `\0leasehold/${name}`;
}
