import { keyRing } from '../../src/sys/seal.ts';
import type { WitnessMessage } from '../../src/witness/message.ts';

/**
 * Computed once by Python 3 with nothing but its modules `hmac` and `hashlib` (HKDF written out as in
 * RFC 5869), for the key 00 01 02 ... 1f:
 *
 *     prk = hmac(salt=cluster, key); derived = hmac(prk, b'leasehold witness v1' + b'\x01')
 *     frame = destination + source + b'\x88\xb5' + message + hmac(derived, message)[:16]
 */
export const CLUSTER_UID = '0f8e1c2a-3b4d-4e5f-8091-a2b3c4d5e6f7';
export const KEY: Uint8Array = Uint8Array.from({ length: 32 }, (_, index) => index);
export const KEY_ID = 0x630dcd29;
/** Of the seven letters `witness`. */
export const TAG = 'b3e2c0ea90f035e694816508c5a6fc94';
export const RING = keyRing([KEY], CLUSTER_UID);
export const MAC: Uint8Array = Uint8Array.of(2, 0, 0, 0, 0, 0x0a);

const sender = 'n1/b1/7';

export const VECTORS: readonly { name: string; hex: string; message: WitnessMessage }[] = [
  {
    name: 'a beat',
    hex:
      '034c4800000102000000000a88b50101630dcd290f8e1c2a3b4d4e5f8091a2b3c4d5e6f700000001' +
      '2a05f20100076e312f62312f3701000000fa0100076e332f62392f340100076e322f62322f350200' +
      '026e32000000000000002900026e3300000000000000630100093139322e302e322e370000000000' +
      '0004d2bc727d480ffe061dc67d478da4a3dd59',
    message: {
      kind: 'beat',
      sender,
      seq: 5_000_000_001,
      contactAgeMs: 250,
      leaving: true,
      fences: ['n3/b9/4'],
      suspects: ['n2/b2/5'],
      echoes: [
        { node: 'n2', seq: 41 },
        { node: 'n3', seq: 99 },
      ],
      echoesCut: false,
      takeovers: [{ vip: '192.0.2.7', epoch: 1234n }],
    },
  },
  {
    name: 'a release',
    hex:
      '034c4800000102000000000a88b50102630dcd290f8e1c2a3b4d4e5f8091a2b3c4d5e6f700000000' +
      '0000000200076e312f62312f370000000000000001000000000000000c000200093139322e302e32' +
      '2e37000b323030313a6462383a3a316e9f9eb8c0cf4bd22524d58802787de3',
    message: {
      kind: 'said',
      sender,
      seq: 2,
      said: 1,
      utterance: { kind: 'release', vips: ['192.0.2.7', '2001:db8::1'], upTo: 12 },
    },
  },
  {
    name: 'a ready',
    hex:
      '034c4800000102000000000a88b50103630dcd290f8e1c2a3b4d4e5f8091a2b3c4d5e6f700000000' +
      '0000000300076e312f62312f37000000000000000100076e322f62322f3580000000000000000001' +
      '00093139322e302e322e3703148cfde860766d2d1a3d9353f416bb',
    message: {
      kind: 'said',
      sender,
      seq: 3,
      said: 1,
      utterance: { kind: 'ready', to: 'n2/b2/5', vips: ['192.0.2.7'], revision: 2n ** 63n },
    },
  },
  {
    name: 'a fence',
    hex:
      '034c4800000102000000000a88b50104630dcd290f8e1c2a3b4d4e5f8091a2b3c4d5e6f700000000' +
      '0000000400076e312f62312f3700000000000000017f57b7400da0cc9d07d40016fa7ac211',
    message: { kind: 'said', sender, seq: 4, said: 1, utterance: { kind: 'fence' } },
  },
];
