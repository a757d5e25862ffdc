import type { ClusterNode } from '../model.ts';
import { canonicalIp } from '../net/ip.ts';
import { decodeWith, list, optionalRecord, optionalText, record } from './json.ts';

/** A core/v1 Node; of its addresses only those that are IP addresses. */
export const decodeNode = decodeWith<ClusterNode>((object, meta) => {
  const status = optionalRecord(object['status'], 'status');
  const addresses = list(status['addresses'], 'status.addresses').flatMap((item) => {
    const address = optionalText(record(item, 'status.addresses')['address'], 'status.addresses');
    const canonical = address === undefined ? undefined : canonicalIp(address);
    return canonical === undefined ? [] : [canonical];
  });
  return { name: meta.name, uid: meta.uid, labels: meta.labels, addresses };
});
