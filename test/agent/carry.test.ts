import assert from 'node:assert/strict';
import { test } from 'node:test';
import { linksToServe, tablesOf } from '../../src/agent/carry.ts';
import type { Demand } from '../../src/election/eligible.ts';
import { FOREVER, instant } from '../../src/instant.ts';

const data = { name: 'data0', mac: '02:00:00:00:00:01', subnets: ['192.0.2.0/24'], addresses: [] };
const other = {
  name: 'eth1',
  mac: '02:00:00:00:00:02',
  subnets: ['198.51.100.0/24'],
  addresses: [],
};

function demand(links: ReadonlySet<string> | undefined): Demand {
  const vip = '192.0.2.100';
  const adverts = [{ nodes: new Set(['n1']), links }];
  const vips = new Map([[vip, { vip, key: vip, adverts, endpointNodes: undefined }]]);
  return { vips, nodes: new Set(['n1']), excluded: new Set(), draining: new Map() };
}

const VIP = '192.0.2.100';
const since = instant(5);
const owned = {
  active: new Map([[VIP, 42n]]),
  silentSince: new Map([[VIP, since]]),
  waiting: new Set<string>(),
};
const NOTHING = { vips: [], waiting: [] };

test('a link needs a wire if a pool reaches into one of its subnets, or a VIP lies there', () => {
  const range = { first: '192.0.2.100', last: '192.0.2.110' };
  assert.deepEqual(linksToServe([data, other], [range], []), [data]);
  assert.deepEqual(linksToServe([data, other], [], ['198.51.100.7']), [other]);
  assert.deepEqual(linksToServe([data, other], [], []), []);
});

test('an owned VIP is in the table of the link that carries it, with its epoch', () => {
  const tables = tablesOf(owned, demand(undefined), [data, other], 'n1');
  assert.deepEqual(tables.get('data0'), { vips: [{ vip: VIP, epoch: '42', since }], waiting: [] });
  assert.deepEqual(tables.get('eth1'), NOTHING);
});

test('0017: where two links carry a VIP, nobody knows since when its predecessor is silent on both', () => {
  const twin = { ...data, name: 'data1' };
  const tables = tablesOf(owned, demand(undefined), [data, twin], 'n1');
  const entry = { vip: VIP, epoch: '42', since: FOREVER };
  for (const { name } of [data, twin]) assert.deepEqual(tables.get(name)?.vips, [entry]);
});

test('requests for a claimed VIP are remembered on the link that will carry it', () => {
  const soon = { active: new Map(), silentSince: new Map(), waiting: new Set([VIP]) };
  const tables = tablesOf(soon, demand(undefined), [data, other], 'n1');
  assert.deepEqual(tables.get('data0'), { vips: [], waiting: [VIP] });
  assert.deepEqual(tables.get('eth1'), NOTHING);
});

test('an advertisement that names other links keeps it out', () => {
  const tables = tablesOf(owned, demand(new Set(['eth1'])), [data, other], 'n1');
  assert.deepEqual(tables.get('data0'), NOTHING);
});

test('an advertisement that does not select this node does not count', () => {
  const tables = tablesOf(owned, demand(undefined), [data], 'n2');
  assert.deepEqual(tables.get('data0'), NOTHING);
});
