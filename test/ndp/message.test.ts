import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { icmpv6Checksum } from '../../src/ndp/checksum.ts';
import {
  emitNdp,
  type NdpFault,
  type NdpMessage,
  type NdpRoute,
  parseNdp,
} from '../../src/ndp/message.ts';
import {
  ALL_NODES,
  emitIpv6,
  type Ipv6Packet,
  ipv6Of,
  parseIpv6,
  UNSPECIFIED,
} from '../../src/net/ipv6.ts';
import { parseMac } from '../../src/net/mac.ts';
import { ADVERTISEMENT, DAD_SOLICITATION, SOLICITATION } from './golden.ts';

function packetOf(bytes: Uint8Array): Ipv6Packet {
  const packet = parseIpv6(bytes);
  assert.ok(packet);
  return packet;
}

/** A packet with changed payload and the right checksum over it. */
function altered(bytes: Uint8Array, change: Partial<Ipv6Packet>): Ipv6Packet {
  const packet = { ...packetOf(bytes), ...change };
  const payload = Uint8Array.from(packet.payload);
  payload.set([0, 0], 2);
  const checksum = icmpv6Checksum(packet.source, packet.destination, payload);
  payload.set([checksum >> 8, checksum & 0xff], 2);
  return { ...packet, payload };
}

function withByte(bytes: Uint8Array, offset: number, value: number): Uint8Array {
  const payload = Uint8Array.from(packetOf(bytes).payload);
  payload[offset] = value;
  return payload;
}

test('parseNdp() reads a solicitation of the Linux kernel', () => {
  assert.deepEqual(parseNdp(packetOf(SOLICITATION)), {
    kind: 'solicitation',
    target: ipv6Of('2001:db8:1::100'),
    sourceMac: parseMac('02:00:00:00:00:03'),
  });
});

test('parseNdp() reads an advertisement of the Linux kernel', () => {
  assert.deepEqual(parseNdp(packetOf(ADVERTISEMENT)), {
    kind: 'advertisement',
    target: ipv6Of('2001:db8:1::100'),
    router: false,
    solicited: true,
    override: true,
    targetMac: parseMac('02:00:00:00:00:01'),
  });
});

test('parseNdp() reads a DAD solicitation and skips its nonce option', () => {
  assert.deepEqual(parseNdp(packetOf(DAD_SOLICITATION)), {
    kind: 'solicitation',
    target: ipv6Of('fe80::ff:fe00:2'),
    sourceMac: undefined,
  });
});

test('emitNdp() writes the advertisement as the Linux kernel does, byte by byte', () => {
  const { source, destination } = packetOf(ADVERTISEMENT);
  const message = parseNdp(packetOf(ADVERTISEMENT));
  assert.ok(typeof message === 'object');
  assert.deepEqual(emitNdp(message, { source, destination }), ADVERTISEMENT);
});

const PLAIN = { noNullPrototype: true } as const;
const unicast = fc.bigInt({ min: 0n, max: (0xffn << 120n) - 1n });
const source = fc.bigInt({ min: 1n, max: (0xffn << 120n) - 1n });
const mac = fc.uint8Array({ minLength: 6, maxLength: 6 });
const optionalMac = fc.option(mac, { nil: undefined });
const anyMessage: fc.Arbitrary<NdpMessage> = fc.oneof(
  fc.record(
    {
      kind: fc.constant('solicitation' as const),
      target: unicast,
      sourceMac: optionalMac,
    },
    PLAIN,
  ),
  fc.record(
    {
      kind: fc.constant('advertisement' as const),
      target: unicast,
      router: fc.boolean(),
      solicited: fc.boolean(),
      override: fc.boolean(),
      targetMac: optionalMac,
    },
    PLAIN,
  ),
);
const anyRoute: fc.Arbitrary<NdpRoute> = fc.record({ source, destination: unicast }, PLAIN);

test('parseNdp() reads back what emitNdp() wrote', () => {
  fc.assert(
    fc.property(anyMessage, anyRoute, (message, route) => {
      assert.deepEqual(parseNdp(packetOf(emitNdp(message, route))), message);
    }),
  );
});

test('parseNdp() refuses every truncation', () => {
  const { payload } = packetOf(SOLICITATION);
  for (let length = 0; length < payload.length; length++) {
    // 24 bytes are a whole solicitation without an option.
    if (length === 24) continue;
    const cut = { ...packetOf(SOLICITATION), payload: payload.subarray(0, length) };
    assert.equal(typeof parseNdp(cut), 'string', `${length} bytes`);
    if (length < 4) continue;
    const resealed = altered(SOLICITATION, { payload: cut.payload });
    assert.equal(typeof parseNdp(resealed), 'string', `${length} bytes, checksum right`);
  }
});

test('parseNdp() never throws, whatever the bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), fc.constantFrom(135, 136), (body, type) => {
      const payload = Uint8Array.of(type, 0, 0, 0, ...body);
      parseNdp(altered(SOLICITATION, { payload }));
    }),
  );
});

interface Refusal {
  readonly rule: string;
  readonly packet: Ipv6Packet;
  readonly fault: NdpFault;
}

const OPTION = 24;
const REFUSALS: readonly Refusal[] = [
  {
    rule: 'RFC 4861 7.1.1: the hop limit is 255',
    packet: altered(SOLICITATION, { hopLimit: 254 }),
    fault: 'hop_limit',
  },
  {
    rule: 'RFC 4861 7.1.1: the checksum is valid',
    packet: { ...packetOf(SOLICITATION), payload: withByte(SOLICITATION, 23, 7) },
    fault: 'checksum',
  },
  {
    rule: 'RFC 4861 7.1.1: the code is 0',
    packet: altered(SOLICITATION, { payload: withByte(SOLICITATION, 1, 1) }),
    fault: 'code',
  },
  {
    rule: 'RFC 4861 7.1.1: the length is 24 or more octets',
    packet: altered(SOLICITATION, { payload: packetOf(SOLICITATION).payload.subarray(0, 23) }),
    fault: 'truncated',
  },
  {
    rule: 'RFC 4861 7.1.1: the target is no multicast address',
    packet: altered(SOLICITATION, { payload: withByte(SOLICITATION, 8, 0xff) }),
    fault: 'target_multicast',
  },
  {
    rule: 'RFC 4861 7.1.1: all options have a length greater than zero',
    packet: altered(SOLICITATION, { payload: withByte(SOLICITATION, OPTION + 1, 0) }),
    fault: 'option_length',
  },
  {
    rule: 'RFC 4861 4.6: no option reaches beyond the packet',
    packet: altered(SOLICITATION, { payload: withByte(SOLICITATION, OPTION + 1, 2) }),
    fault: 'option_length',
  },
  {
    rule: 'RFC 4861 7.1.1: from :: to a solicited-node address only',
    packet: altered(DAD_SOLICITATION, { destination: ALL_NODES }),
    fault: 'unspecified_source',
  },
  {
    rule: 'RFC 4861 7.1.1: from :: without a source link-layer address option',
    packet: altered(SOLICITATION, { source: UNSPECIFIED }),
    fault: 'unspecified_source',
  },
  {
    rule: 'RFC 4861 7.1.2: an advertisement to a group has Solicited clear',
    packet: altered(ADVERTISEMENT, { destination: ALL_NODES }),
    fault: 'solicited_multicast',
  },
  {
    rule: 'RFC 4861 7.1.2: the hop limit of an advertisement is 255',
    packet: altered(ADVERTISEMENT, { hopLimit: 64 }),
    fault: 'hop_limit',
  },
  {
    rule: 'RFC 4861 7.1: other ICMPv6 messages are none of ours',
    packet: altered(SOLICITATION, { payload: withByte(SOLICITATION, 0, 128) }),
    fault: 'not_ndp',
  },
  {
    rule: 'RFC 8200 4: an extension header in front makes it another packet',
    packet: altered(SOLICITATION, { nextHeader: 44 }),
    fault: 'not_ndp',
  },
];

for (const { rule, packet, fault } of REFUSALS) {
  test(`${rule}, else "${fault}"`, () => {
    assert.equal(parseNdp(packet), fault);
  });
}

test('RFC 4861 4.3: the reserved field is ignored', () => {
  const packet = altered(SOLICITATION, { payload: withByte(SOLICITATION, 4, 0xff) });
  assert.deepEqual(parseNdp(packet), parseNdp(packetOf(SOLICITATION)));
});

test('the golden packets survive parse and emit of the IPv6 header, but for the flow label', () => {
  assert.deepEqual(emitIpv6(packetOf(ADVERTISEMENT)), ADVERTISEMENT);
});
