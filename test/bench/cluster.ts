import { setTimeout as sleep } from 'node:timers/promises';
import { type Daemon, installNamespace } from '../lab/agents.ts';
import { type Lab, startLab } from '../lab/lab.ts';
import { until } from '../lab/until.ts';

/** Addresses of the lab's wide subnet that the benchmark hands out; its responder's lies beside them. */
const POOL = '198.18.8.0-198.18.11.255';
export const responderAddress = '198.18.7.7';
/** Requests to the API server at a time while the Services are made. */
const LANES = 8;

/** A lab with the shipped programs and Services, at rest. */
export interface BenchCluster extends AsyncDisposable {
  readonly lab: Lab;
  readonly agents: readonly Daemon[];
  readonly controller: Daemon;
  readonly vips: readonly string[];
}

/** How large a cluster to make, and whom to tell about it. */
export interface BenchSize {
  readonly nodes: number;
  readonly services: number;
  readonly say: (text: string) => void;
}

/** Makes the cluster and waits until every Service has an address that an agent has announced. */
export async function startCluster({ nodes, services, say }: BenchSize): Promise<BenchCluster> {
  const lab = await startLab({ nodes, clients: 1 });
  try {
    say(`lab ${lab.id} stands: ${nodes} nodes, one segment, a control plane`);
    await lab.install();
    const controller = await lab.controller();
    const agents = await Promise.all(
      lab.nodes.map((node) => lab.agent(node, '--link-include', `^${node.link}$`)),
    );
    for (const kind of ['IPAddressPool', 'L2Advertisement']) {
      await lab.apply({
        apiVersion: 'leasehold.dev/v1alpha1',
        kind,
        metadata: { name: 'bench', namespace: installNamespace },
        spec: kind === 'IPAddressPool' ? { addresses: [POOL] } : {},
      });
    }
    const names = Array.from({ length: services }, (_, index) => `bench-${index + 1}`);
    await makeServices(lab, names);
    say(`${services} Services made`);
    const vips = await addressesOf(lab, services);
    await until('every VIP is claimed', () => claimedBy(agents) >= services, { timeout: 120_000 });
    say('every VIP is claimed');
    return {
      lab,
      agents,
      controller,
      vips,
      [Symbol.asyncDispose]: () => lab[Symbol.asyncDispose](),
    };
  } catch (error) {
    await lab[Symbol.asyncDispose]();
    throw error;
  }
}

async function makeServices(lab: Lab, names: readonly string[]): Promise<void> {
  const waiting = names.values();
  const lane = async () => {
    for (const name of waiting) await lab.service({ name, backends: lab.backends });
  };
  await Promise.all(Array.from({ length: LANES }, lane));
}

async function addressesOf(lab: Lab, services: number): Promise<string[]> {
  const path = '{range .items[*]}{.status.loadBalancer.ingress[0].ip}{"\\n"}{end}';
  return until(
    `${services} Services have an address`,
    async () => {
      const text = await lab.controlPlane.kubectl(['get', 'services', '-o', `jsonpath=${path}`]);
      const vips = text.split('\n').filter((line) => line !== '');
      if (vips.length >= services) return vips;
      await sleep(500);
      return undefined;
    },
    { timeout: 120_000 },
  );
}

/** VIPs taken so far, by the agents' own logs. */
function claimedBy(agents: readonly Daemon[]): number {
  const taken = agents.flatMap((agent) => agent.logLines().filter((line) => 'vip' in line));
  return new Set(taken.map((line) => line['vip'])).size;
}
