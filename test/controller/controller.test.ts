import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type Logger, pino } from 'pino';
import { runController } from '../../src/controller/controller.ts';
import { type KubeApi, openKubeApi } from '../../src/kube/api.ts';
import { services } from '../../src/kube/resources.ts';
import { type Store, watchStore } from '../../src/kube/store.ts';
import type { Service } from '../../src/model.ts';
import { systemClock } from '../../src/sys/clock.ts';
import { type ApiServer, startApiServer, whyNoApiServer } from '../kube/api-server.ts';
import { until } from '../lab/until.ts';

const deploy = join(import.meta.dirname, '../../deploy');
const namespace = 'leasehold-system';
const clock = systemClock();
const silent = pino({ level: 'silent' });

describe('the controller against a real API server', { skip: whyNoApiServer() ?? false }, () => {
  let server: ApiServer;
  let api: KubeApi;
  let admin: KubeApi;
  let store: Store<Service>;
  let running: { stop(): Promise<void> };
  const lines: string[] = [];

  function start(): { stop(): Promise<void> } {
    const abort = new AbortController();
    const log: Logger = pino({}, { write: (line) => void lines.push(line) });
    const done = runController({
      api,
      namespace,
      loadBalancerClass: undefined,
      clock,
      log,
      signal: abort.signal,
    });
    return {
      async stop() {
        abort.abort();
        await done;
      },
    };
  }

  const create = (name: string) =>
    server.plane.kubectl(['create', 'service', 'loadbalancer', name, '--tcp=80']);
  const get = (name: string) => store.snapshot().items.get(`default/${name}`);
  const address = (name: string) =>
    until(`${name} has an address`, () => get(name)?.ingress[0], { timeout: 15_000 });

  before(async () => {
    server = await startApiServer();
    for (const file of ['namespace', 'crds', 'rbac']) {
      await server.plane.kubectl(['apply', '-f', join(deploy, `${file}.yaml`)]);
    }
    await server.plane.kubectl(['wait', '--for=condition=Established', 'crd', '--all']);
    await server.plane.api.apply(poolOf('192.0.2.240-192.0.2.242'));
    admin = await openKubeApi({ kubeconfig: server.admin, clock, log: silent });
    store = watchStore({ api: admin, resource: services, clock, log: silent, onChange() {} });
    const kubeconfig = await server.serviceAccount(namespace, 'leasehold-controller');
    api = await openKubeApi({ kubeconfig, clock, log: silent });
    running = start();
  });

  after(async () => {
    await running?.stop();
    await store?.close();
    await api?.close();
    await admin?.close();
    await server?.close();
  });

  test('with its own role only, it gives each Service the first free address', async () => {
    await create('one');
    assert.equal(await address('one'), '192.0.2.240');
    await create('two');
    assert.equal(await address('two'), '192.0.2.241');
    const answer = await admin.request({ path: '/api/v1/namespaces/default/services/one' });
    assert.match(JSON.stringify(answer), /"ingress":\[\{"ip":"192.0.2.240","ipMode":"VIP"\}\]/);
  });

  test('an address is free again when its Service is deleted', async () => {
    await server.plane.kubectl(['delete', 'service', 'one']);
    await create('three');
    assert.equal(await address('three'), '192.0.2.240');
  });

  test('after a restart it writes nothing, though the pool has lost the addresses', async () => {
    await running.stop();
    await server.plane.api.apply(poolOf('192.0.2.242-192.0.2.243'));
    const before = ['two', 'three'].map((name) => get(name)?.resourceVersion);
    lines.length = 0;
    running = start();
    await create('four');
    assert.equal(await address('four'), '192.0.2.242');
    assert.deepEqual(
      ['two', 'three'].map((name) => get(name)?.resourceVersion),
      before,
    );
    // The watch may show the status before its writer has the answer and says so.
    const assigned = () => lines.filter((line) => line.includes('address assigned')).length;
    await until('it is said', () => assigned() > 0, {});
    assert.equal(assigned(), 1);
  });

  test('a Service that finds the pool full is named, and served when it grows', async () => {
    await create('five');
    await address('five');
    await create('six');
    await until('it is refused', () => lines.some((l) => l.includes('no free IPv4 address')), {});
    await server.plane.api.apply(poolOf('192.0.2.242-192.0.2.250'));
    assert.equal(await address('six'), '192.0.2.244');
  });

  test('a hundred Services get a hundred addresses through an outage of the API', async () => {
    await server.plane.api.apply(poolOf('198.51.100.0/24'));
    const list = Array.from({ length: 100 }, (_, n) => ({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: `many-${n}`, namespace: 'default' },
      spec: { type: 'LoadBalancer', ports: [{ port: 80 }] },
    }));
    const created = Promise.all(list.map((service) => server.plane.api.apply(service)));
    await until('some have one', () => get('many-0') !== undefined, {});
    server.cut('refuse');
    await created;
    server.mend();
    const many = () =>
      [...store.snapshot().items.values()].filter((s) => s.name.startsWith('many'));
    await until(
      'all have one',
      () => many().length === 100 && many().every((s) => s.ingress.length),
      {
        timeout: 30_000,
      },
    );
    assert.equal(new Set(many().flatMap((s) => s.ingress)).size, 100);
  });
});

function poolOf(range: string) {
  return {
    apiVersion: 'leasehold.dev/v1alpha1',
    kind: 'IPAddressPool',
    metadata: { name: 'test', namespace },
    spec: { addresses: [range] },
  };
}
