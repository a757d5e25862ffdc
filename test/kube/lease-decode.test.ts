import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Claim, Claims, Heartbeat } from '../../src/election/records.ts';
import { decodeLease, MAX_CLAIMS } from '../../src/kube/lease-decode.ts';
import { encodeLease, leaseName } from '../../src/kube/lease-encode.ts';

const context = {
  namespace: 'leasehold-system',
  nodeUid: 'uid-1',
  timing: { renewInterval: 1_000, holderPatience: 2_700, takerPatience: 3_000 },
  renewTime: '2026-11-21T00:00:00.000000Z',
  conditions: [],
};

const heartbeat: Heartbeat = {
  kind: 'heartbeat',
  node: 'n1.example',
  bootId: 'b',
  incarnation: 3,
  session: 's',
  write: 12,
};

const claims: Claims = {
  ...heartbeat,
  kind: 'claims',
  vips: new Map([
    ['192.0.2.1', { reason: 'first claim', from: undefined }],
    ['192.0.2.3', { reason: 'first claim', from: undefined }],
    ['192.0.2.2', { reason: 'n2 is dead', from: 'n2' }],
  ]),
  leaving: new Set(['192.0.2.3']),
  fences: new Set(['n2/b/1']),
  joined: 5,
  draining: true,
  mayHold: true,
  links: [
    {
      name: 'eth0',
      mac: '02:00:00:00:00:01',
      subnets: ['192.0.2.0/24', '::/0'],
      addresses: ['192.0.2.11'],
    },
  ],
};

/** A Lease as the API server returns it. */
function stored(record: Heartbeat | Claims, edit: (lease: Stored) => void = () => {}): unknown {
  const lease = JSON.parse(JSON.stringify(encodeLease(record, context))) as Stored;
  Object.assign(lease.metadata, { uid: 'u', resourceVersion: '42' });
  edit(lease);
  return lease;
}

interface Stored {
  metadata: {
    name: string;
    labels: Record<string, string>;
    annotations: Record<string, string>;
  };
  spec: Record<string, unknown>;
}

const name = fc.stringMatching(/^[a-z0-9]([a-z0-9.-]{0,20}[a-z0-9])?$/);
const plain = { noNullPrototype: true };
const stamp = {
  node: name,
  bootId: fc.uuid(),
  incarnation: fc.nat(),
  session: fc.uuid(),
  write: fc.nat(),
};
const claim: fc.Arbitrary<Claim> = fc.record(
  {
    reason: fc.string(),
    from: fc.option(name, { nil: undefined }),
  },
  plain,
);

test('a heartbeat comes back from its Lease as it was', () => {
  fc.assert(
    fc.property(
      fc.record({ kind: fc.constant('heartbeat' as const), ...stamp }, plain),
      (record) => {
        const expected = { ok: true, value: { record, revision: 42n } };
        assert.deepEqual(decodeLease(stored(record)), expected);
      },
    ),
  );
});

test('claims come back from their Lease as they were', () => {
  const record = fc.record(
    {
      kind: fc.constant('claims' as const),
      ...stamp,
      vips: fc
        .array(fc.tuple(fc.ipV4(), claim), { maxLength: 20 })
        .map((entries) => new Map(entries)),
      leaving: fc.constant(new Set<string>()),
      fences: fc.array(fc.string(), { maxLength: 5 }).map((fences) => new Set(fences)),
      joined: fc.nat(),
      draining: fc.boolean(),
      mayHold: fc.boolean(),
      links: fc.array(
        fc.record(
          {
            name: fc.string(),
            mac: fc.string(),
            subnets: fc.array(fc.string()),
            addresses: fc.array(fc.string()),
          },
          plain,
        ),
        { maxLength: 3 },
      ),
    },
    plain,
  );
  fc.assert(
    fc.property(record, (record) => {
      const decoded = decodeLease(stored(record));
      assert.ok(decoded.ok, decoded.ok ? '' : decoded.error.message);
      assert.deepEqual(decoded.value.record, record);
    }),
  );
});

test('the links of an agent that publishes no addresses are read all the same', () => {
  const older = { name: 'eth0', mac: '02:00:00:00:00:01', subnets: ['192.0.2.0/24'] };
  const decoded = decodeLease(
    stored(claims, ({ metadata }) => set(metadata.annotations, 'links', JSON.stringify([older]))),
  );
  assert.ok(decoded.ok && decoded.value.record.kind === 'claims');
  assert.deepEqual(decoded.value.record.links, [{ ...older, addresses: [] }]);
});

test('the Lease reads well with kubectl', () => {
  const { metadata, spec } = encodeLease(claims, context);
  assert.equal(metadata.name, 'claims.n1.example');
  assert.deepEqual(spec, {
    holderIdentity: 'n1.example/b/3',
    leaseTransitions: 3,
    leaseDurationSeconds: 3,
    renewTime: '2026-11-21T00:00:00.000000Z',
  });
  assert.equal(
    metadata.annotations['leasehold.dev/claims'],
    '[{"reason":"first claim","vips":["192.0.2.1","192.0.2.3"]},' +
      '{"reason":"n2 is dead","from":"n2","vips":["192.0.2.2"]}]',
  );
});

test('a heartbeat tells the conditions of its agent, as Kubernetes writes conditions', () => {
  const condition = {
    type: 'WitnessHealthy',
    status: 'True' as const,
    reason: 'PeersHeard',
    message: 'Every live peer is heard',
    lastTransitionTime: '2026-11-21T00:00:00Z',
  };
  const lease = encodeLease(heartbeat, { ...context, conditions: [condition] });
  const told = lease.metadata.annotations['leasehold.dev/conditions'] ?? '';
  assert.deepEqual(JSON.parse(told), [condition]);
  const { annotations } = encodeLease(claims, context).metadata;
  assert.ok(!('leasehold.dev/conditions' in annotations));
});

test('the greatest claims lease stays under the limit of all annotations, 256 KiB', () => {
  const vips = new Map(
    Array.from({ length: MAX_CLAIMS }, (_, n) => [
      `2001:db8:1111:2222:3333:4444:5555:${(n + 0x1000).toString(16)}`,
      { reason: 'first claim', from: undefined },
    ]),
  );
  const { metadata } = encodeLease({ ...claims, vips }, context);
  const size = Object.entries(metadata.annotations).join().length;
  assert.ok(size < 256 * 1024, `${size} bytes`);
});

test('a name over 253 characters ends in a hash, and stays valid and different per node', () => {
  const [a, b] = ['a', 'b'].map((end) => leaseName('claims', `${'n.'.repeat(126)}${end}`));
  assert.equal(a?.length, 253);
  assert.notEqual(a, b);
  assert.match(a ?? '', /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/);
});

for (const { name, edit, message } of [
  {
    name: 'an identity of somebody else',
    edit: ({ spec }: Stored) => Object.assign(spec, { holderIdentity: 'n2/b/3' }),
    message: /its holder n2 writes claims.n2, not this Lease/,
  },
  {
    name: 'no identity',
    edit: ({ spec }: Stored) => delete spec['holderIdentity'],
    message: /spec.holderIdentity is missing/,
  },
  {
    name: 'an incarnation that does not fit the identity',
    edit: ({ spec }: Stored) => Object.assign(spec, { leaseTransitions: 4 }),
    message: /is not <node>\/<boot id>\/<leaseTransitions>/,
  },
  {
    name: 'claims that are no JSON',
    edit: ({ metadata }: Stored) => set(metadata.annotations, 'claims', '['),
    message: /annotation leasehold.dev\/claims is not JSON/,
  },
  {
    name: 'a claim on something that is no address',
    edit: ({ metadata }: Stored) =>
      set(metadata.annotations, 'claims', '[{"reason":"r","vips":["192.0.2.01"]}]'),
    message: /"192.0.2.01" is no canonical address/,
  },
  {
    name: '200 kB of garbage',
    edit: ({ metadata }: Stored) => set(metadata.annotations, 'claims', 'x'.repeat(200_000)),
    message: /is not JSON/,
  },
  {
    name: 'a label that was changed',
    edit: ({ metadata }: Stored) => Object.assign(metadata.labels, { 'leasehold.dev/lease': 'x' }),
    message: /label leasehold.dev\/lease is "x"/,
  },
]) {
  test(`a Lease with ${name} gives an error that names it, and no exception`, () => {
    const decoded = decodeLease(stored(claims, edit));
    assert.ok(!decoded.ok);
    assert.equal(decoded.error.object, 'leasehold-system/claims.n1.example');
    assert.match(decoded.error.message, message);
    assert.ok(decoded.error.message.length < 500);
  });
}

test('whatever JSON stands where the Lease should be, the answer is a value', () => {
  const annotations = fc.dictionary(
    fc.constantFrom('claims', 'leaving', 'fences', 'links', 'write', 'joined', 'draining'),
    fc.oneof(fc.string(), fc.json()),
  );
  fc.assert(fc.property(fc.jsonValue(), (value) => void decodeLease(value)));
  fc.assert(
    fc.property(annotations, fc.jsonValue(), (edits, spec) => {
      const edit = (lease: Stored) => {
        for (const [key, value] of Object.entries(edits))
          set(lease.metadata.annotations, key, value);
        Object.assign(lease.spec, spec);
      };
      decodeLease(stored(claims, edit));
    }),
  );
});

function set(annotations: Record<string, string>, key: string, value: string): void {
  annotations[`leasehold.dev/${key}`] = value;
}

test('an agent of a version before says nothing of holding alone, and never does', () => {
  const older = decodeLease(
    stored(claims, ({ metadata }) => {
      delete metadata.annotations['leasehold.dev/may-hold'];
    }),
  );
  assert.ok(older.ok);
  assert.deepEqual(older.value.record, { ...claims, mayHold: false });
});
