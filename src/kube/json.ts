/**
 * Reading of JSON that nobody has checked: every accessor either gives the type it names or raises
 * `Malformed`.
 */

/** An object that could not be decoded, as a value: it is set aside and the others go on. */
export interface DecodeError {
  /** `namespace/name`, or the name of an object without a namespace. */
  readonly object: string;
  readonly message: string;
}

export type Decoded<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: DecodeError };

export type Decode<T> = (object: unknown) => Decoded<T>;

export type Json = Readonly<Record<string, unknown>>;

export interface Metadata {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly created: string;
  readonly resourceVersion: string;
  readonly deleting: boolean;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

class Malformed extends Error {}

const MAX_QUOTED = 60;

/** Runs a reader over an object; what the reader finds wrong becomes a value. */
export function decodeWith<T>(read: (object: Json, meta: Metadata) => T): Decode<T> {
  return (raw) => {
    try {
      const object = record(raw, 'object');
      return { ok: true, value: read(object, readMetadata(object)) };
    } catch (error) {
      if (!(error instanceof Malformed || error instanceof RangeError)) throw error;
      return { ok: false, error: { object: keyOf(raw), message: error.message } };
    }
  };
}

/** `namespace/name` or `name`; empty if the object does not even have a name. */
export function keyOf(raw: unknown): string {
  const meta = isRecord(raw) && isRecord(raw['metadata']) ? raw['metadata'] : {};
  const name = typeof meta['name'] === 'string' ? meta['name'] : '';
  return typeof meta['namespace'] === 'string' ? `${meta['namespace']}/${name}` : name;
}

/** The revision at which the object was last written; 0 if it carries none that is a number. */
export function revisionOf(raw: unknown): bigint {
  const meta = isRecord(raw) && isRecord(raw['metadata']) ? raw['metadata'] : {};
  const text = meta['resourceVersion'];
  return typeof text === 'string' && /^\d{1,20}$/.test(text) ? BigInt(text) : 0n;
}

/** Refuses the object that is being read. */
export function malformed(message: string): never {
  throw new Malformed(message);
}

export function isRecord(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function record(value: unknown, where: string): Json {
  return isRecord(value) ? value : malformed(`${where} is ${quote(value)}, not an object`);
}

/** An absent object reads as an empty one. */
export function optionalRecord(value: unknown, where: string): Json {
  return value === undefined || value === null ? {} : record(value, where);
}

/** An absent list reads as an empty one. */
export function list(value: unknown, where: string): readonly unknown[] {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? value : malformed(`${where} is ${quote(value)}, not a list`);
}

export function text(value: unknown, where: string): string {
  return typeof value === 'string' ? value : malformed(`${where} is ${quote(value)}, not a string`);
}

export function optionalText(value: unknown, where: string): string | undefined {
  return value === undefined || value === null ? undefined : text(value, where);
}

export function texts(value: unknown, where: string): readonly string[] {
  return list(value, where).map((item) => text(item, where));
}

export function optionalBoolean(value: unknown, where: string): boolean | undefined {
  if (value === undefined || value === null) return undefined;
  return typeof value === 'boolean'
    ? value
    : malformed(`${where} is ${quote(value)}, not a boolean`);
}

/** A whole number from 0 that a double holds exactly. */
export function count(value: unknown, where: string): number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
    ? value
    : malformed(`${where} is ${quote(value)}, not a whole number`);
}

export function stringMap(value: unknown, where: string): Readonly<Record<string, string>> {
  const entries = Object.entries(optionalRecord(value, where));
  return Object.fromEntries(entries.map(([key, item]) => [key, text(item, `${where}.${key}`)]));
}

function readMetadata(object: Json): Metadata {
  const meta = record(object['metadata'], 'metadata');
  return {
    namespace: optionalText(meta['namespace'], 'metadata.namespace') ?? '',
    name: text(meta['name'], 'metadata.name'),
    uid: text(meta['uid'], 'metadata.uid'),
    created: optionalText(meta['creationTimestamp'], 'metadata.creationTimestamp') ?? '',
    resourceVersion: text(meta['resourceVersion'], 'metadata.resourceVersion'),
    deleting: meta['deletionTimestamp'] !== undefined && meta['deletionTimestamp'] !== null,
    labels: stringMap(meta['labels'], 'metadata.labels'),
    annotations: stringMap(meta['annotations'], 'metadata.annotations'),
  };
}

function quote(value: unknown): string {
  if (value === undefined) return 'missing';
  const json = JSON.stringify(value) ?? typeof value;
  return json.length > MAX_QUOTED ? `${json.slice(0, MAX_QUOTED)}...` : json;
}
