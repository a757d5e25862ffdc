import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** An API server that does what a test says, for what a real one does once in a blue moon. */
export interface ScriptedServer {
  readonly kubeconfig: string;
  /** Path and query of every request so far. */
  readonly requests: readonly URL[];
  close(): void;
}

export type Handler = (url: URL, response: ServerResponse, request: IncomingMessage) => void;

export async function scriptedServer(handle: Handler): Promise<ScriptedServer> {
  const requests: URL[] = [];
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://api');
    requests.push(url);
    handle(url, response, request);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const folder = mkdtempSync(join(tmpdir(), 'leasehold-api-'));
  const kubeconfig = join(folder, 'kubeconfig');
  // The library accepts plain HTTP only with this.
  const cluster = { server: `http://127.0.0.1:${port}`, 'insecure-skip-tls-verify': true };
  writeFileSync(
    kubeconfig,
    JSON.stringify({
      clusters: [{ name: 'x', cluster }],
      users: [{ name: 'x', user: {} }],
      contexts: [{ name: 'x', context: { cluster: 'x', user: 'x' } }],
      'current-context': 'x',
    }),
  );
  return {
    kubeconfig,
    requests,
    close() {
      server.close();
      server.closeAllConnections();
      rmSync(folder, { recursive: true });
    },
  };
}

/** A Service as the API server would send it, with the fields that make real ones big. */
export function rawService(name: string, resourceVersion: number): object {
  return {
    metadata: {
      name,
      namespace: 'default',
      uid: `uid-${name}`,
      resourceVersion: String(resourceVersion),
      creationTimestamp: '2026-11-21T00:00:00Z',
      managedFields: Array.from({ length: 20 }, (_, n) => ({
        manager: `m${n}`,
        time: 'x'.repeat(60),
      })),
    },
    spec: { type: 'LoadBalancer', clusterIPs: ['10.96.0.1'], ipFamilies: ['IPv4'], ports: [] },
    status: { loadBalancer: { ingress: [{ ip: '192.0.2.1' }] } },
  };
}

export function listOf(items: readonly object[], resourceVersion: number, token = ''): string {
  return JSON.stringify({
    kind: 'List',
    metadata: {
      resourceVersion: String(resourceVersion),
      ...(token !== '' && { continue: token }),
    },
    items,
  });
}

export function event(type: string, object: object): string {
  return `${JSON.stringify({ type, object })}\n`;
}
