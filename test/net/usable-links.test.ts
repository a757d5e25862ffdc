import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Link } from '../../src/model.ts';
import { linkFilter, usableLinks } from '../../src/net/usable-links.ts';

const ETH0: Link = {
  name: 'eth0',
  index: 2,
  mac: '02:00:00:00:00:01',
  up: true,
  carrier: true,
  master: undefined,
  subnets: ['192.0.2.0/24'],
  addresses: ['192.0.2.11'],
};
const PLAIN = linkFilter(undefined, undefined);
const names = (links: readonly Link[], filter = PLAIN) =>
  usableLinks(links, filter).map(({ name }) => name);

test('a link that is up, has carrier and stands on its own carries its subnets', () => {
  assert.deepEqual(usableLinks([ETH0], PLAIN), [
    { name: 'eth0', mac: ETH0.mac, subnets: ['192.0.2.0/24'], addresses: ['192.0.2.11'] },
  ]);
});

const UNUSABLE: readonly { name: string; change: Partial<Link> }[] = [
  { name: 'is down', change: { up: false } },
  { name: 'has no carrier', change: { carrier: false } },
  { name: 'is enslaved: its bond or bridge announces', change: { master: 9 } },
  { name: 'has no address, so no subnet', change: { subnets: [] } },
  ...[
    'veth12',
    'cali0',
    'cni0',
    'flannel.1',
    'cilium_host',
    'lxc1',
    'docker0',
    'kube-ipvs0',
    'lo',
  ].map((name) => ({ name: `is called ${name}`, change: { name } })),
];

for (const { name, change } of UNUSABLE) {
  test(`no link is used that ${name}`, () => assert.deepEqual(names([{ ...ETH0, ...change }]), []));
}

test('the expressions match whole names', () => {
  assert.deepEqual(names([{ ...ETH0, name: 'long-lo' }]), ['long-lo']);
  assert.deepEqual(names([{ ...ETH0, name: 'eth01' }], linkFilter('eth0', undefined)), []);
});

test('an included link carries every VIP, also one that is left out by default', () => {
  const links = [ETH0, { ...ETH0, name: 'veth1', index: 3, subnets: [], addresses: [] }];
  assert.deepEqual(usableLinks(links, linkFilter('veth.*', undefined)), [
    { name: 'veth1', mac: ETH0.mac, subnets: ['0.0.0.0/0', '::/0'], addresses: [] },
  ]);
});

test('what is excluded expressly is not used, included or not', () => {
  const links = [ETH0, { ...ETH0, name: 'eth1', index: 3, subnets: ['198.51.100.0/24'] }];
  assert.deepEqual(names(links, linkFilter(undefined, 'eth1')), ['eth0']);
  assert.deepEqual(names(links, linkFilter('eth.*', 'eth0')), ['eth1']);
});

test('of two links on one subnet only the one with the lowest index has it', () => {
  const second = { ...ETH0, name: 'eth1', index: 1, subnets: ['192.0.2.0/24', '10.0.0.0/8'] };
  assert.deepEqual(
    usableLinks([{ ...ETH0, subnets: ['192.0.2.0/24', '172.16.0.0/12'] }, second], PLAIN).map(
      ({ name, subnets }) => [name, subnets],
    ),
    [
      ['eth1', ['192.0.2.0/24', '10.0.0.0/8']],
      ['eth0', ['172.16.0.0/12']],
    ],
  );
});

test('linkFilter() names the flag of an expression that is none', () => {
  assert.throws(() => linkFilter('eth(', undefined), /--link-include "eth\(" is not a regular/);
});
