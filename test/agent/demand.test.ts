import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type ClusterSnapshot,
  demandOf,
  drainReason,
  EXCLUDE_LABEL,
} from '../../src/agent/demand.ts';
import type { ClusterNode, L2Advertisement, Pool, Service } from '../../src/model.ts';

const pool: Pool = {
  name: 'a',
  created: '2026-01-01T00:00:00Z',
  labels: { zone: 'east' },
  ranges: [{ first: '192.0.2.100', last: '192.0.2.110' }],
  autoAssign: true,
};
const everywhere: L2Advertisement = {
  name: 'all',
  pools: [],
  poolSelectors: [],
  nodeSelectors: [],
  interfaces: [],
};
const node = (name: string, labels: Record<string, string> = {}): ClusterNode => ({
  name,
  uid: name,
  labels,
  addresses: [`192.0.2.${name === 'n1' ? 11 : 12}`],
  unschedulable: false,
  taints: [],
  drainAsked: false,
});

function service(name: string, rest: Partial<Service> = {}): Service {
  return {
    namespace: 'default',
    name,
    uid: name,
    created: '2026-01-02T00:00:00Z',
    resourceVersion: '1',
    type: 'LoadBalancer',
    deleting: false,
    loadBalancerClass: undefined,
    externalTrafficPolicy: 'Cluster',
    ipFamilies: ['IPv4'],
    clusterIps: ['10.96.0.1'],
    ingress: ['192.0.2.100'],
    sharingKey: undefined,
    ...rest,
  };
}

function cluster(rest: Partial<ClusterSnapshot>): ClusterSnapshot {
  return {
    services: [service('web')],
    endpointSlices: [],
    nodes: [node('n1'), node('n2')],
    pools: [pool],
    advertisements: [everywhere],
    ...rest,
  };
}

test('an ingress address inside a pool of ours is a VIP', () => {
  const demand = demandOf(cluster({}), undefined);
  assert.deepEqual([...demand.vips.keys()], ['192.0.2.100']);
  assert.deepEqual(demand.services.get('192.0.2.100'), ['default/web']);
  assert.deepEqual(demand.vips.get('192.0.2.100')?.adverts, [
    { nodes: new Set(['n1', 'n2']), links: undefined },
  ]);
});

test('no address outside every pool, of a node, or of a ClusterIP is ever announced', () => {
  const wide = { ...pool, ranges: [{ first: '10.0.0.0', last: '192.0.2.255' }] };
  const services = [
    service('stranger', { ingress: ['203.0.113.1'] }),
    service('thief', { ingress: ['192.0.2.11'] }),
    service('inner', { ingress: ['10.96.0.1'] }),
  ];
  const demand = demandOf(cluster({ services, pools: [wide] }), undefined);
  assert.equal(demand.vips.size, 0);
  assert.deepEqual([...demand.refused.keys()], ['203.0.113.1', '192.0.2.11', '10.96.0.1']);
});

test('only Services of our class count: without a class, those without one', () => {
  const services = [
    service('plain'),
    service('classed', { loadBalancerClass: 'x', ingress: ['192.0.2.101'] }),
    service('other', { type: 'ClusterIP', ingress: ['192.0.2.102'] }),
    service('leaving', { deleting: true, ingress: ['192.0.2.103'] }),
  ];
  assert.deepEqual([...demandOf(cluster({ services }), undefined).vips.keys()], ['192.0.2.100']);
  assert.deepEqual([...demandOf(cluster({ services }), 'x').vips.keys()], ['192.0.2.101']);
});

test('nodeSelectors and interfaces of the advertisements decide where', () => {
  const rack = {
    ...everywhere,
    nodeSelectors: [{ matchLabels: { rack: 'r1' }, matchExpressions: [] }],
    interfaces: ['eth1'],
  };
  const nodes = [node('n1', { rack: 'r1' }), node('n2')];
  const demand = demandOf(cluster({ nodes, advertisements: [rack] }), undefined);
  assert.deepEqual(demand.vips.get('192.0.2.100')?.adverts, [
    { nodes: new Set(['n1']), links: new Set(['eth1']) },
  ]);
});

test('an advertisement means the pools it names or selects, and every pool if it does neither', () => {
  const adverts = (rest: Partial<L2Advertisement>) =>
    demandOf(cluster({ advertisements: [{ ...everywhere, ...rest }] }), undefined).vips.get(
      '192.0.2.100',
    )?.adverts.length;
  const selector = (zone: string) => ({ matchLabels: { zone }, matchExpressions: [] });
  assert.equal(adverts({}), 1);
  assert.equal(adverts({ pools: ['a'] }), 1);
  assert.equal(adverts({ pools: ['b'] }), 0);
  assert.equal(adverts({ poolSelectors: [selector('east')] }), 1);
  assert.equal(adverts({ poolSelectors: [selector('west')] }), 0);
});

test('a VIP that no advertisement selects is told', () => {
  const { refused } = demandOf(cluster({ advertisements: [] }), undefined);
  assert.match(refused.get('192.0.2.100') ?? '', /no L2Advertisement selects pool a/);
});

test('externalTrafficPolicy Local: only nodes with a ready endpoint, over all slices', () => {
  const slice = (name: string, readyNodes: string[]) => ({
    namespace: 'default',
    name,
    service: 'web',
    readyNodes,
  });
  const services = [service('web', { externalTrafficPolicy: 'Local' })];
  const endpointSlices = [slice('web-1', ['n1']), slice('web-2', ['n2'])];
  const both = demandOf(cluster({ services, endpointSlices }), undefined);
  assert.deepEqual(both.vips.get('192.0.2.100')?.endpointNodes, new Set(['n1', 'n2']));
  const none = demandOf(cluster({ services }), undefined);
  assert.deepEqual(none.vips.get('192.0.2.100')?.endpointNodes, new Set());
  assert.equal(demandOf(cluster({}), undefined).vips.get('192.0.2.100')?.endpointNodes, undefined);
});

test('two Services with one address and no common sharing key: the older has it', () => {
  const older = service('older', { created: '2026-01-01T00:00:00Z' });
  const younger = service('younger', { externalTrafficPolicy: 'Local' });
  const demand = demandOf(cluster({ services: [younger, older] }), undefined);
  assert.deepEqual(demand.services.get('192.0.2.100'), ['default/older']);
  assert.equal(demand.vips.get('192.0.2.100')?.endpointNodes, undefined);
});

test('the key is the sharing group if the VIP is shared, else the address', () => {
  const keyOf = (services: Service[]) =>
    demandOf(cluster({ services }), undefined).vips.get('192.0.2.100')?.key;
  assert.equal(keyOf([service('web')]), '192.0.2.100');
  const shared = [service('a', { sharingKey: 'k' }), service('b', { sharingKey: 'k' })];
  assert.equal(keyOf(shared), 'shared/k');
});

test('the exclude label takes a node out whatever its value', () => {
  const nodes = [node('n1', { [EXCLUDE_LABEL]: 'false' }), node('n2')];
  assert.deepEqual(demandOf(cluster({ nodes }), undefined).excluded, new Set(['n1']));
});

test('a node that is cordoned, or asked to drain, gives its VIPs up in order', () => {
  const nodes = [
    { ...node('n1'), unschedulable: true },
    { ...node('n2'), drainAsked: true, unschedulable: true },
    node('n3'),
  ];
  const { draining, excluded, vips } = demandOf(cluster({ nodes }), undefined);
  assert.deepEqual(
    draining,
    new Map([
      ['n1', 'cordoned'],
      ['n2', 'drain asked for'],
    ]),
  );
  assert.equal(excluded.size, 0, 'it stays eligible: where everybody drains, somebody answers');
  assert.deepEqual(vips.get('192.0.2.100')?.adverts[0]?.nodes, new Set(['n1', 'n2', 'n3']));
});

for (const { taint, reason } of [
  { taint: 'node.kubernetes.io/unschedulable', reason: 'taint node.kubernetes.io/unschedulable' },
  { taint: 'node.kubernetes.io/out-of-service', reason: 'taint node.kubernetes.io/out-of-service' },
  { taint: 'ToBeDeletedByClusterAutoscaler', reason: 'taint ToBeDeletedByClusterAutoscaler' },
  { taint: 'karpenter.sh/disrupted', reason: 'taint karpenter.sh/disrupted' },
  // What a controller thinks of a kubelet says nothing about the segment.
  { taint: 'node.kubernetes.io/not-ready', reason: undefined },
  { taint: 'node.kubernetes.io/unreachable', reason: undefined },
  { taint: 'node.kubernetes.io/network-unavailable', reason: undefined },
  { taint: 'node.kubernetes.io/memory-pressure', reason: undefined },
  // A candidate is mostly spared.
  { taint: 'DeletionCandidateOfClusterAutoscaler', reason: undefined },
  { taint: 'node-role.kubernetes.io/control-plane', reason: undefined },
]) {
  test(`the taint ${taint} ${reason === undefined ? 'moves nothing' : 'drains the node'}`, () => {
    assert.equal(drainReason({ ...node('n1'), taints: ['example.com/x', taint] }), reason);
  });
}
