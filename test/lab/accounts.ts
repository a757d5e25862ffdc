import { join } from 'node:path';
import { installNamespace } from './agents.ts';
import type { KubeObject } from './api.ts';
import type { Lab } from './lab.ts';
import type { Node } from './types.ts';

const RBAC = 'rbac.authorization.k8s.io';
/** The role of this name in `deploy/rbac.yaml`. */
const ROLE = 'leasehold-agent';

/** A ServiceAccount for the agent of one node alone, so that rights can be taken from it alone. */
export class OwnAccount {
  /** Path of its kubeconfig, which `rotate` writes anew. */
  readonly kubeconfig: string;
  readonly #lab: Lab;
  readonly #name: string;
  readonly #port: number | undefined;
  #generation = 0;

  constructor(lab: Lab, node: Node, port?: number) {
    this.#lab = lab;
    this.#name = `agent-of-${node.name}`;
    this.#port = port;
    this.kubeconfig = join(lab.controlPlane.folder, `${this.#name}-${port ?? 'direct'}.kubeconfig`);
  }

  async make(): Promise<void> {
    const { controlPlane } = this.#lab;
    await this.#lab.apply(ours('v1', 'ServiceAccount', this.#name));
    await this.grant();
    await this.#lab.apply(ours('v1', 'Secret', this.#secret));
    await controlPlane.writeAccountKubeconfig(this.kubeconfig, this.#account, this.#port);
  }

  async grant(): Promise<void> {
    for (const binding of this.#bindings()) await this.#lab.apply(binding);
  }

  async revoke(): Promise<void> {
    for (const binding of this.#bindings()) await this.#lab.controlPlane.api.delete(binding);
  }

  /** Writes the kubeconfig anew with another token, and ends the validity of the old one. */
  async rotate(): Promise<void> {
    const { controlPlane } = this.#lab;
    const old = ours('v1', 'Secret', this.#secret);
    this.#generation += 1;
    await this.#lab.apply(ours('v1', 'Secret', this.#secret));
    await controlPlane.writeAccountKubeconfig(this.kubeconfig, this.#account, this.#port);
    await controlPlane.api.delete(old);
  }

  get #secret(): string {
    return `${this.#name}-${this.#generation}`;
  }

  get #account() {
    return { namespace: installNamespace, name: this.#name, secret: this.#secret };
  }

  #bindings(): KubeObject[] {
    const account = { kind: 'ServiceAccount', name: this.#name, namespace: installNamespace };
    const bound = (kind: string) => ({
      roleRef: { apiGroup: RBAC, kind, name: ROLE },
      subjects: [account],
    });
    return [
      { ...ours(`${RBAC}/v1`, 'RoleBinding', this.#name), ...bound('Role') },
      {
        apiVersion: `${RBAC}/v1`,
        kind: 'ClusterRoleBinding',
        metadata: { name: this.#name },
        ...bound('ClusterRole'),
      },
    ];
  }
}

function ours(apiVersion: string, kind: string, name: string): KubeObject {
  return { apiVersion, kind, metadata: { name, namespace: installNamespace } };
}
