import assert from 'node:assert/strict';
import { endianness } from 'node:os';
import { test } from 'node:test';
import { addressesOn, gatewaysIn, gatewaysOn } from '../../src/sys/neighbourhood.ts';

const HEAD = 'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT';
/** As kernels on little-endian machines print it. */
const TABLE = [
  HEAD,
  'eth0\t00000000\tFE0200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0   ',
  'eth1\t00000000\t016433C6\t0003\t0\t0\t100\t00000000\t0\t0\t0   ',
  'eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0   ',
  'eth0\t0001F40A\t0C0200C0\t0003\t0\t0\t0\t00FFFFFF\t0\t0\t0   ',
  'eth0\t0002F40A\t0C0200C0\t0003\t0\t0\t0\t00FFFFFF\t0\t0\t0   ',
].join('\n');
const skip = endianness() === 'LE' ? false : 'the table is that of a little-endian machine';

test('the gateways of a link are read, that of the default route first, each once', {
  skip,
}, () => {
  assert.deepEqual(gatewaysIn(TABLE, 'eth0'), ['192.0.2.254', '192.0.2.12']);
  assert.deepEqual(gatewaysIn(TABLE, 'eth1'), ['198.51.100.1']);
  assert.deepEqual(gatewaysIn(TABLE, 'eth2'), []);
});

test('a table that ends in the middle of a line loses nothing but that line', { skip }, () => {
  const end = TABLE.indexOf('0C0200C0');
  assert.deepEqual(gatewaysIn(TABLE.slice(0, end + 4), 'eth0'), ['192.0.2.254']);
  assert.deepEqual(gatewaysIn('', 'eth0'), []);
});

test('a link that does not exist has neither address nor gateway', () => {
  assert.deepEqual(addressesOn('no such link'), []);
  assert.deepEqual(gatewaysOn('no such link'), []);
});

test('loopback has its address', () => {
  assert.deepEqual(addressesOn('lo'), [{ ip: '127.0.0.1', prefixLength: 8 }]);
});
