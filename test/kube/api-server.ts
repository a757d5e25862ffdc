import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { apiAddress, apiPort } from '../lab/addressing.ts';
import { ControlPlane } from '../lab/control-plane.ts';
import { Registry, sweep } from '../lab/registry.ts';
import { run } from '../lab/run.ts';

/** A real API server in a network namespace of its own, reached over a relay that can be cut. */
export interface ApiServer {
  readonly plane: ControlPlane;
  /** Path of a kubeconfig for the lab's admin, by way of the relay. */
  readonly admin: string;
  /** The same for a ServiceAccount, with the roles that it has been given. */
  serviceAccount(namespace: string, name: string): Promise<string>;
  /**
   * Breaks all connections; `refuse` ends new ones at once, `swallow` accepts them and never
   * answers.
   */
  cut(how: 'refuse' | 'swallow'): void;
  mend(): void;
  close(): Promise<void>;
}

/** Why such a server cannot be started here, or undefined if it can. */
export function whyNoApiServer(): string | undefined {
  return process.getuid?.() === 0 ? undefined : 'needs root for a network namespace';
}

export async function startApiServer(): Promise<ApiServer> {
  await sweep();
  const registry = new Registry();
  const netns = `${registry.id}-cp`;
  registry.netns(netns);
  await run('ip', ['netns', 'add', netns]);
  await run('ip', ['-n', netns, 'link', 'set', 'lo', 'up']);
  await run('ip', ['-n', netns, 'address', 'add', `${apiAddress}/32`, 'dev', 'lo']);
  const plane = new ControlPlane(registry, netns);
  try {
    await plane.start();
    const relay = await startRelay(plane);
    return {
      plane,
      admin: relay.redirect(plane.kubeconfig('admin')),
      async serviceAccount(namespace, name) {
        return relay.redirect(await plane.serviceAccountKubeconfig(namespace, name));
      },
      ...relay,
      async close() {
        relay.end();
        await registry.close();
      },
    };
  } catch (error) {
    await registry.close();
    throw error;
  }
}

async function startRelay(plane: ControlPlane) {
  const path = join(plane.folder, 'relay.sock');
  const inside = spawn(
    'ip',
    [
      'netns',
      'exec',
      plane.netns,
      process.execPath,
      join(import.meta.dirname, 'relay-inside.ts'),
      path,
      String(apiPort),
    ],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
  await once(inside.stdout, 'data');
  const sockets = new Set<Socket>();
  let mode: 'pass' | 'refuse' | 'swallow' = 'pass';
  const server = createServer((outer) => {
    outer.on('error', () => outer.destroy());
    if (mode === 'refuse') {
      outer.destroy();
      return;
    }
    sockets.add(outer);
    outer.on('close', () => sockets.delete(outer));
    if (mode === 'swallow') {
      outer.resume();
      return;
    }
    const inner = connect(path);
    inner.on('error', () => outer.destroy());
    inner.on('close', () => outer.destroy());
    outer.on('close', () => inner.destroy());
    outer.pipe(inner).pipe(outer);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    cut(how: 'refuse' | 'swallow') {
      mode = how;
      for (const socket of sockets) socket.destroy();
    },
    mend() {
      mode = 'pass';
    },
    redirect(kubeconfig: string): string {
      const text = readFileSync(kubeconfig, 'utf8');
      const redirected = `${kubeconfig}.relayed`;
      writeFileSync(redirected, text.replace(plane.server, `https://127.0.0.1:${port}`), {
        mode: 0o600,
      });
      return redirected;
    },
    end() {
      server.close();
      for (const socket of sockets) socket.destroy();
      inside.stdin.end();
    },
  };
}
