/** Bytes of a tag. */
export const TAG_LENGTH = 16;

/** One key, as far as frames need it. */
export interface Seal {
  /** The first four bytes of SHA-256 of the key as a number: tells which key a frame was signed with. */
  readonly keyId: number;
  /** The 16 bytes that only who has the key can tell. */
  tag(bytes: Uint8Array): Uint8Array;
}

/** The keys of a cluster on its segment: the first signs, all verify. */
export interface KeyRing {
  /** UID of the namespace `kube-system`, 16 bytes. */
  readonly cluster: Uint8Array;
  readonly seals: readonly Seal[];
}
