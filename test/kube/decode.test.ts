import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeL2Advertisement } from '../../src/kube/advertisement.ts';
import { decodeEndpointSlice } from '../../src/kube/endpoint-slice.ts';
import type { Decode } from '../../src/kube/json.ts';
import { DRAIN_ANNOTATION, decodeNode } from '../../src/kube/node.ts';
import { decodePool } from '../../src/kube/pool.ts';
import { decodeSecret } from '../../src/kube/secret.ts';
import { decodeService } from '../../src/kube/service.ts';

const metadata = {
  namespace: 'default',
  name: 'x',
  uid: 'u',
  resourceVersion: '7',
  creationTimestamp: '2026-11-21T00:00:00Z',
};

function value<T>(decode: Decode<T>, object: object): T {
  const decoded = decode({ metadata, ...object });
  assert.ok(decoded.ok, decoded.ok ? '' : decoded.error.message);
  return decoded.value;
}

function error(decode: Decode<unknown>, object: object): string {
  const decoded = decode({ metadata, ...object });
  assert.ok(!decoded.ok);
  return `${decoded.error.object}: ${decoded.error.message}`;
}

test('a Service gives its canonical ingress addresses, class, policy and families', () => {
  const service = value(decodeService, {
    spec: {
      type: 'LoadBalancer',
      loadBalancerClass: 'example.com/x',
      externalTrafficPolicy: 'Local',
      ipFamilies: ['IPv4', 'IPv6'],
      clusterIPs: ['10.96.0.9'],
      externalIPs: ['203.0.113.1'],
    },
    status: {
      loadBalancer: {
        ingress: [{ ip: '2001:DB8::0001' }, { hostname: 'a.example' }, { ip: '1.2.3' }],
      },
    },
  });
  assert.deepEqual(service.ingress, ['2001:db8::1']);
  assert.equal(service.loadBalancerClass, 'example.com/x');
  assert.equal(service.externalTrafficPolicy, 'Local');
  assert.deepEqual(service.ipFamilies, ['IPv4', 'IPv6']);
  assert.equal(JSON.stringify(service).includes('203.0.113.1'), false, 'externalIPs are not read');
});

for (const prefix of ['leasehold.dev', 'metallb.io', 'metallb.universe.tf']) {
  test(`the annotation ${prefix}/allow-shared-ip is a sharing key`, () => {
    const annotations = { [`${prefix}/allow-shared-ip`]: 'key' };
    const service = value(decodeService, { metadata: { ...metadata, annotations }, spec: {} });
    assert.equal(service.sharingKey, 'key');
  });
}

test('an endpoint is ready unless it says that it is not', () => {
  const labels = { 'kubernetes.io/service-name': 'web' };
  const slice = value(decodeEndpointSlice, {
    metadata: { ...metadata, labels },
    endpoints: [
      { nodeName: 'n1', conditions: { ready: true } },
      { nodeName: 'n1', conditions: {} },
      { nodeName: 'n2' },
      { nodeName: 'n3', conditions: { ready: false, serving: true } },
      { conditions: { ready: true } },
    ],
  });
  assert.deepEqual([slice.service, slice.readyNodes], ['web', ['n1', 'n2']]);
});

test('a slice without endpoints (null in the API) is an empty one', () => {
  assert.deepEqual(value(decodeEndpointSlice, { endpoints: null }).readyNodes, []);
});

test('a Node gives its labels and those of its addresses that are IP addresses', () => {
  const addresses = [
    { type: 'InternalIP', address: '192.0.2.11' },
    { type: 'Hostname', address: 'n1' },
  ];
  const node = value(decodeNode, {
    metadata: { ...metadata, labels: { zone: 'a' } },
    status: { addresses },
  });
  assert.deepEqual([node.labels, node.addresses], [{ zone: 'a' }, ['192.0.2.11']]);
});

test('a Node is schedulable, untainted and not asked to drain unless it says so', () => {
  const { unschedulable, taints, drainAsked } = value(decodeNode, {});
  assert.deepEqual(
    { unschedulable, taints, drainAsked },
    {
      unschedulable: false,
      taints: [],
      drainAsked: false,
    },
  );
});

test('a Node gives whether it is cordoned, and its taints but for those that only ask', () => {
  const taints = [
    { key: 'a', effect: 'NoSchedule', value: 'x' },
    { key: 'b', effect: 'NoExecute', timeAdded: '2026-11-21T00:00:00Z' },
    { key: 'c', effect: 'PreferNoSchedule' },
  ];
  const node = value(decodeNode, { spec: { unschedulable: true, taints } });
  assert.deepEqual([node.unschedulable, node.taints], [true, ['a', 'b']]);
});

for (const { text, asked } of [
  { text: 'true', asked: true },
  { text: '', asked: true },
  { text: 'until Friday', asked: true },
  { text: 'false', asked: false },
]) {
  test(`the annotation ${DRAIN_ANNOTATION}="${text}" asks for ${asked ? 'a' : 'no'} drain`, () => {
    const annotations = { [DRAIN_ANNOTATION]: text };
    assert.equal(value(decodeNode, { metadata: { ...metadata, annotations } }).drainAsked, asked);
  });
}

test('a Secret gives the bytes of its keys', () => {
  const { data } = value(decodeSecret, { data: { key: 'AP8B', empty: '' } });
  assert.deepEqual([...(data.get('key') ?? [])], [0, 255, 1]);
  assert.equal(data.get('empty')?.length, 0);
  assert.equal(value(decodeSecret, {}).data.size, 0);
});

for (const data of [{ key: 'topsecret' }, { key: 4711 }, 'topsecret', { key: 'topsecre*' }]) {
  test(`a Secret with the data ${JSON.stringify(data)} is set aside, without quoting it`, () => {
    assert.doesNotMatch(error(decodeSecret, { data }), /topsec|4711/);
  });
}

test('a pool gives ranges in its order; host bits of a prefix mean its network', () => {
  const pool = value(decodePool, {
    spec: { addresses: ['192.0.2.7/29', '192.0.2.100 - 192.0.2.101'], autoAssign: false },
  });
  assert.deepEqual(pool.ranges, [
    { first: '192.0.2.0', last: '192.0.2.7' },
    { first: '192.0.2.100', last: '192.0.2.101' },
  ]);
  assert.equal(pool.autoAssign, false);
});

test('a pool assigns by itself unless told otherwise', () => {
  assert.equal(value(decodePool, { spec: { addresses: [] } }).autoAssign, true);
});

test('a pool with a range that ends before it starts is set aside with the remedy', () => {
  assert.match(
    error(decodePool, { spec: { addresses: ['192.0.2.9-192.0.2.1'] } }),
    /^default\/x: .*ends before it starts; swap/,
  );
});

test('an L2Advertisement without a spec means every pool, node and link', () => {
  const { name, ...rest } = value(decodeL2Advertisement, {});
  assert.deepEqual([name, Object.values(rest)], ['x', [[], [], [], []]]);
});

test('an L2Advertisement gives its selectors', () => {
  const expression = { key: 'zone', operator: 'NotIn', values: ['b'] };
  const { nodeSelectors } = value(decodeL2Advertisement, {
    spec: { nodeSelectors: [{ matchLabels: { rack: '1' }, matchExpressions: [expression] }] },
  });
  assert.deepEqual(nodeSelectors, [{ matchLabels: { rack: '1' }, matchExpressions: [expression] }]);
});

test('an operator that nobody knows is an error, never a selector that selects all', () => {
  const nodeSelectors = [{ matchExpressions: [{ key: 'a', operator: 'Gt', values: ['1'] }] }];
  assert.match(error(decodeL2Advertisement, { spec: { nodeSelectors } }), /"Gt" is not In, NotIn/);
});

test('whatever JSON arrives, every decoder answers with a value', () => {
  const decoders: readonly Decode<unknown>[] = [
    decodeService,
    decodeEndpointSlice,
    decodeNode,
    decodeSecret,
    decodePool,
    decodeL2Advertisement,
  ];
  const parts = fc.record({
    spec: fc.jsonValue(),
    status: fc.jsonValue(),
    endpoints: fc.jsonValue(),
    data: fc.jsonValue(),
  });
  fc.assert(
    fc.property(fc.jsonValue(), parts, (any, object) => {
      for (const decode of decoders) {
        decode(any);
        decode({ metadata, ...object });
      }
    }),
  );
});
