import { type Daemon, installNamespace } from './agents.ts';
import { type Lab, type LabOptions, startLab } from './lab.ts';
import { run } from './run.ts';
import type { Node } from './types.ts';
import { until } from './until.ts';

/** What the pool of a running lab offers: no host of the lab has an address there. */
export const POOL = '192.0.2.120-192.0.2.180';

export interface RunningLabOptions extends LabOptions {
  readonly pool?: string;
  /** More flags for every agent. */
  readonly agentFlags?: readonly string[];
  /** What is to happen when the controller runs and the agents do not yet. */
  readonly beforeAgents?: (lab: Lab) => Promise<void>;
}

/** A lab with Leasehold installed and at work: controller, one agent on each node, one pool. */
export class RunningLab implements AsyncDisposable {
  readonly lab: Lab;
  readonly controller: Daemon;
  readonly #agents = new Map<string, Daemon>();
  readonly #flags: readonly string[];

  constructor(lab: Lab, controller: Daemon, flags: readonly string[]) {
    this.lab = lab;
    this.controller = controller;
    this.#flags = flags;
  }

  agent(node: Node): Daemon {
    const agent = this.#agents.get(node.name);
    if (agent === undefined) throw new RangeError(`no agent was started on ${node.name}`);
    return agent;
  }

  /** Starts the agent of the node (again) and waits until it is a member of the election. */
  async startAgent(node: Node): Promise<Daemon> {
    const agent = await this.lab.agent(node, ...this.#flags);
    this.#agents.set(node.name, agent);
    await this.joined(node);
    return agent;
  }

  async joined(node: Node): Promise<void> {
    const what = `the agent of ${node.name} is a member`;
    try {
      await until(what, async () => (await this.metric(node, 'leasehold_member')) === 1, {
        timeout: 20_000,
      });
    } catch (cause) {
      throw new Error(`${what}: not yet; its log ends:\n${this.agent(node).process.tail()}`, {
        cause,
      });
    }
  }

  /** The value of a metric without labels at the agent of that node. */
  async metric(node: Node, name: string): Promise<number> {
    const text = await this.metrics(node);
    const line = text.split('\n').find((each) => each.startsWith(`${name} `));
    if (line === undefined) throw new RangeError(`${node.name} has no metric ${name}`);
    return Number(line.slice(name.length + 1));
  }

  metrics(node: Node): Promise<string> {
    const url = 'http://127.0.0.1:7475/metrics';
    return run('curl', ['-sf', '-m', '2', url], { netns: node.netns });
  }

  /** The node whose agent says that it owns the VIP, by the claims leases; undefined if none does. */
  async claimant(vip: string): Promise<Node | undefined> {
    const claims = await this.claims();
    const names = [...claims].filter(([, vips]) => vips.includes(vip)).map(([name]) => name);
    if (names.length > 1) throw new Error(`${vip} is claimed by ${names.join(' and ')}`);
    return this.lab.nodes.find((node) => node.name === names[0]);
  }

  /** What each claims lease lists, by node; those of an incarnation that others have fenced are void. */
  async claims(): Promise<ReadonlyMap<string, readonly string[]>> {
    const path = `/apis/coordination.k8s.io/v1/namespaces/${installNamespace}/leases`;
    const { items } = (await this.lab.controlPlane.api.request('GET', path)) as LeaseList;
    const claims = items.filter(({ metadata }) => metadata.name.startsWith('claims.'));
    const fenced = new Set(claims.flatMap((lease): string[] => annotated(lease, 'fences')));
    return new Map(
      claims.map((lease) => {
        const packed: { vips: string[] }[] = annotated(lease, 'claims');
        const vips = packed.flatMap((each) => each.vips);
        const node = lease.metadata.name.slice('claims.'.length);
        return [node, fenced.has(lease.spec.holderIdentity) ? [] : vips];
      }),
    );
  }

  /** Waits until somebody answers ARP for the VIP as a client hears it. */
  async answered(vip: string): Promise<void> {
    const client = this.lab.clients[0];
    if (client === undefined) throw new RangeError('this lab has no client');
    const args = ['-c', '1', '-w', '1', '-f', '-I', client.link, vip];
    await until(`${vip} is answered`, () => run('arping', args, { netns: client.netns }), {
      timeout: 15_000,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.lab[Symbol.asyncDispose]();
  }
}

interface LeaseObject {
  readonly metadata: { readonly name: string; readonly annotations: Record<string, string> };
  readonly spec: { readonly holderIdentity: string };
}

interface LeaseList {
  readonly items: readonly LeaseObject[];
}

function annotated(lease: LeaseObject, name: string) {
  return JSON.parse(lease.metadata.annotations[`leasehold.dev/${name}`] ?? '[]');
}

/** Starts a lab and Leasehold in it; resolves when every agent is a member. */
export async function startRunningLab(options: RunningLabOptions = {}): Promise<RunningLab> {
  const lab = await startLab(options);
  try {
    await lab.install();
    const running = new RunningLab(lab, await lab.controller(), options.agentFlags ?? []);
    const spec = { addresses: [options.pool ?? POOL] };
    await lab.apply({ ...resource('IPAddressPool'), spec });
    await lab.apply({ ...resource('L2Advertisement'), spec: {} });
    await options.beforeAgents?.(lab);
    await Promise.all(lab.nodes.map((node) => running.startAgent(node)));
    return running;
  } catch (error) {
    await lab[Symbol.asyncDispose]();
    throw error;
  }
}

function resource(kind: string) {
  const metadata = { name: 'lab', namespace: installNamespace };
  return { apiVersion: 'leasehold.dev/v1alpha1', kind, metadata };
}
