import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { apiAddress, apiPort } from './addressing.ts';
import { collectText, inNamespace } from './capture.ts';
import type { ControlPlane } from './control-plane.ts';
import type { ProxyConfig, ProxyFault, ProxyLine } from './proxy/protocol.ts';

export const proxyPort = 6444;

/** A fault proxy beside the API server, for agents whose kubeconfig names its port. */
export interface ApiProxy {
  /** Replaces the faults; resolves with what the ones before did, a number for each kind. */
  set(faults: readonly ProxyFault[]): Promise<Readonly<Record<string, number>>>;
  close(): Promise<void>;
}

/** Starts the proxy; it ends with this process at the latest. */
export async function startApiProxy({ netns, folder }: ControlPlane): Promise<ApiProxy> {
  const child = inNamespace(netns, [process.execPath, join(import.meta.dirname, 'proxy/main.ts')]);
  const { stdin, stdout } = child;
  if (stdin === null || stdout === null) throw new Error('cannot start the API proxy');
  const words = collectText(child.stderr);
  const closed = once(child, 'close');
  const waiting: ((line: ProxyLine) => void)[] = [];
  const lines = createInterface({ input: stdout });
  lines.on('line', (line) => waiting.shift()?.(JSON.parse(line)));
  lines.on('close', () => {
    const reason = `the API proxy has ended: ${words().trim()}`;
    for (const wake of waiting.splice(0)) wake({ kind: 'failed', reason });
  });
  stdin.on('error', () => {});
  const tell = async (line: ProxyConfig | readonly ProxyFault[]) => {
    const { promise, resolve } = Promise.withResolvers<ProxyLine>();
    waiting.push(resolve);
    stdin.write(`${JSON.stringify(line)}\n`);
    const answer = await promise;
    if (answer.kind === 'failed') throw new Error(answer.reason);
    return answer.kind === 'set' ? answer.touched : {};
  };
  await tell({
    address: apiAddress,
    port: proxyPort,
    upstream: apiPort,
    certificate: join(folder, 'ca.crt'),
    key: join(folder, 'server.key'),
  });
  return {
    set: tell,
    close: async () => {
      stdin.end();
      await closed;
    },
  };
}
