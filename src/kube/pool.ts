import type { Pool } from '../model.ts';
import { rangeOf } from '../net/ip.ts';
import { decodeWith, optionalBoolean, record, texts } from './json.ts';

/** A leasehold.dev/v1alpha1 IPAddressPool. */
export const decodePool = decodeWith<Pool>((object, meta) => {
  const spec = record(object['spec'], 'spec');
  return {
    name: meta.name,
    created: meta.created,
    labels: meta.labels,
    ranges: texts(spec['addresses'], 'spec.addresses').map(rangeOf),
    autoAssign: optionalBoolean(spec['autoAssign'], 'spec.autoAssign') ?? true,
  };
});
