import { createHash } from 'node:crypto';
import type { Claims, Heartbeat } from '../election/records.ts';
import type { NodeName, Vip } from '../model.ts';

/** What a Lease says besides its record. */
export interface LeaseContext {
  readonly namespace: string;
  /** UID of our Node object: the owner, so that the Lease goes when the Node goes. */
  readonly nodeUid: string;
  readonly timing: LeaseTiming;
  /** RFC 3339 with microseconds, for people. */
  readonly renewTime: string;
  /** How the agent fares; told with its heartbeat, for people and for `leasehold status`. */
  readonly conditions: readonly Condition[];
}

/** A condition as Kubernetes writes them (metav1.Condition). */
export interface Condition {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
  /** RFC 3339, whole seconds. */
  readonly lastTransitionTime: string;
}

/** Milliseconds. */
export interface LeaseTiming {
  readonly renewInterval: number;
  readonly holderPatience: number;
  readonly takerPatience: number;
}

/** A coordination.k8s.io/v1 Lease as it goes over the wire, without a resourceVersion. */
export interface LeaseManifest {
  readonly apiVersion: 'coordination.k8s.io/v1';
  readonly kind: 'Lease';
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
    readonly ownerReferences: readonly Readonly<Record<string, string>>[];
  };
  readonly spec: Readonly<Record<string, string | number>>;
}

export const LEASE_LABEL = 'leasehold.dev/lease';

/** The packed form of claims: few texts are shared by many VIPs. */
export interface PackedClaims {
  readonly reason: string;
  readonly from?: NodeName;
  readonly vips: readonly Vip[];
}

const PREFIX: Readonly<Record<(Heartbeat | Claims)['kind'], string>> = {
  heartbeat: 'hb',
  claims: 'claims',
};
/** Kubernetes' limit for names (RFC 1123 subdomain). */
const MAX_NAME = 253;
const HASH_DIGITS = 16;

/** `hb.<node>` or `claims.<node>`; what would be too long ends in a hash of the node's name. */
export function leaseName(kind: (Heartbeat | Claims)['kind'], node: NodeName): string {
  const name = `${PREFIX[kind]}.${node}`;
  if (name.length <= MAX_NAME) return name;
  const hash = createHash('sha256').update(node).digest('hex').slice(0, HASH_DIGITS);
  const kept = name.slice(0, MAX_NAME - HASH_DIGITS - 1).replace(/[^a-z0-9]+$/, '');
  return `${kept}-${hash}`;
}

/** The Lease object that carries the record. */
export function encodeLease(record: Heartbeat | Claims, context: LeaseContext): LeaseManifest {
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: {
      name: leaseName(record.kind, record.node),
      namespace: context.namespace,
      labels: { [LEASE_LABEL]: record.kind, 'leasehold.dev/node-uid': context.nodeUid },
      annotations: {
        'leasehold.dev/session': record.session,
        'leasehold.dev/write': String(record.write),
        'leasehold.dev/timing': JSON.stringify(timingOf(context.timing)),
        ...(record.kind === 'claims'
          ? claimsAnnotations(record)
          : { 'leasehold.dev/conditions': JSON.stringify(context.conditions) }),
      },
      ownerReferences: [
        { apiVersion: 'v1', kind: 'Node', name: record.node, uid: context.nodeUid },
      ],
    },
    spec: {
      holderIdentity: `${record.node}/${record.bootId}/${record.incarnation}`,
      leaseTransitions: record.incarnation,
      leaseDurationSeconds: Math.ceil(context.timing.takerPatience / 1000),
      renewTime: context.renewTime,
    },
  };
}

/** Only the three: the caller's object may carry more. */
function timingOf({ renewInterval, holderPatience, takerPatience }: LeaseTiming): LeaseTiming {
  return { renewInterval, holderPatience, takerPatience };
}

function claimsAnnotations(claims: Claims): Record<string, string> {
  return {
    'leasehold.dev/claims': JSON.stringify(pack(claims.vips)),
    'leasehold.dev/leaving': JSON.stringify([...claims.leaving]),
    'leasehold.dev/fences': JSON.stringify([...claims.fences]),
    'leasehold.dev/joined': String(claims.joined),
    'leasehold.dev/draining': String(claims.draining),
    'leasehold.dev/may-hold': String(claims.mayHold),
    'leasehold.dev/links': JSON.stringify(claims.links),
  };
}

function pack(claims: Claims['vips']): PackedClaims[] {
  const groups = Map.groupBy(claims, ([, { reason, from }]) => JSON.stringify([reason, from]));
  return [...groups.values()].flatMap((group) => {
    const claim = group[0]?.[1];
    if (claim === undefined) return [];
    const { reason, from } = claim;
    return [{ reason, ...(from !== undefined && { from }), vips: group.map(([vip]) => vip) }];
  });
}
