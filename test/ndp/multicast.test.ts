import assert from 'node:assert/strict';
import { test } from 'node:test';
import { groupMac, groupsOf, solicitedNodeGroup } from '../../src/ndp/multicast.ts';
import { ipv6Of } from '../../src/net/ipv6.ts';
import { formatMac } from '../../src/net/mac.ts';

test('RFC 4291 2.7.1: the solicited-node group ends in the low-order 24 bits of the address', () => {
  assert.equal(solicitedNodeGroup(ipv6Of('4037::1:800:200e:8c6c')), ipv6Of('ff02::1:ff0e:8c6c'));
  assert.equal(solicitedNodeGroup(ipv6Of('2001:db8:1::100')), ipv6Of('ff02::1:ff00:100'));
});

test('RFC 2464 7: a group’s MAC is 33:33 and the group’s last four octets', () => {
  assert.equal(formatMac(groupMac(ipv6Of('ff02::1:ff0e:8c6c'))), '33:33:ff:0e:8c:6c');
  assert.equal(formatMac(groupMac(ipv6Of('ff02::1'))), '33:33:00:00:00:01');
});

test('groupsOf() names a group once for all VIPs that share it, and none for IPv4', () => {
  const vips = ['2001:db8:1::100', '2001:db8:2::100', '2001:db8:1::101', '192.0.2.1'];
  assert.deepEqual([...groupsOf(vips)], ['ff02::1:ff00:100', 'ff02::1:ff00:101']);
});
