import type { Claim, Claims, Heartbeat, LeaseStamp } from '../election/records.ts';
import type { PublishedLink, Vip } from '../model.ts';
import { canonicalIp } from '../net/ip.ts';
import {
  count,
  decodeWith,
  list,
  type Metadata,
  malformed,
  optionalText,
  record,
  revisionOf,
  text,
  texts,
} from './json.ts';
import { LEASE_LABEL, leaseName } from './lease-encode.ts';

/** A Lease of the election with the revision at which it was written. */
export interface LeaseItem {
  readonly record: Heartbeat | Claims;
  readonly revision: bigint;
}

/** More VIPs than this do not fit into one claims lease. */
export const MAX_CLAIMS = 4_096;
const MAX_FENCES = 1_024;
const MAX_LINKS = 256;
/** All annotations of an object together (Kubernetes' TotalAnnotationSizeLimitB). */
const MAX_ANNOTATION = 256 * 1024;

/**
 * Whatever people have made of a Lease, the answer is the record or the reason why there is none.
 */
export const decodeLease = decodeWith<LeaseItem>((object, meta) => {
  const spec = record(object['spec'], 'spec');
  const stamp = readStamp(spec, meta);
  const kind = meta.labels[LEASE_LABEL];
  if (kind !== 'heartbeat' && kind !== 'claims') {
    malformed(`label ${LEASE_LABEL} is "${kind ?? ''}", not "heartbeat" or "claims"`);
  }
  if (meta.name !== leaseName(kind, stamp.node)) {
    malformed(`its holder ${stamp.node} writes ${leaseName(kind, stamp.node)}, not this Lease`);
  }
  return {
    revision: revisionOf(object),
    record: kind === 'heartbeat' ? { kind, ...stamp } : { kind, ...stamp, ...readClaims(meta) },
  };
});

function readStamp(spec: Readonly<Record<string, unknown>>, meta: Metadata): LeaseStamp {
  const holder = text(spec['holderIdentity'], 'spec.holderIdentity');
  const [node, bootId, digits, ...rest] = holder.split('/');
  const incarnation = count(spec['leaseTransitions'], 'spec.leaseTransitions');
  if (!node || !bootId || digits !== String(incarnation) || rest.length > 0) {
    malformed(
      `spec.holderIdentity "${holder.slice(0, 300)}" is not <node>/<boot id>/<leaseTransitions>`,
    );
  }
  return {
    node,
    bootId,
    incarnation,
    session: annotation(meta, 'session'),
    write: wholeNumber(meta, 'write'),
  };
}

function readClaims(meta: Metadata): Omit<Claims, keyof LeaseStamp | 'kind'> {
  const vips = unpack(json(meta, 'claims'));
  return {
    vips,
    leaving: new Set(readLeaving(meta).filter((vip) => vips.has(vip))),
    fences: new Set(bounded(texts(json(meta, 'fences'), 'fences'), 'fences', MAX_FENCES)),
    joined: wholeNumber(meta, 'joined'),
    draining: flag(meta, 'draining'),
    // Agents of the versions before never hold alone, and do not say so.
    mayHold: meta.annotations['leasehold.dev/may-hold'] !== undefined && flag(meta, 'may-hold'),
    links: bounded(list(json(meta, 'links'), 'links'), 'links', MAX_LINKS).map(readLink),
  };
}

/** Agents of the first version knew no leaving claims and write no such annotation. */
function readLeaving(meta: Metadata): readonly string[] {
  if (meta.annotations['leasehold.dev/leaving'] === undefined) return [];
  return texts(json(meta, 'leaving'), 'leaving');
}

function unpack(packed: unknown): ReadonlyMap<Vip, Claim> {
  const vips = new Map<Vip, Claim>();
  for (const item of list(packed, 'claims')) {
    const group = record(item, 'claims');
    const claim: Claim = {
      reason: text(group['reason'], 'claims.reason'),
      from: optionalText(group['from'], 'claims.from'),
    };
    for (const vip of texts(group['vips'], 'claims.vips')) {
      if (canonicalIp(vip) !== vip)
        malformed(`claims: "${vip.slice(0, 60)}" is no canonical address`);
      vips.set(vip, claim);
    }
    if (vips.size > MAX_CLAIMS) malformed(`claims: more than ${MAX_CLAIMS} addresses`);
  }
  return vips;
}

function readLink(value: unknown): PublishedLink {
  const link = record(value, 'links');
  return {
    name: text(link['name'], 'links.name'),
    mac: text(link['mac'], 'links.mac'),
    subnets: texts(link['subnets'], 'links.subnets'),
    // Agents of the first version published none.
    addresses: link['addresses'] === undefined ? [] : texts(link['addresses'], 'links.addresses'),
  };
}

function annotation(meta: Metadata, name: string): string {
  const value = text(meta.annotations[`leasehold.dev/${name}`], `annotation leasehold.dev/${name}`);
  if (value.length > MAX_ANNOTATION) {
    malformed(`annotation leasehold.dev/${name} has ${value.length} characters`);
  }
  return value;
}

function json(meta: Metadata, name: string): unknown {
  try {
    return JSON.parse(annotation(meta, name));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return malformed(`annotation leasehold.dev/${name} is not JSON`);
  }
}

function wholeNumber(meta: Metadata, name: string): number {
  const value = annotation(meta, name);
  return count(
    /^\d{1,16}$/.test(value) ? Number(value) : value,
    `annotation leasehold.dev/${name}`,
  );
}

function flag(meta: Metadata, name: string): boolean {
  const value = annotation(meta, name);
  if (value !== 'true' && value !== 'false') {
    malformed(`annotation leasehold.dev/${name} is neither true nor false`);
  }
  return value === 'true';
}

function bounded<T>(items: readonly T[], where: string, max: number): readonly T[] {
  return items.length > max ? malformed(`${where}: ${items.length} entries, over ${max}`) : items;
}
