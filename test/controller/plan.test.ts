import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { keyOf, plan, type World } from '../../src/controller/plan.ts';
import type { Pool, Service } from '../../src/model.ts';
import { rangeOf } from '../../src/net/ip.ts';

const pools: readonly Pool[] = [
  { name: 'a', created: '', labels: {}, ranges: [rangeOf('192.0.2.0/28')], autoAssign: true },
];

function service(name: string, more: Partial<Service> = {}): Service {
  return {
    namespace: 'default',
    name,
    uid: `uid-${name}`,
    created: '2026-11-21T00:00:00Z',
    resourceVersion: '7',
    type: 'LoadBalancer',
    deleting: false,
    loadBalancerClass: undefined,
    externalTrafficPolicy: 'Cluster',
    ipFamilies: ['IPv4'],
    clusterIps: [],
    ingress: [],
    sharingKey: undefined,
    ...more,
  };
}

function world(services: readonly Service[], more: Partial<World> = {}): World {
  const base = { services, pools, nodes: [], loadBalancerClass: undefined, intended: new Map() };
  return { ...base, ...more };
}

function perform(services: readonly Service[], more: Partial<World> = {}): Service[] {
  const { writes } = plan(world(services, more));
  const byKey = new Map(writes.map((write) => [write.service, write]));
  return services.map((service) => {
    const write = byKey.get(keyOf(service));
    if (write === undefined) return service;
    return { ...service, ingress: write.vip === undefined ? [] : [write.vip] };
  });
}

const someVip = fc.integer({ min: 0, max: 20 }).map((n) => `192.0.2.${n}`);
const someServices = fc
  .array(
    fc.record({
      type: fc.constantFrom('LoadBalancer', 'LoadBalancer', 'ClusterIP'),
      deleting: fc.boolean(),
      loadBalancerClass: fc.constantFrom(undefined, undefined, 'example.com/other'),
      created: fc.constantFrom('2026-11-21T00:00:00Z', '2026-11-21T00:00:01Z'),
      ingress: fc.array(someVip, { maxLength: 1 }),
      sharingKey: fc.constantFrom(undefined, undefined, 'shared'),
    }),
    { maxLength: 24 },
  )
  .map((list) => list.map((more, index) => service(`s${index}`, more)));

describe('plan()', () => {
  test('never two Services without a common sharing key on one address', () => {
    fc.assert(
      fc.property(someServices, (services) => {
        const alive = perform(services).filter(
          ({ type, loadBalancerClass, deleting }) =>
            type === 'LoadBalancer' && loadBalancerClass === undefined && !deleting,
        );
        for (const one of alive) {
          for (const other of alive) {
            const same = one.ingress.some((vip) => other.ingress.includes(vip));
            const shared = one.sharingKey !== undefined && one.sharingKey === other.sharingKey;
            // With no address left, a younger one keeps what it cannot exchange; the plan says so.
            const refused = plan(world(services)).refusals;
            const waiting = refused.has(keyOf(one)) || refused.has(keyOf(other));
            if (one !== other && same && !shared && !waiting) {
              assert.fail(`${keyOf(one)} and ${keyOf(other)} both have ${one.ingress}`);
            }
          }
        }
      }),
    );
  });

  test('does the same in whatever order the Services are listed', () => {
    fc.assert(
      fc.property(someServices, fc.infiniteStream(fc.nat()), (services, keys) => {
        const shuffled = services
          .map((service) => ({ service, key: keys.next().value }))
          .sort((a, b) => a.key - b.key)
          .map(({ service }) => service);
        assert.deepEqual(plan(world(shuffled)), plan(world(services)));
      }),
    );
  });

  test('has nothing to do once it was performed', () => {
    fc.assert(
      fc.property(someServices, (services) => {
        const { writes, refusals } = plan(world(perform(services)));
        assert.deepEqual(
          writes.filter(({ service }) => !refusals.has(service)),
          [],
        );
      }),
    );
  });

  test('keeps an address that no pool holds any more', () => {
    const kept = service('a', { ingress: ['203.0.113.9'] });
    assert.deepEqual(plan(world([kept])).writes, []);
  });

  test('passes over every address that any Service has, of whatever class', () => {
    const other = service('o', { loadBalancerClass: 'example.com/other', ingress: ['192.0.2.0'] });
    const internal = service('i', { type: 'ClusterIP', clusterIps: ['192.0.2.1'] });
    const [write] = plan(world([other, internal, service('a')])).writes;
    assert.equal(write?.vip, '192.0.2.2');
  });

  test('passes over the addresses of nodes', () => {
    const node = {
      name: 'n1',
      uid: 'u',
      labels: {},
      addresses: ['192.0.2.0', '192.0.2.1'],
      unschedulable: false,
      taints: [],
      drainAsked: false,
    };
    const { writes } = plan(world([service('a')], { nodes: [node] }));
    assert.deepEqual(
      writes.map(({ vip }) => vip),
      ['192.0.2.2'],
    );
  });

  test('takes only Services of its class', () => {
    const services = [service('a'), service('b', { loadBalancerClass: 'example.com/ours' })];
    const { writes } = plan(world(services, { loadBalancerClass: 'example.com/ours' }));
    assert.deepEqual(
      writes.map((write) => write.service),
      ['default/b'],
    );
  });

  test('takes back the address of a Service that is no load balancer any more', () => {
    const former = service('a', { type: 'NodePort', ingress: ['192.0.2.3'] });
    const foreign = service('b', { type: 'NodePort', ingress: ['203.0.113.9'] });
    const { writes } = plan(world([former, foreign]));
    assert.deepEqual(
      writes.map(({ service, vip }) => [service, vip]),
      [['default/a', undefined]],
    );
  });

  test('gives the younger of two Services with one address another one', () => {
    const older = service('z', { ingress: ['192.0.2.0'], created: '2026-11-20T00:00:00Z' });
    const younger = service('a', { ingress: ['192.0.2.0'] });
    const { writes } = plan(world([younger, older]));
    assert.deepEqual(
      writes.map(({ service, vip, reason }) => [service, vip, reason]),
      [['default/a', '192.0.2.1', 'default/z is older']],
    );
  });

  test('gives an address that was sent but not seen yet to nobody but its Service', () => {
    const intended = new Map([['default/b', '192.0.2.0']]);
    const { writes } = plan(world([service('a'), service('b')], { intended }));
    assert.deepEqual(
      writes.map(({ service, vip }) => [service, vip]),
      [
        ['default/a', '192.0.2.1'],
        ['default/b', '192.0.2.0'],
      ],
    );
  });

  test('refuses a Service that asks for IPv6 only, with the reason', () => {
    const { writes, refusals } = plan(world([service('a', { ipFamilies: ['IPv6'] })]));
    assert.deepEqual(writes, []);
    assert.match(refusals.get('default/a') ?? '', /IPv6 only/);
  });

  test('assigns nothing to a Service that is being deleted', () => {
    assert.deepEqual(plan(world([service('a', { deleting: true })])).writes, []);
  });

  test('takes no more than half a second for 10,000 Services without an address', () => {
    const services = Array.from({ length: 10_000 }, (_, n) => service(`s${n}`));
    const big = [{ ...pools[0], name: 'big', ranges: [rangeOf('10.0.0.0/8')] } as Pool];
    plan(world(services, { pools: big }));
    const started = performance.now();
    assert.equal(plan(world(services, { pools: big })).writes.length, 10_000);
    assert.ok(performance.now() - started < 500, `${performance.now() - started} ms`);
  });
});
