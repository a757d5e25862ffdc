import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { pino } from 'pino';
import { drain } from '../../src/cli/drain.ts';
import { type KubeApi, openKubeApi } from '../../src/kube/api.ts';
import { encodeLease } from '../../src/kube/lease-encode.ts';
import { writeLease } from '../../src/kube/leases.ts';
import { nodes } from '../../src/kube/resources.ts';
import { type Store, watchStore } from '../../src/kube/store.ts';
import type { ClusterNode } from '../../src/model.ts';
import { systemClock } from '../../src/sys/clock.ts';
import { type ApiServer, startApiServer, whyNoApiServer } from '../kube/api-server.ts';
import { until } from '../lab/until.ts';
import { claimsOf, heartbeatOf } from './leases.ts';

const deploy = join(import.meta.dirname, '../../deploy');
const namespace = 'leasehold-system';
const clock = systemClock();
const log = pino({ level: 'silent' });
const timing = { renewInterval: 1_000, holderPatience: 2_700, takerPatience: 3_000 };
const A = '192.0.2.1';
const B = '192.0.2.2';

/** The rights that docs/decisions/0012 asks for, without the optional one. */
const RIGHTS = [
  rbac('ClusterRole', {
    rules: [{ apiGroups: [''], resources: ['nodes'], resourceNames: ['n1'], verbs: ['patch'] }],
  }),
  rbac('ClusterRoleBinding', binding('ClusterRole')),
  rbac('Role', {
    rules: [{ apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['list'] }],
  }),
  rbac('RoleBinding', binding('Role')),
];

describe('drain against a real API server', { skip: whyNoApiServer() ?? false }, () => {
  let server: ApiServer;
  let admin: KubeApi;
  let operator: KubeApi;
  let store: Store<ClusterNode>;
  const lines: string[] = [];

  const seen = (name: string) => store.snapshot().items.get(name);

  /** Stands in for the agents: writes the claims of both nodes anew. */
  async function claim(n1: readonly string[], n2: readonly string[]): Promise<void> {
    const manifests = [
      claimsOf('n1', n1),
      heartbeatOf('n1'),
      claimsOf('n2', n2),
      heartbeatOf('n2'),
    ];
    for (const record of manifests) {
      const nodeUid = seen(record.node)?.uid ?? '';
      const renewTime = clock.wallTime();
      const lease = encodeLease(record, { namespace, nodeUid, timing, renewTime, conditions: [] });
      const path = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases/`;
      await admin.request({ method: 'DELETE', path: `${path}${lease.metadata.name}` });
      const written = await writeLease(admin, lease, { base: undefined, timeoutMs: 5_000 });
      assert.equal(written.kind, 'written');
    }
  }

  function run(node: string, more: { undo?: boolean; timeoutMs?: number } = {}): Promise<number> {
    lines.length = 0;
    const args = { kind: 'drain' as const, node, kubeconfig: undefined, namespace };
    const defaults = { undo: false, timeoutMs: 10_000 };
    const shell = { api: operator, clock, print: (line: string) => void lines.push(line) };
    return drain({ ...args, ...defaults, ...more }, shell);
  }

  before(async () => {
    server = await startApiServer();
    await server.plane.kubectl(['apply', '-f', join(deploy, 'namespace.yaml')]);
    await server.plane.kubectl(['create', 'serviceaccount', 'operator', '-n', namespace]);
    const list = { apiVersion: 'v1', kind: 'List', items: [...RIGHTS, node('n1'), node('n2')] };
    await server.plane.kubectl(['apply', '-f', '-'], JSON.stringify(list));
    admin = await openKubeApi({ kubeconfig: server.admin, clock, log });
    const kubeconfig = await server.serviceAccount(namespace, 'operator');
    operator = await openKubeApi({ kubeconfig, clock, log });
    store = watchStore({ api: admin, resource: nodes, clock, log, onChange() {} });
    await until('both nodes are seen', () => seen('n1') && seen('n2'), {});
  });

  after(async () => {
    await store?.close();
    await operator?.close();
    await admin?.close();
    await server?.close();
  });

  test('with the documented rights only, it asks, follows, and tells who owns what', async () => {
    await claim([A, B], []);
    const ended = run('n1');
    await until('it is asked', () => seen('n1')?.drainAsked, {});
    await until('it tells', () => lines.includes('0 of 2 VIPs have moved'), {});
    await claim([], [A, B]);
    assert.equal(await ended, 0);
    assert.equal(lines.at(-2), `n1 owns nothing now: n2 has ${A} and ${B}.`);
  });

  test('--undo takes the request back', async () => {
    assert.equal(await run('n1', { undo: true }), 0);
    await until('it is gone', () => seen('n1')?.drainAsked === false, {});
    assert.equal(await run('n1', { undo: true }), 0, 'also where there is none');
  });

  test('a VIP that cannot move: exit code 1, and the request stands', async () => {
    await claim([A], []);
    assert.equal(await run('n1', { timeoutMs: 1_500 }), 1);
    assert.match(lines.join(' '), /After 1\.5 s n1 still owns 192\.0\.2\.1/);
    assert.equal(seen('n1')?.drainAsked, true);
  });

  test('an unknown node, and one that the caller may not change', async () => {
    await assert.rejects(run('n2'), /the right to patch nodes/);
    const path = ['create', 'clusterrolebinding', 'all', '--clusterrole=cluster-admin'];
    await server.plane.kubectl([...path, `--serviceaccount=${namespace}:operator`]);
    await until('the right has arrived', () => run('n2', { undo: true }).then((c) => c === 0), {});
    await assert.rejects(run('n9'), /^Error: there is no node n9: `kubectl get nodes`/);
  });

  test('a cordon by kubectl is read as such, with the taint that a controller adds', async () => {
    await server.plane.kubectl(['cordon', 'n2']);
    await until('it is seen', () => seen('n2')?.unschedulable, {});
    const key = 'node.kubernetes.io/unschedulable';
    await server.plane.kubectl(['taint', 'node', 'n2', `${key}:NoSchedule`, '--overwrite']);
    await until('the taint is seen', () => seen('n2')?.taints.includes(key), {});
  });
});

function node(name: string) {
  return { apiVersion: 'v1', kind: 'Node', metadata: { name } };
}

function rbac(kind: string, rest: object) {
  const metadata = { name: 'drain', ...(!kind.startsWith('Cluster') && { namespace }) };
  return { apiVersion: 'rbac.authorization.k8s.io/v1', kind, metadata, ...rest };
}

function binding(kind: string) {
  return {
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind, name: 'drain' },
    subjects: [{ kind: 'ServiceAccount', name: 'operator', namespace }],
  };
}
