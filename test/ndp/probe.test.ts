import assert from 'node:assert/strict';
import { test } from 'node:test';
import { emitNdp, parseNdp } from '../../src/ndp/message.ts';
import { advertisedBy, dadProbe } from '../../src/ndp/probe.ts';
import { ETHERTYPE_IPV6, frameOf } from '../../src/net/ethernet.ts';
import { ALL_NODES, ipv6Of, parseIpv6, UNSPECIFIED } from '../../src/net/ipv6.ts';
import { parseMac, ZERO_MAC } from '../../src/net/mac.ts';

const VIP = ipv6Of('2001:db8::1:2');
const MINE = parseMac('02:00:00:00:00:0a') ?? ZERO_MAC;
const THEIRS = parseMac('02:00:00:00:00:0b') ?? ZERO_MAC;

test('RFC 4862 5.4.2: a probe comes from `::`, to the solicited-node group, without an option', () => {
  const frame = dadProbe(VIP, MINE);
  assert.equal(Buffer.from(frame.subarray(0, 14)).toString('hex'), '3333ff01000202000000000a86dd');
  const packet = parseIpv6(frame.subarray(14));
  assert(packet !== undefined);
  assert.equal(packet.source, UNSPECIFIED);
  assert.equal(packet.destination, ipv6Of('ff02::1:ff01:2'));
  assert.deepEqual(parseNdp(packet), { kind: 'solicitation', target: VIP, sourceMac: undefined });
});

test('who has the address advertises it to all nodes, and says where it is', () => {
  const advertise = (source: Uint8Array, targetMac: Uint8Array | undefined) => {
    const packet = emitNdp(
      {
        kind: 'advertisement',
        target: VIP,
        router: false,
        solicited: false,
        override: true,
        targetMac,
      },
      { source: ipv6Of('fe80::b'), destination: ALL_NODES },
    );
    const destination = parseMac('33:33:00:00:00:01') ?? ZERO_MAC;
    const frame = frameOf({ destination, source, etherType: ETHERTYPE_IPV6 }, 14 + packet.length);
    frame.set(packet, 14);
    return frame;
  };
  const found = { ip: VIP, mac: '02:00:00:00:00:0b' };
  assert.deepEqual(advertisedBy(advertise(THEIRS, THEIRS), MINE), found);
  assert.deepEqual(advertisedBy(advertise(THEIRS, undefined), MINE), found);
  assert.equal(advertisedBy(advertise(MINE, MINE), MINE), undefined, 'our own frame');
  assert.equal(advertisedBy(dadProbe(VIP, THEIRS), MINE), undefined, 'a probe of another host');
  assert.equal(advertisedBy(new Uint8Array(20), MINE), undefined);
});
