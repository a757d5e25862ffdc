import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { podNetworks } from './addressing.ts';
import type { KubeObject } from './api.ts';
import { asset } from './assets.ts';
import type { ControlPlane } from './control-plane.ts';
import { LabProcess } from './process.ts';
import { run } from './run.ts';
import type { Node } from './types.ts';
import { until } from './until.ts';

const healthPort = 10_256;

/** Starts kube-proxy (nftables mode) in a node's namespace; `kubeProxyReady` says when it works. */
export function startKubeProxy(node: Node, controlPlane: ControlPlane): LabProcess {
  const file = (ending: string) => join(controlPlane.folder, `${node.name}-kube-proxy.${ending}`);
  writeFileSync(file('json'), JSON.stringify(configuration(node, controlPlane)));
  return new LabProcess({
    netns: node.netns,
    program: asset('kube-proxy'),
    log: file('log'),
    args: [`--config=${file('json')}`],
  });
}

function configuration(node: Node, controlPlane: ControlPlane): unknown {
  return {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    clientConnection: { kubeconfig: controlPlane.kubeconfig('kube-proxy') },
    hostnameOverride: node.name,
    mode: 'nftables',
    // The default of 1 s would be most of what a test waits for.
    nftables: { minSyncPeriod: '50ms' },
    clusterCIDR: podNetworks.join(),
    healthzBindAddress: `127.0.0.1:${healthPort}`,
    metricsBindAddress: '127.0.0.1:10249',
    // The machine's own connection tracking limits are none of the lab's business.
    conntrack: {
      maxPerCore: 0,
      min: 0,
      tcpEstablishedTimeout: '0s',
      tcpCloseWaitTimeout: '0s',
    },
  };
}

/**
 * Resolves when kube-proxy has written its rules once; rejects with its log's end if it does not.
 */
export async function kubeProxyReady(node: Node, proxy: LabProcess): Promise<void> {
  const url = `http://127.0.0.1:${healthPort}/healthz`;
  const ask = async () =>
    proxy.exit !== undefined || (await run('curl', ['-sf', url], { netns: node.netns })) !== '';
  try {
    await until(`kube-proxy on ${node.name} is ready`, ask, { timeout: 30_000, every: 100 });
    if (proxy.exit !== undefined) throw new Error(`kube-proxy on ${node.name} ended`);
  } catch (error) {
    throw new Error(`${error}; its last lines:\n${proxy.tail()}`, { cause: error });
  }
}

/** The Node object of a node, without its status. */
export function nodeObject(node: Node, labels: Readonly<Record<string, string>>): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: node.name, labels: { 'kubernetes.io/hostname': node.name, ...labels } },
    spec: { podCIDR: node.podCidrs[0], podCIDRs: node.podCidrs },
  };
}

/** The status that a kubelet would write. */
export function nodeStatus(node: Node): unknown {
  const addresses = [
    ...[node.ipv4, node.ipv6].map((address) => ({ type: 'InternalIP', address })),
    { type: 'Hostname', address: node.name },
  ];
  const now = new Date().toISOString();
  const ready = { type: 'Ready', status: 'True', reason: 'Lab', message: 'made by the lab' };
  return {
    status: {
      addresses,
      conditions: [{ ...ready, lastHeartbeatTime: now, lastTransitionTime: now }],
    },
  };
}
