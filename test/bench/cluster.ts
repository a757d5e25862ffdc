import { setTimeout as sleep } from 'node:timers/promises';
import type { Daemon } from '../lab/agents.ts';
import type { Lab } from '../lab/lab.ts';
import { startRunningLab } from '../lab/running-lab.ts';
import { until } from '../lab/until.ts';

/** Addresses of the lab's wide subnet that the benchmark hands out; its responder's lies beside them. */
const POOL = '198.18.8.0-198.18.23.255';
export const responderAddress = '198.18.7.7';
/** Requests to the API server at a time while the Services are made. */
const LANES = 8;
/** For thousands of Services to get an address, or to be claimed. */
const PATIENCE_MS = 300_000;

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

/** Makes the cluster, witness included, and waits until every Service has an address that an agent has announced. */
export async function startCluster({ nodes, services, say }: BenchSize): Promise<BenchCluster> {
  const running = await startRunningLab({
    nodes,
    clients: 1,
    pool: POOL,
    protection: 'with witness',
    launch: (_, { link }) => ({ flags: ['--link-include', `^${link}$`] }),
  });
  const { lab, controller } = running;
  try {
    say(`lab ${lab.id} stands: ${nodes} nodes, one segment, a control plane`);
    const agents = lab.nodes.map((node) => running.agent(node));
    const names = Array.from({ length: services }, (_, index) => `bench-${index + 1}`);
    await makeServices(lab, names);
    say(`${services} Services made`);
    const vips = await addressesOf(lab, services);
    await until('every VIP is claimed', () => claimedBy(agents) >= services, {
      timeout: PATIENCE_MS,
    });
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
    { timeout: PATIENCE_MS },
  );
}

/** VIPs taken so far, by the agents' own logs. */
function claimedBy(agents: readonly Daemon[]): number {
  const taken = agents.flatMap((agent) => agent.logLines().filter((line) => 'vip' in line));
  return new Set(taken.map((line) => line['vip'])).size;
}
