import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { keyRing } from '../../src/sys/seal.ts';
import { emitFrame, openFrame } from '../../src/witness/frame.ts';
import type { Beat, WitnessMessage } from '../../src/witness/message.ts';
import type { KeyRing } from '../../src/witness/seal.ts';
import { CLUSTER_UID, KEY, MAC, RING, VECTORS } from './vectors.ts';

const bytesOf = (hex: string) => new Uint8Array(Buffer.from(hex, 'hex'));

/** Everything is signed by it: what comes behind the signature is tried with it. */
const BLIND: KeyRing = {
  cluster: RING.cluster,
  seals: [{ keyId: 0, tag: () => new Uint8Array(16) }],
};

const names = fc.stringMatching(/^[a-z0-9][a-z0-9.-]{0,40}$/);
const ids = fc
  .tuple(names, names, fc.nat())
  .map(([node, bootId, number]) => `${node}/${bootId}/${number}`);
const seqs = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const big = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const vips = fc.array(fc.oneof(fc.ipV4(), fc.constant('2001:db8::17')), { maxLength: 20 });
const ages = fc.nat({ max: 0xffff_fffe });
const plain = { noNullPrototype: true } as const;
const beats: fc.Arbitrary<WitnessMessage> = fc.record(
  {
    kind: fc.constant('beat'),
    sender: ids,
    seq: seqs,
    contactAgeMs: fc.option(ages, { nil: undefined }),
    leaving: fc.boolean(),
    fences: fc.array(ids, { maxLength: 3 }),
    suspects: fc.array(ids, { maxLength: 3 }),
    echoes: fc.array(fc.record({ node: names, seq: seqs }, plain), { maxLength: 6 }),
    echoesCut: fc.boolean(),
    takeovers: fc.array(fc.record({ vip: fc.ipV4(), epoch: big }, plain), { maxLength: 6 }),
  },
  plain,
);
const utterances = fc.oneof(
  fc.record({ kind: fc.constant('fence' as const) }, plain),
  fc.record({ kind: fc.constant('release' as const), vips, upTo: seqs }, plain),
  fc.record({ kind: fc.constant('ready' as const), to: ids, vips, revision: big }, plain),
);
const sayings: fc.Arbitrary<WitnessMessage> = fc.record(
  { kind: fc.constant('said'), sender: ids, seq: seqs, said: seqs, utterance: utterances },
  plain,
);
const messages = fc.oneof(beats, sayings);

for (const { name, hex, message } of VECTORS) {
  test(`emitFrame() writes ${name} as the vector has it, and openFrame() reads it`, () => {
    assert.equal(Buffer.from(emitFrame(message, RING, MAC)).toString('hex'), hex);
    assert.deepEqual(openFrame(bytesOf(hex), RING), message);
  });

  test(`openFrame() refuses every truncation of ${name}`, () => {
    const frame = bytesOf(hex);
    for (let length = 0; length < frame.length; length++) {
      const fault = openFrame(frame.slice(0, length), RING);
      assert.equal(fault, length < 62 ? 'short' : 'signature', `${length} bytes`);
    }
  });

  test(`openFrame() refuses every flipped bit of ${name}`, () => {
    const frame = bytesOf(hex);
    // From the EtherType on: who sends to whom is not signed.
    for (let bit = 14 * 8; bit < frame.length * 8; bit++) {
      const flipped = Uint8Array.from(frame);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      assert.equal(typeof openFrame(flipped, RING), 'string', `bit ${bit}`);
    }
  });
}

test('openFrame() of emitFrame() is the message', () => {
  fc.assert(
    fc.property(messages, (message) => {
      const frame = emitFrame(message, RING, MAC);
      assert.ok(frame.length <= 1514);
      assert.deepEqual(openFrame(frame, RING), message);
    }),
  );
});

test('openFrame() throws at nothing, signed or not', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 1600 }), (bytes) => {
      assert.equal(typeof openFrame(bytes, RING), 'string');
    }),
  );
});

test('what is signed but makes no sense is malformed, and never read past its end', () => {
  fc.assert(
    fc.property(fc.constantFrom(1, 2, 3, 4), fc.uint8Array({ maxLength: 200 }), (kind, body) => {
      const header = bytesOf(`${'00'.repeat(14)}010${kind}00000000`);
      const frame = Buffer.concat([header, RING.cluster, body, Buffer.alloc(16)]);
      const message = openFrame(frame, BLIND);
      if (typeof message === 'string') assert.match(message, /^(malformed|short)$/);
      else
        assert.deepEqual(
          emitFrame(message, BLIND, new Uint8Array(6)).subarray(14),
          frame.subarray(14),
        );
    }),
  );
});

const FAULTS: readonly { name: string; change: [at: number, to: number]; fault: string }[] = [
  { name: 'another version', change: [14, 2], fault: 'version' },
  { name: 'kind 0', change: [15, 0], fault: 'kind' },
  { name: 'kind 5', change: [15, 5], fault: 'kind' },
  { name: 'a key that we have not', change: [16, 0xee], fault: 'key' },
  { name: 'another cluster', change: [20, 0xee], fault: 'cluster' },
  { name: 'another sequence number', change: [43, 0xee], fault: 'signature' },
];

for (const { name, change, fault } of FAULTS) {
  test(`${name} is refused as \`${fault}\``, () => {
    const frame = bytesOf(VECTORS[0]?.hex ?? '');
    frame[change[0]] = change[1];
    assert.equal(openFrame(frame, RING), fault);
  });
}

test('the first key signs and all verify: a rotation in three steps makes no gap', () => {
  const [message] = VECTORS.map((vector) => vector.message);
  assert.ok(message !== undefined);
  const next = Uint8Array.from(KEY, (byte) => byte ^ 0xff);
  const steps = [[KEY], [KEY, next], [next, KEY], [next]].map((keys) => keyRing(keys, CLUSTER_UID));
  for (const [step, ring] of steps.entries()) {
    // Nodes take over a change of the Secret one after the other: neighbouring steps meet.
    for (const other of steps.slice(Math.max(0, step - 1), step + 2)) {
      assert.deepEqual(openFrame(emitFrame(message, ring, MAC), other), message);
    }
  }
  const [first, , , last] = steps;
  assert.ok(first !== undefined && last !== undefined);
  assert.equal(openFrame(emitFrame(message, first, MAC), last), 'key');
});

test('one key is another one in another cluster', () => {
  const other = keyRing([KEY], CLUSTER_UID.replace('0f', '1f'));
  const frame = emitFrame(VECTORS[3]?.message ?? assert.fail(), other, MAC);
  frame.set(RING.cluster, 20);
  assert.equal(openFrame(frame, RING), 'signature');
});

function crowdedBeat(nodes: number, nameLength: number): Beat {
  const named = Array.from({ length: nodes }, (_, index) => `${index}`.padEnd(nameLength, 'x'));
  const boot = '01234567-89ab-cdef-0123-456789abcdef';
  return {
    kind: 'beat',
    sender: `${'s'.repeat(nameLength)}/${boot}/123456`,
    seq: 1,
    contactAgeMs: undefined,
    leaving: false,
    fences: named.map((name) => `${name}/${boot}/1`),
    suspects: named.map((name) => `${name}/${boot}/2`),
    echoes: named.map((node, seq) => ({ node, seq })),
    echoesCut: false,
    takeovers: named.map((_, index) => ({ vip: `192.0.2.${index}`, epoch: BigInt(index) })),
  };
}

test('lists that are too long are cut to 1,514 bytes, the first of every list stays', () => {
  for (const nameLength of [3, 63, 253]) {
    const beat = crowdedBeat(32, nameLength);
    const frame = emitFrame(beat, RING, MAC);
    assert.ok(frame.length <= 1514 && frame.length > 1514 - 320, `${frame.length} bytes`);
    const read = openFrame(frame, RING);
    assert.ok(typeof read !== 'string' && read.kind === 'beat');
    assert.ok(read.echoesCut);
    for (const list of ['fences', 'suspects', 'echoes', 'takeovers'] as const) {
      assert.ok(read[list].length > 0, list);
      assert.deepEqual(read[list], beat[list].slice(0, read[list].length), list);
    }
  }
});

test('32 speakers with names of 20 characters echo each other in one frame', () => {
  const beat = { ...crowdedBeat(32, 20), fences: [], suspects: [] };
  const read = openFrame(emitFrame(beat, RING, MAC), RING);
  assert.ok(typeof read !== 'string' && read.kind === 'beat');
  assert.equal(read.echoes.length, 32);
  assert.equal(read.echoesCut, false);
});

test('an age that is not whole is never told shorter, one below zero is zero', () => {
  const beat = crowdedBeat(0, 3);
  for (const [contactAgeMs, told] of [
    [250.01, 251],
    [-1.5, 0],
    [1e12, 0xffff_fffe],
    [undefined, undefined],
  ] as const) {
    const read = openFrame(emitFrame({ ...beat, contactAgeMs }, RING, MAC), RING);
    assert.ok(typeof read !== 'string' && read.kind === 'beat');
    assert.equal(read.contactAgeMs, told);
  }
});
