import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { pino } from 'pino';
import type { Claims, Heartbeat } from '../../src/election/records.ts';
import { type KubeApi, openKubeApi } from '../../src/kube/api.ts';
import { encodeLease, type LeaseContext, leaseName } from '../../src/kube/lease-encode.ts';
import { electionLeases, leaseCut, listLeases, writeLease } from '../../src/kube/leases.ts';
import { pools, services } from '../../src/kube/resources.ts';
import { type Store, type StoreOptions, watchStore } from '../../src/kube/store.ts';
import { systemClock } from '../../src/sys/clock.ts';
import { until } from '../lab/until.ts';
import { type ApiServer, startApiServer, whyNoApiServer } from './api-server.ts';

const deploy = join(import.meta.dirname, '../../deploy');
const clock = systemClock();
const namespace = 'leasehold-system';
const call = { timeoutMs: 5_000 };
const skip = whyNoApiServer() ?? false;

describe('against a real API server', { skip }, () => {
  let server: ApiServer;
  let admin: KubeApi;
  const lines: string[] = [];
  const log = pino({ level: 'debug' }, { write: (line) => void lines.push(line) });
  const open: { close(): Promise<void> }[] = [];

  function follow<T>(options: Pick<StoreOptions<T>, 'resource' | 'api'>): Store<T> {
    const store = watchStore({ clock, log, onChange() {}, ...options });
    open.push(store);
    return store;
  }

  before(async () => {
    server = await startApiServer();
    admin = await openKubeApi({ kubeconfig: server.admin, clock, log });
  });

  after(async () => {
    await Promise.all(open.map((store) => store.close()));
    await admin?.close();
    await server?.close();
  });

  test('a store says how to get a missing CRD and starts by itself once it is there', async () => {
    const store = follow({ api: admin, resource: pools(namespace) });
    await until('the store notices', () => store.health().state === 'missing', {});
    assert.equal(store.snapshot().synced, false);
    assert.ok(lines.some((line) => line.includes('apply deploy/crds.yaml')));
    const files = ['namespace', 'crds', 'rbac', 'agent', 'controller'];
    for (const file of files) {
      const path = join(deploy, `${file}.yaml`);
      // The namespace needs a moment to get its ServiceAccounts; apply does not depend on them.
      await server.plane.kubectl(['apply', '--validate=strict', '-f', path]);
    }
    await server.plane.kubectl(['wait', '--for=condition=Established', 'crd', '--all']);
    await until('the store is in step', () => store.snapshot().synced, {});
  });

  test('the example and the kustomization are accepted with strict validation', async () => {
    await server.plane.kubectl(['apply', '--validate=strict', '--dry-run=server', '-k', deploy]);
    const example = join(deploy, 'example-pool.yaml');
    await server.plane.kubectl(['apply', '--validate=strict', '--dry-run=server', '-f', example]);
  });

  for (const { name, addresses, expected } of [
    {
      name: 'a bare address',
      addresses: '["192.0.2.1"]',
      expected: /is no range of addresses: write/,
    },
    {
      name: 'half a range',
      addresses: '["192.0.2.1-"]',
      expected: /is no range of addresses: write/,
    },
    { name: 'nonsense', addresses: '["300.0.0.0/8"]', expected: /is no range of addresses: write/ },
    {
      name: 'two families',
      addresses: '["192.0.2.1-2001:db8::1"]',
      expected: /mixes IPv4 and IPv6/,
    },
    { name: 'no range at all', addresses: '[]', expected: /at least 1/ },
  ]) {
    test(`the API server refuses a pool with ${name}, and says why`, async () => {
      await assert.rejects(server.plane.kubectl(['apply', '-f', '-'], pool(addresses)), expected);
    });
  }

  test('the API server takes prefixes, ranges with blanks, and IPv6', async () => {
    const addresses = '["192.0.2.5/24", "198.51.100.1 - 198.51.100.9", "2001:db8::/64", "::1-::2"]';
    await server.plane.kubectl(['apply', '--dry-run=server', '-f', '-'], pool(addresses));
  });

  test('a field that nobody would honour is refused', async () => {
    const text = pool('["192.0.2.0/24"]').replace('"spec":{', '"spec":{"avoidBuggyIPs":true,');
    await assert.rejects(
      server.plane.kubectl(['apply', '--validate=strict', '-f', '-'], text),
      /unknown field "spec.avoidBuggyIPs"/,
    );
  });

  test('a selector with In and no values is refused, and says why', async () => {
    const expressions = [{ key: 'a', operator: 'In' }];
    const text = object('L2Advertisement', { nodeSelectors: [{ matchExpressions: expressions }] });
    await assert.rejects(
      server.plane.kubectl(['apply', '-f', '-'], text),
      /In and NotIn need at least one value/,
    );
  });

  test('a Lease is created, changed at its revision only, listed and watched', async () => {
    const kubeconfig = await server.serviceAccount(namespace, 'leasehold-agent');
    const api = await openKubeApi({ kubeconfig, clock, log });
    open.push(api);
    // Without its Node the garbage collector would take the Lease away.
    const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n1' } };
    await server.plane.kubectl(['create', '-f', '-'], JSON.stringify(node));
    nodeUid = await server.plane.kubectl(['get', 'node', 'n1', '-o', 'jsonpath={.metadata.uid}']);
    const store = follow({ api, resource: electionLeases(namespace) });
    const created = await writeLease(api, encodeLease(heartbeat(1), context()), {
      ...call,
      base: undefined,
    });
    assert.equal(created.kind, 'written');
    const again = await writeLease(api, encodeLease(heartbeat(1), context()), {
      ...call,
      base: undefined,
    });
    assert.equal(again.kind, 'conflict');
    const base = created.kind === 'written' ? created.revision : 0n;
    const replaced = await writeLease(api, encodeLease(heartbeat(2), context()), { ...call, base });
    assert.equal(replaced.kind, 'written');
    const stale = await writeLease(api, encodeLease(heartbeat(3), context()), { ...call, base });
    assert.equal(stale.kind, 'conflict');
    const claimed = await writeLease(api, encodeLease(claims(), context()), {
      ...call,
      base: undefined,
    });
    assert.equal(claimed.kind, 'written');

    const listed = await listLeases(api, namespace, call);
    assert.ok(listed.kind === 'listed');
    assert.deepEqual(listed.cut.heartbeats.get('n1')?.record, heartbeat(2));
    assert.deepEqual(listed.cut.claims.get('n1')?.record, claims());
    await until('the watch shows both', () => store.snapshot().items.size === 2, {});
    const { items, revision } = store.snapshot();
    assert.deepEqual(leaseCut(items.values(), revision).claims, listed.cut.claims);
    const gone = { ...heartbeat(1), node: 'n9' };
    const deleted = await writeLease(api, encodeLease(gone, context()), { ...call, base });
    assert.equal(deleted.kind, 'conflict', 'a Lease that was deleted is a conflict, not a failure');
  });

  test('a Lease that a person has spoilt is known to exist, and named', async () => {
    const lease = leaseName('heartbeat', 'n1');
    await server.plane.kubectl([
      'annotate',
      '--overwrite',
      '-n',
      namespace,
      'lease',
      lease,
      'leasehold.dev/write=many',
    ]);
    const listed = await listLeases(admin, namespace, call);
    assert.ok(listed.kind === 'listed');
    assert.equal(listed.cut.heartbeats.size, 0);
    assert.deepEqual([...listed.cut.unreadable.keys()], ['heartbeat/n1']);
  });

  test('missing roles are named with their remedy', async () => {
    await server.plane.kubectl(['create', 'serviceaccount', 'nobody', '-n', 'default']);
    const kubeconfig = await server.serviceAccount('default', 'nobody');
    const api = await openKubeApi({ kubeconfig, clock, log });
    open.push(api);
    const store = follow({ api, resource: services });
    await until('it is refused', () => store.health().state === 'forbidden', {});
    assert.ok(lines.some((line) => line.includes('apply deploy/rbac.yaml')));
  });

  test('a store follows changes, and catches up after a cut without losing any', async () => {
    const store = follow({ api: admin, resource: services });
    await until('in step', () => store.snapshot().synced, {});
    await server.plane.kubectl(['create', 'service', 'loadbalancer', 'one', '--tcp=80']);
    await until('it sees one', () => store.snapshot().items.has('default/one'), {});
    server.cut('refuse');
    await until('it notices', () => store.health().state === 'unreachable', {});
    await server.plane.kubectl(['delete', 'service', 'one']);
    await server.plane.kubectl(['create', 'service', 'loadbalancer', 'two', '--tcp=80']);
    server.mend();
    await until('it sees two', () => store.snapshot().items.has('default/two'), {
      timeout: 15_000,
    });
    assert.equal(store.snapshot().items.has('default/one'), false);
  });

  test('a request to a server that says nothing ends at its time-out', async () => {
    server.cut('swallow');
    const started = performance.now();
    const listed = await listLeases(admin, namespace, { timeoutMs: 300 });
    assert.ok(performance.now() - started < 600);
    assert.equal(listed.kind === 'failed' && listed.failure.kind, 'timeout');
    server.cut('refuse');
    server.mend();
    const next = await listLeases(admin, namespace, call);
    assert.equal(next.kind, 'listed');
  });

  test('a refused token is read again and the request repeated', async () => {
    const text = readFileSync(server.admin, 'utf8');
    const path = `${server.admin}.rotating`;
    writeFileSync(path, text.replace(/"token":"[^"]*"/, '"token":"expired"'));
    const api = await openKubeApi({ kubeconfig: path, clock, log });
    open.push(api);
    const refused = await api.request({ path: '/api/v1/namespaces' });
    assert.equal(refused.ok ? 'ok' : refused.kind, 'unauthorized');
    writeFileSync(path, text);
    const accepted = await api.request({ path: '/api/v1/namespaces' });
    assert.equal(accepted.ok, true);
  });

  test('a store survives the restart of the API server', async () => {
    const store = follow({ api: admin, resource: services });
    await until('in step', () => store.snapshot().synced, {});
    await server.plane.stopPart('kube-apiserver', 'SIGKILL');
    server.plane.startPart('kube-apiserver');
    await server.plane.ready();
    await server.plane.kubectl(['create', 'service', 'loadbalancer', 'three', '--tcp=80']);
    await until('it sees three', () => store.snapshot().items.has('default/three'), {
      timeout: 20_000,
    });
  });
});

function object(kind: string, spec: object): string {
  const metadata = { name: 'test', namespace };
  return JSON.stringify({ apiVersion: 'leasehold.dev/v1alpha1', kind, metadata, spec });
}

function pool(addresses: string): string {
  return object('IPAddressPool', { addresses: JSON.parse(addresses) });
}

let nodeUid = '';

function context(): LeaseContext {
  return {
    namespace,
    nodeUid,
    timing: { renewInterval: 1_000, holderPatience: 2_700, takerPatience: 3_000 },
    renewTime: clock.wallTime(),
    conditions: [],
  };
}

const stamp = { node: 'n1', bootId: 'b00', incarnation: 3, session: 's1' };

function heartbeat(write: number): Heartbeat {
  return { kind: 'heartbeat', ...stamp, write };
}

function claims(): Claims {
  return {
    kind: 'claims',
    ...stamp,
    write: 1,
    vips: new Map([
      ['192.0.2.10', { reason: 'first claim', from: undefined }],
      ['192.0.2.11', { reason: 'n2 is dead', from: 'n2' }],
    ]),
    leaving: new Set(),
    fences: new Set(['n2/b7/1']),
    joined: 4,
    draining: false,
    mayHold: true,
    links: [{ name: 'eth0', mac: '02:00:00:00:00:01', subnets: ['192.0.2.0/24'], addresses: [] }],
  };
}
