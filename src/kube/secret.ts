import { decodeWith, malformed, stringMap } from './json.ts';

export interface Secret {
  readonly name: string;
  /** The bytes of each key. Never to be logged. */
  readonly data: ReadonlyMap<string, Uint8Array>;
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** A core/v1 Secret. */
export const decodeSecret = decodeWith<Secret>((object, meta) => {
  const data = new Map<string, Uint8Array>();
  for (const [key, value] of Object.entries(readData(object['data']))) {
    if (!BASE64.test(value)) malformed(`data.${key} is not base64`);
    data.set(key, Buffer.from(value, 'base64'));
  }
  return { name: meta.name, data };
});

/** Path of the Secrets of a namespace, or of one of them. */
export function secretPath(namespace: string, name?: string): string {
  const secrets = `/api/v1/namespaces/${namespace}/secrets`;
  return name === undefined ? secrets : `${secrets}/${name}`;
}

/** The values of a Secret must not get into a message, which quotes what it complains about. */
function readData(value: unknown): Readonly<Record<string, string>> {
  try {
    return stringMap(value, 'data');
  } catch {
    return malformed('data is not a map of strings');
  }
}
