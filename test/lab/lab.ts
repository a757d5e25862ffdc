import { join } from 'node:path';
import * as addressing from './addressing.ts';
import {
  type AgentLaunch,
  type Daemon,
  installNamespace,
  startAgent,
  startController,
} from './agents.ts';
import type { KubeObject } from './api.ts';
import { startBackends } from './backends.ts';
import { ControlPlane } from './control-plane.ts';
import { Faults } from './faults.ts';
import { kubeProxyReady, nodeObject, nodeStatus, startKubeProxy } from './kube-proxy.ts';
import { Limits } from './limits.ts';
import { buildNetwork, type Network } from './network.ts';
import { Registry, sweep } from './registry.ts';
import { type ServiceSpec, serviceObjects } from './service.ts';
import type { Backend, Client, Node, Segment } from './types.ts';
import { until } from './until.ts';

const deploy = join(import.meta.dirname, '../../deploy');

export interface LabOptions {
  /** 3 if not given. */
  readonly nodes?: number;
  /** 1 if not given. */
  readonly clients?: number;
  /**
   * Names of the nodes that one backend each runs on (one may be named twice); each node if not
   * given.
   */
  readonly backends?: readonly string[];
  /** Labels of Node objects, by node name. */
  readonly labels?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** A cluster on an Ethernet segment, made of real programs in network namespaces. */
export class Lab implements AsyncDisposable {
  readonly controlPlane: ControlPlane;
  readonly faults: Faults;
  readonly #registry: Registry;
  readonly #network: Network;
  readonly #services = new Map<string, ServiceSpec>();

  constructor(registry: Registry, network: Network) {
    this.#registry = registry;
    this.#network = network;
    this.controlPlane = new ControlPlane(registry, network.controlPlane);
    this.faults = new Faults(network);
  }

  get id(): string {
    return this.#registry.id;
  }

  get nodes(): readonly Node[] {
    return this.#network.nodes;
  }

  get clients(): readonly Client[] {
    return this.#network.clients;
  }

  get backends(): readonly Backend[] {
    return this.#network.backends;
  }

  get segment(): Segment {
    return this.#network.segment;
  }

  /** The node of that name; throws if there is none. */
  node(name: string): Node {
    return named(this.nodes, name, 'node');
  }

  client(name: string): Client {
    return named(this.clients, name, 'client');
  }

  backend(name: string): Backend {
    return named(this.backends, name, 'backend');
  }

  /** Starts control plane, backends and kube-proxies; for `startLab`. */
  async start(labels: LabOptions['labels'] = {}): Promise<void> {
    const backends = startBackends(this.backends, this.controlPlane.folder);
    await this.controlPlane.start();
    const { api } = this.controlPlane;
    await Promise.all(
      this.nodes.map(async (node) => {
        await api.apply(nodeObject(node, labels[node.name] ?? {}));
        const path = `/api/v1/nodes/${node.name}/status`;
        const type = 'application/strategic-merge-patch+json';
        await api.request('PATCH', path, nodeStatus(node), type);
        await this.#startKubeProxy(node);
      }),
    );
    await backends;
  }

  /** Installs the CRDs, the namespace and the roles of `deploy/`; resolves when the CRDs serve. */
  async install(): Promise<void> {
    const files = ['namespace.yaml', 'crds.yaml', 'rbac.yaml'].map((file) => join(deploy, file));
    const args = ['apply', '--server-side', '--validate=strict'];
    await this.controlPlane.kubectl([...args, ...files.flatMap((file) => ['-f', file])]);
    await this.controlPlane.kubectl(['wait', '--for=condition=Established', 'crd', '--all']);
    await Promise.all([
      rolesInForce(this.controlPlane, 'leasehold-agent', { verb: 'patch', resource: 'leases' }),
      rolesInForce(this.controlPlane, 'leasehold-agent', { verb: 'list', resource: 'services' }),
      rolesInForce(this.controlPlane, 'leasehold-controller', {
        verb: 'list',
        resource: 'services',
      }),
    ]);
  }

  /** Applies one object as admin. */
  async apply(object: KubeObject): Promise<void> {
    await this.controlPlane.api.apply(object);
  }

  /** Creates or replaces a Service and its EndpointSlices. */
  async service(spec: ServiceSpec): Promise<void> {
    this.#services.set(spec.name, spec);
    for (const object of serviceObjects(spec)) await this.apply(object);
  }

  /** Changes whether a backend is ready, in every Service that has it. */
  async setReady(backend: Backend, readiness: 'ready' | 'not ready'): Promise<void> {
    for (const spec of this.#services.values()) {
      if (!spec.backends.includes(backend)) continue;
      const others = (spec.notReady ?? []).filter((name) => name !== backend.name);
      const notReady = readiness === 'ready' ? others : [...others, backend.name];
      await this.service({ ...spec, notReady });
    }
  }

  /** Waits for the address of a Service and returns it. */
  async vip(service: string, { namespace = 'default', timeout = 30_000 } = {}): Promise<string> {
    const path = `/api/v1/namespaces/${namespace}/services/${service}`;
    const ask = async () => ingressOf(await this.controlPlane.api.request('GET', path));
    return until(`Service ${service} has an address`, ask, { timeout });
  }

  /** Starts the agent of a node, with more flags if needed; it needs `install()` first. */
  agent(node: Node, ...flags: readonly string[]): Promise<Daemon> {
    return startAgent(node, this.controlPlane, { flags });
  }

  /** Starts the agent of a node in an unusual way. */
  launchAgent(node: Node, launch: AgentLaunch): Promise<Daemon> {
    return startAgent(node, this.controlPlane, launch);
  }

  controller(...flags: readonly string[]): Promise<Daemon> {
    return startController(this.controlPlane, flags);
  }

  /** A control group for programs of the lab; it goes with the lab. */
  limits(name: string, memoryBytes: number): Limits {
    const limits = new Limits(`${this.id}-${name}`, memoryBytes, (path) =>
      this.#registry.controlGroup(path),
    );
    return limits;
  }

  /** Plugs a crashed node in again and starts its kube-proxy; its agent is started by `agent`. */
  async restore(node: Node): Promise<void> {
    await this.faults.plugIn(node);
    await this.#startKubeProxy(node);
  }

  async #startKubeProxy(node: Node): Promise<void> {
    await kubeProxyReady(node, startKubeProxy(node, this.controlPlane));
  }

  /** Removes everything that belongs to the lab, whatever state it is in. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#registry.close();
  }
}

/** Makes a lab and resolves when its control plane, kube-proxies and backends work. */
export async function startLab(options: LabOptions = {}): Promise<Lab> {
  const { nodes: nodeCount = 3, clients: clientCount = 1 } = options;
  await sweep();
  const registry = new Registry();
  try {
    const { id } = registry;
    const nodes = count(nodeCount).map((index) => addressing.node(id, index));
    const clients = count(clientCount).map((index) => addressing.client(id, index));
    const places = options.backends ?? nodes.map(({ name }) => name);
    const backends = places.map((place, index) =>
      addressing.backend(id, index + 1, named(nodes, place, 'node')),
    );
    const lab = new Lab(registry, await buildNetwork(registry, { nodes, clients, backends }));
    await lab.start(options.labels);
    return lab;
  } catch (error) {
    await registry.close();
    throw error;
  }
}

/** The API server's authorizer follows the roles by a watch: a moment after the write they count. */
async function rolesInForce(
  controlPlane: ControlPlane,
  account: string,
  may: { readonly verb: string; readonly resource: string },
): Promise<void> {
  const group = may.resource === 'leases' ? 'coordination.k8s.io' : '';
  const namespace = may.resource === 'leases' ? installNamespace : '';
  const review = {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SubjectAccessReview',
    spec: {
      user: `system:serviceaccount:${installNamespace}:${account}`,
      resourceAttributes: { ...may, group, namespace },
    },
  };
  const path = '/apis/authorization.k8s.io/v1/subjectaccessreviews';
  await until(`${account} may ${may.verb} ${may.resource}`, async () => {
    const answer = (await controlPlane.api.request('POST', path, review)) as {
      status?: { allowed?: boolean };
    };
    return answer.status?.allowed === true;
  });
}

function count(to: number): number[] {
  return Array.from({ length: to }, (_, index) => index + 1);
}

function named<T extends { readonly name: string }>(
  all: readonly T[],
  name: string,
  what: string,
): T {
  const found = all.find((one) => one.name === name);
  if (found === undefined) {
    throw new Error(
      `this lab has no ${what} ${name}, only ${all.map((one) => one.name).join(', ')}`,
    );
  }
  return found;
}

function ingressOf(service: unknown): string | undefined {
  const typed = service as { status?: { loadBalancer?: { ingress?: { ip?: string }[] } } };
  return typed.status?.loadBalancer?.ingress?.[0]?.ip;
}
