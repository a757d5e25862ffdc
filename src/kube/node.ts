import type { ClusterNode } from '../model.ts';
import { canonicalIp } from '../net/ip.ts';
import {
  decodeWith,
  type Json,
  list,
  optionalBoolean,
  optionalRecord,
  optionalText,
  record,
} from './json.ts';

/** Set by `leasehold drain NODE`; any value but `false` asks the node's agent to give its VIPs up. */
export const DRAIN_ANNOTATION = 'leasehold.dev/drain';

/** A core/v1 Node; of its addresses only those that are IP addresses. */
export const decodeNode = decodeWith<ClusterNode>((object, meta) => {
  const spec = optionalRecord(object['spec'], 'spec');
  return {
    name: meta.name,
    uid: meta.uid,
    labels: meta.labels,
    addresses: readAddresses(optionalRecord(object['status'], 'status')),
    unschedulable: optionalBoolean(spec['unschedulable'], 'spec.unschedulable') ?? false,
    taints: readTaints(spec),
    drainAsked: (meta.annotations[DRAIN_ANNOTATION] ?? 'false') !== 'false',
  };
});

/** Path of a Node in the API. */
export function nodePath(name: string): string {
  return `/api/v1/nodes/${encodeURIComponent(name)}`;
}

function readAddresses(status: Json): readonly string[] {
  return list(status['addresses'], 'status.addresses').flatMap((item) => {
    const address = optionalText(record(item, 'status.addresses')['address'], 'status.addresses');
    const canonical = address === undefined ? undefined : canonicalIp(address);
    return canonical === undefined ? [] : [canonical];
  });
}

/** PreferNoSchedule is left out: it is a hint, which an autoscaler sets and takes back freely. */
function readTaints(spec: Json): readonly string[] {
  return list(spec['taints'], 'spec.taints').flatMap((item) => {
    const taint = record(item, 'spec.taints');
    const key = optionalText(taint['key'], 'spec.taints.key');
    return key === undefined || taint['effect'] === 'PreferNoSchedule' ? [] : [key];
  });
}
