import { createHash, createHmac, createSecretKey, hkdfSync } from 'node:crypto';
import type { KeyRing, Seal } from '../witness/seal.ts';

const HASH = 'sha256';
const INFO = 'leasehold witness v1';
const KEY_LENGTH = 32;
const TAG_LENGTH = 16;

/**
 * The keys of a witness: contents of key files, of which the first signs, bound to the cluster by
 * its UID. Throws RangeError if that is no UID.
 */
export function keyRing(keys: readonly Uint8Array[], clusterUid: string): KeyRing {
  const cluster = clusterBytes(clusterUid);
  return { cluster, seals: keys.map((key) => openSeal(key, cluster)) };
}

/** HMAC-SHA256 under the key that HKDF-SHA256 (RFC 5869) makes of a key file for one cluster. */
export function openSeal(key: Uint8Array, cluster: Uint8Array): Seal {
  const derived = Buffer.from(hkdfSync(HASH, key, cluster, INFO, KEY_LENGTH));
  const secret = createSecretKey(derived);
  return {
    keyId: createHash(HASH).update(key).digest().readUInt32BE(0),
    tag: (bytes) => createHmac(HASH, secret).update(bytes).digest().subarray(0, TAG_LENGTH),
  };
}

/** The 16 bytes of a UUID in its usual text form. */
function clusterBytes(uid: string): Uint8Array {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(uid)) {
    throw new RangeError(
      `"${uid}" is not the UID of a cluster; take that of the namespace kube-system`,
    );
  }
  return Buffer.from(uid.replaceAll('-', ''), 'hex');
}
