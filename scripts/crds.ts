import { type TSchema, Type } from 'typebox';
import { stringify } from 'yaml';

const GROUP = 'leasehold.dev';
const VERSION = 'v1alpha1';

/** One kind of ours, as the API server needs to know it. */
interface Kind {
  readonly kind: string;
  readonly plural: string;
  readonly shortNames: readonly string[];
  readonly schema: TSchema;
  readonly columns: readonly Column[];
}

interface Column {
  readonly name: string;
  readonly type: 'string' | 'boolean' | 'date';
  readonly jsonPath: string;
  readonly description?: string;
}

interface Rule {
  readonly rule: string;
  readonly message?: string;
  readonly messageExpression?: string;
}

const AGE: Column = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' };

/**
 * Rules of the API server's expression language; every string and list they read has a bound, or
 * the server refuses them.
 */
function rules(...validations: readonly Rule[]): { 'x-kubernetes-validations': readonly Rule[] } {
  return { 'x-kubernetes-validations': validations };
}

// Two IPv6 addresses written in full, a hyphen, and a blank at either side of it.
const ADDRESSES_MAX_LENGTH = 81;

const addressRange = Type.String({
  minLength: 1,
  maxLength: ADDRESSES_MAX_LENGTH,
  ...rules(
    {
      rule:
        "self.contains('-') ? self.split('-').size() == 2 && " +
        "self.split('-').all(a, isIP(a.trim())) : isCIDR(self)",
      messageExpression:
        "'\"' + self + '\" is no range of addresses: write 192.0.2.0/24, 192.0.2.1/32 or " +
        "192.0.2.10-192.0.2.20 (IPv6 alike)'",
    },
    {
      rule:
        "!self.contains('-') || self.split('-').size() != 2 || " +
        "!self.split('-').all(a, isIP(a.trim())) || " +
        "ip(self.split('-')[0].trim()).family() == ip(self.split('-')[1].trim()).family()",
      messageExpression: "'\"' + self + '\" mixes IPv4 and IPv6: both ends must be of one family'",
    },
  ),
});

const labelSelector = Type.Object({
  matchLabels: Type.Optional(
    Type.Unsafe<Record<string, string>>({
      type: 'object',
      maxProperties: 64,
      additionalProperties: { type: 'string', maxLength: 63 },
      description: 'Every one of these labels must be there with this value.',
    }),
  ),
  matchExpressions: Type.Optional(
    Type.Array(
      Type.Object(
        {
          key: Type.String({ minLength: 1, maxLength: 317 }),
          operator: Type.Unsafe<string>({
            type: 'string',
            enum: ['In', 'NotIn', 'Exists', 'DoesNotExist'],
          }),
          values: Type.Optional(Type.Array(Type.String({ maxLength: 63 }), { maxItems: 64 })),
        },
        rules(
          {
            rule:
              "!(self.operator in ['In', 'NotIn']) || " +
              '(has(self.values) && self.values.size() > 0)',
            message: 'In and NotIn need at least one value',
          },
          {
            rule:
              "self.operator in ['In', 'NotIn'] || " +
              '!has(self.values) || self.values.size() == 0',
            message: 'Exists and DoesNotExist take no values',
          },
        ),
      ),
      { maxItems: 32, description: 'Every one of these expressions must hold.' },
    ),
  ),
});

const pool = Type.Object({
  spec: Type.Object({
    addresses: Type.Array(addressRange, {
      minItems: 1,
      maxItems: 256,
      description:
        'Addresses, handed out in this order: prefixes (host bits are ignored) or first-last.',
    }),
    autoAssign: Type.Optional(
      Type.Boolean({
        default: true,
        description: 'Whether Services get addresses of this pool; those that they have they keep.',
      }),
    ),
  }),
});

const advertisement = Type.Object({
  spec: Type.Optional(
    Type.Object(
      {
        ipAddressPools: Type.Optional(
          Type.Array(Type.String({ minLength: 1, maxLength: 253 }), {
            maxItems: 256,
            description:
              'Names of the pools meant; with no ipAddressPoolSelectors either, every pool.',
          }),
        ),
        ipAddressPoolSelectors: Type.Optional(
          Type.Array(labelSelector, {
            maxItems: 32,
            description: 'Pools with these labels are meant, beside those that are named.',
          }),
        ),
        nodeSelectors: Type.Optional(
          Type.Array(labelSelector, {
            maxItems: 32,
            description:
              'Nodes that may answer for the addresses: any of these fits; none given: all nodes.',
          }),
        ),
        interfaces: Type.Optional(
          Type.Array(Type.String({ minLength: 1, maxLength: 15 }), {
            maxItems: 64,
            description: 'Links of the nodes to answer on; none given: all that carry the subnet.',
          }),
        ),
      },
      // Server-side apply makes null of a spec whose last field is taken away.
      { nullable: true },
    ),
  ),
});

const kinds: readonly Kind[] = [
  {
    kind: 'IPAddressPool',
    plural: 'ipaddresspools',
    shortNames: ['ippools'],
    schema: pool,
    columns: [
      { name: 'Auto Assign', type: 'boolean', jsonPath: '.spec.autoAssign' },
      { name: 'Addresses', type: 'string', jsonPath: '.spec.addresses' },
      AGE,
    ],
  },
  {
    kind: 'L2Advertisement',
    plural: 'l2advertisements',
    shortNames: ['l2ads'],
    schema: advertisement,
    columns: [
      { name: 'IPAddressPools', type: 'string', jsonPath: '.spec.ipAddressPools' },
      { name: 'Pool Selectors', type: 'string', jsonPath: '.spec.ipAddressPoolSelectors' },
      { name: 'Interfaces', type: 'string', jsonPath: '.spec.interfaces' },
      AGE,
    ],
  },
];

/** The CustomResourceDefinitions of every kind of ours, as the text of deploy/crds.yaml. */
export function crdsYaml(): string {
  const header = '# Written by `npm run generate` from scripts/crds.ts: change it there.\n';
  return header + kinds.map((kind) => stringify(definition(kind), { lineWidth: 0 })).join('---\n');
}

function definition({ kind, plural, shortNames, schema, columns }: Kind): object {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${GROUP}` },
    spec: {
      group: GROUP,
      scope: 'Namespaced',
      names: { kind, plural, singular: kind.toLowerCase(), shortNames, listKind: `${kind}List` },
      versions: [
        {
          name: VERSION,
          served: true,
          storage: true,
          additionalPrinterColumns: columns,
          schema: { openAPIV3Schema: structural(schema) },
        },
      ],
    },
  };
}

/** Plain data: without what TypeBox keeps on its schemas for its own use. */
function structural(schema: TSchema): unknown {
  return JSON.parse(JSON.stringify(schema));
}
