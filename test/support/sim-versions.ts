import type { Claims, Heartbeat } from '../../src/election/records.ts';
import { decodeLease } from '../../src/kube/lease-decode.ts';
import { encodeLease, type LeaseManifest } from '../../src/kube/lease-encode.ts';
import type { SimVersion } from './sim-node.ts';

/**
 * What every version that was ever released writes; an older one writes nothing beyond. But for `may-hold`:
 * an older one never holds alone, and the core that runs here does.
 */
const OLDEST = [
  ...['session', 'write', 'timing', 'claims', 'fences', 'joined', 'draining', 'links'],
  'may-hold',
];

/**
 * The record as this version of the program understands what another one wrote: through the real codec,
 * with what a newer version adds or what an older one does not know. Undefined: it makes no sense to ours.
 */
export function asWritten<T extends Heartbeat | Claims>(
  record: T,
  version: SimVersion,
): Heartbeat | Claims | undefined {
  if (version === 'ours') return record;
  const manifest = encodeLease(record, {
    namespace: 'sim',
    nodeUid: record.node,
    timing: { renewInterval: 1000, holderPatience: 2700, takerPatience: 3000 },
    renewTime: '2026-01-01T00:00:00.000000Z',
    conditions: [],
  });
  const { metadata, spec } = manifest;
  const annotations = version === 'newer' ? newer(manifest) : older(manifest);
  const object = {
    ...manifest,
    metadata: { ...metadata, annotations, uid: 'u', resourceVersion: '1' },
    spec: version === 'newer' ? { ...spec, strategy: 'OldestEmulationVersion' } : spec,
  };
  const decoded = decodeLease(object);
  return decoded.ok ? decoded.value.record : undefined;
}

/** Every list entry has a field more, and there is an annotation more. */
function newer({ metadata: { annotations } }: LeaseManifest): Record<string, string> {
  const grown = Object.entries(annotations).map(([name, text]): [string, string] => {
    if (!text.startsWith('[{')) return [name, text];
    return [name, text.replaceAll('[{', '[{"novel":{"a":[1]},').replaceAll('},{', '},{"novel":2,')];
  });
  return { ...Object.fromEntries(grown), 'leasehold.dev/novel': '{"x":1}' };
}

function older({ metadata: { annotations } }: LeaseManifest): Record<string, string> {
  const known = OLDEST.map((name) => `leasehold.dev/${name}`);
  return Object.fromEntries(Object.entries(annotations).filter(([name]) => known.includes(name)));
}
