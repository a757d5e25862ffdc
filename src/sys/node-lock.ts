import { connect, createServer, type Server, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import type { IncarnationId } from '../model.ts';
import type { Clock } from './clock.ts';

const RETRY_MS = 100;
/** What the holder says to the one that waits, a line each: it may begin; it goes on alone. */
const BEGIN = /^begin (\d{1,20})((?: \S+)*)$/;
const STOPPED = 'stopped';
/** What the one that waits says once it could go on. */
const READY = 'ready';

/** How the lock came to us. */
export type Succession =
  /** Nobody held it, or whoever did has ended: a wire of its may have outlived it. */
  | { readonly kind: 'found free' }
  /**
   * The holder writes no more, leaves its claims as they are, and has passed the lock on to us. Its last write
   * was committed at `revision`, and these incarnations of others were dead for good. It goes on answering
   * for a moment, at most until we say that we are ready.
   */
  | ({ readonly kind: 'handed over'; readonly predecessor: Predecessor } & LastWord);

/** The process that hands over to us. */
export interface Predecessor {
  /** How it ended: it has said that it answers no more, or it is gone without a word. */
  readonly end: Promise<'stopped' | 'gone'>;
  /** Tells it that nobody has to answer for us any longer. */
  ready(): void;
}

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
  /**
   * Gives it up: the one that waits may begin, and this process does nothing but answer from now on. Resolves when
   * the other one is ready to answer, or is gone, or after `patience` milliseconds.
   */
  handOver(word: LastWord, patience: number): Promise<void>;
  /** Tells the one that has begun that this process has stopped answering. */
  stopped(): Promise<void>;
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
    if (server !== 'taken') return lockOf(server, heirs, succession, clock);
    if (!waited) options.onWait();
    waited = true;
    const handedOver = await successionFrom(name, options.signal);
    if (handedOver !== undefined) succession = handedOver;
    else {
      succession = { kind: 'found free' };
      await clock.sleep(RETRY_MS, options.signal);
    }
  }
  return 'aborted';
}

function lockOf(
  server: Server,
  heirs: Set<Socket>,
  succession: Succession,
  clock: Clock,
): NodeLock {
  let heir: Socket | undefined;
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      for (const heir of heirs) heir.destroy();
    });
  return {
    succession,
    hasHeir: () => heirs.size > 0,
    async handOver({ revision, dead }, patience) {
      [heir] = heirs;
      // The name has to be free before the heir hears of it.
      server.close();
      if (heir === undefined) return;
      const { promise, resolve } = Promise.withResolvers<void>();
      linesOf(heir, (line) => line === READY && resolve());
      heir.once('close', () => resolve());
      heir.write(`${['begin', revision, ...dead].join(' ')}\n`);
      await Promise.race([promise, clock.sleep(patience)]);
    },
    async stopped() {
      if (heir?.writable === true) {
        await new Promise<void>((sent) => heir?.end(`${STOPPED}\n`, sent));
      }
      for (const other of heirs) other.destroySoon();
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
    // Its end is seen only by who reads.
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

/** Waits at the holder's door; undefined if it just ends. */
function successionFrom(name: string, signal: AbortSignal): Promise<Succession | undefined> {
  const { promise, resolve } = Promise.withResolvers<Succession | undefined>();
  const end = Promise.withResolvers<'stopped' | 'gone'>();
  const socket = connect(pathOf(name));
  const leave = () => socket.destroy();
  signal.addEventListener('abort', leave, { once: true });
  linesOf(socket, (line) => {
    if (line === STOPPED) end.resolve('stopped');
    const [, revision, dead = ''] = BEGIN.exec(line) ?? [];
    if (revision === undefined) return;
    signal.removeEventListener('abort', leave);
    const ids = dead.split(' ').filter((id) => id !== '');
    const ready = () => void socket.write(`${READY}\n`);
    const predecessor = { end: end.promise, ready };
    resolve({ kind: 'handed over', revision: BigInt(revision), dead: ids, predecessor });
  });
  socket.on('error', () => {});
  socket.on('close', () => {
    signal.removeEventListener('abort', leave);
    end.resolve('gone');
    resolve(undefined);
  });
  return promise;
}

/** A connection that breaks ends, which is all that anybody here wants to know of it. */
function linesOf(socket: Socket, onLine: (line: string) => void): void {
  createInterface(socket)
    .on('line', onLine)
    .on('error', () => {});
}

function pathOf(name: string): string {
  return `\0leasehold/${name}`;
}
