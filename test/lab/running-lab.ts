import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type AgentLaunch, type Daemon, installNamespace } from './agents.ts';
import type { KubeObject } from './api.ts';
import { type Lab, type LabOptions, startLab } from './lab.ts';
import { run } from './run.ts';
import type { Node } from './types.ts';
import { until } from './until.ts';

/** What the pool of a running lab offers: no host of the lab has an address there. */
export const POOL = '192.0.2.120-192.0.2.180';

/** Whether the agents talk to each other on the segment too. */
export type Protection = 'leases alone' | 'with witness';

/** How the agent of a node is to be started, beyond the flags that all have. */
export type Launcher = (lab: Lab, node: Node) => Promise<AgentLaunch> | AgentLaunch;

export interface RunningLabOptions extends LabOptions {
  readonly pool?: string;
  /** More flags for every agent. */
  readonly agentFlags?: readonly string[];
  /** `leases alone` if not given. */
  readonly protection?: Protection;
  readonly launch?: Launcher;
  /** What is to happen when the controller runs and the agents do not yet. */
  readonly beforeAgents?: (lab: Lab) => Promise<void>;
}

/** A lab with Leasehold installed and at work: controller, one agent on each node, one pool. */
export class RunningLab implements AsyncDisposable {
  readonly lab: Lab;
  readonly controller: Daemon;
  readonly protection: Protection;
  /** The range of its pool. */
  readonly pool: string;
  readonly #agents = new Map<string, Daemon>();
  readonly #flags: readonly string[];
  readonly #launch: Launcher;

  constructor(lab: Lab, controller: Daemon, options: RunningLabOptions) {
    const { protection = 'leases alone' } = options;
    this.lab = lab;
    this.controller = controller;
    this.protection = protection;
    this.pool = options.pool ?? POOL;
    this.#launch = options.launch ?? (() => ({}));
    const witness = protection === 'with witness' ? ['--witness-key-file', witnessKey(lab)] : [];
    this.#flags = [...witness, ...(options.agentFlags ?? [])];
  }

  agent(node: Node): Daemon {
    const agent = this.#agents.get(node.name);
    if (agent === undefined) throw new RangeError(`no agent was started on ${node.name}`);
    return agent;
  }

  /** Starts the agent of the node (again) and waits until it is a member of the election. */
  async startAgent(node: Node): Promise<Daemon> {
    const agent = await this.startWaiting(node);
    await this.joined(node);
    return agent;
  }

  /** Starts an agent without waiting for it; one that runs there already keeps it waiting. */
  async startWaiting(node: Node, more: AgentLaunch = {}): Promise<Daemon> {
    const agent = await this.startBeside(node, more);
    this.#agents.set(node.name, agent);
    return agent;
  }

  /** Starts one more agent, which `agent(node)` does not become. */
  async startBeside(node: Node, more: AgentLaunch = {}): Promise<Daemon> {
    const launch = { ...(await this.#launch(this.lab, node)), ...more };
    const flags = [...this.#flags, ...(launch.flags ?? [])];
    return this.lab.launchAgent(node, { ...launch, flags });
  }

  /** Puts another agent into the place of a node's, the new one beside the old: no VIP moves. */
  async replaceAgent(node: Node, more: AgentLaunch = {}): Promise<void> {
    const old = this.agent(node);
    const told = 'another agent runs on this node: waiting until it has ended';
    const next = await this.startWaiting(node, more);
    await next.logged(told, ({ msg }) => msg === told);
    // A kubelet looks whether the new one is ready 3 s after its start at the earliest.
    await until(`the new agent of ${node.name} is ready`, () => next.wires().length > 0);
    await sleep(1500);
    await old.process.stop('SIGTERM');
    await this.joined(node);
  }

  async joined(node: Node): Promise<void> {
    const what = `the agent of ${node.name} is a member`;
    try {
      await until(what, async () => (await this.metric(node, 'leasehold_member')) === 1, {
        timeout: 40_000,
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
      timeout: 30_000,
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
    const running = new RunningLab(lab, await lab.controller(), options);
    for (const object of labObjects(running.pool)) await lab.apply(object);
    await options.beforeAgents?.(lab);
    await Promise.all(lab.nodes.map((node) => running.startAgent(node)));
    return running;
  } catch (error) {
    await lab[Symbol.asyncDispose]();
    throw error;
  }
}

/** Path of the lab's witness key, made at the first call. */
function witnessKey(lab: Lab): string {
  const path = join(lab.controlPlane.folder, 'witness.key');
  writeFileSync(path, randomBytes(32), { mode: 0o600 });
  return path;
}

/** The pool of a running lab, and the advertisement of all of it. */
export function labObjects(pool: string): [KubeObject, KubeObject] {
  return [
    { ...resource('IPAddressPool'), spec: { addresses: [pool] } },
    { ...resource('L2Advertisement'), spec: {} },
  ];
}

function resource(kind: string): KubeObject {
  const metadata = { name: 'lab', namespace: installNamespace };
  return { apiVersion: 'leasehold.dev/v1alpha1', kind, metadata };
}
