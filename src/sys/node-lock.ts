import { createServer, type Server } from 'node:net';
import type { Clock } from './clock.ts';

const RETRY_MS = 100;

/** Held until closed, or until the process ends however it ends. */
export interface NodeLock {
  close(): Promise<void>;
}

/**
 * Waits until no other agent runs on this host for `name`, then keeps others out. The lock is a
 * listening abstract unix socket in the host's network namespace: it leaves no file behind, and a
 * stopped process still holds it.
 */
export async function takeNodeLock(
  name: string,
  clock: Clock,
  options: { readonly signal: AbortSignal; readonly onWait: () => void },
): Promise<NodeLock | 'aborted'> {
  let waited = false;
  while (!options.signal.aborted) {
    const server = await listen(name);
    if (server !== 'taken') {
      return { close: () => new Promise((resolve) => server.close(() => resolve())) };
    }
    if (!waited) options.onWait();
    waited = true;
    await clock.sleep(RETRY_MS, options.signal);
  }
  return 'aborted';
}

function listen(name: string): Promise<Server | 'taken'> {
  const { promise, resolve, reject } = Promise.withResolvers<Server | 'taken'>();
  const server = createServer((connection) => connection.destroy());
  server.once('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EADDRINUSE') resolve('taken');
    else reject(new Error(`Cannot take the lock '${name}' of this node: ${error.message}`));
  });
  server.listen(`\0leasehold/${name}`, () => {
    server.unref();
    resolve(server);
  });
  return promise;
}
