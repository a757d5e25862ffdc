import type { Service } from '../model.ts';
import { canonicalIp } from '../net/ip.ts';
import {
  decodeWith,
  type Json,
  list,
  optionalRecord,
  optionalText,
  record,
  texts,
} from './json.ts';

/**
 * Our own prefix first; the others are MetalLB's, read so that a Service needs no change to move
 * over.
 */
const PREFIXES = ['leasehold.dev', 'metallb.io', 'metallb.universe.tf'];

/** A core/v1 Service. */
export const decodeService = decodeWith<Service>((object, meta) => {
  const spec = record(object['spec'], 'spec');
  return {
    namespace: meta.namespace,
    name: meta.name,
    uid: meta.uid,
    created: meta.created,
    resourceVersion: meta.resourceVersion,
    deleting: meta.deleting,
    type: optionalText(spec['type'], 'spec.type') ?? 'ClusterIP',
    loadBalancerClass: optionalText(spec['loadBalancerClass'], 'spec.loadBalancerClass'),
    externalTrafficPolicy: spec['externalTrafficPolicy'] === 'Local' ? 'Local' : 'Cluster',
    ipFamilies: texts(spec['ipFamilies'], 'spec.ipFamilies').filter(isFamily),
    clusterIps: texts(spec['clusterIPs'], 'spec.clusterIPs'),
    ingress: readIngress(object),
    sharingKey: annotation(meta.annotations, 'allow-shared-ip'),
  };
});

/** The value of `leasehold.dev/<name>` or of one of its synonyms. */
function annotation(
  annotations: Readonly<Record<string, string>>,
  name: string,
): string | undefined {
  for (const prefix of PREFIXES) {
    const value = annotations[`${prefix}/${name}`];
    if (value !== undefined && value !== '') return value;
  }
  return undefined;
}

function readIngress(object: Json): readonly string[] {
  const status = optionalRecord(object['status'], 'status');
  const balancer = optionalRecord(status['loadBalancer'], 'status.loadBalancer');
  const where = 'status.loadBalancer.ingress';
  return list(balancer['ingress'], where).flatMap((entry) => {
    const ip = optionalText(record(entry, where)['ip'], `${where}.ip`);
    const canonical = ip === undefined ? undefined : canonicalIp(ip);
    return canonical === undefined ? [] : [canonical];
  });
}

function isFamily(family: string): family is 'IPv4' | 'IPv6' {
  return family === 'IPv4' || family === 'IPv6';
}
