import type { Instant } from '../../src/instant.ts';

/** Older than every patience of the protocol but failback's, which comes after a minute. */
const OLD_MS = 6000;

/** Numbers of which only the order counts: whose they are, and their values in the order of the text. */
export interface Shape {
  readonly text: string;
  readonly groups: readonly string[];
  readonly values: readonly (number | bigint)[];
}

/**
 * Writes a part of a world down so that two parts that behave alike from now on read alike: times relative to
 * now, and numbers that are only compared as places to be filled by their rank.
 */
export class ShapeWriter {
  readonly #now: Instant;
  #text = '';
  readonly #groups: string[] = [];
  readonly #values: (number | bigint)[] = [];

  constructor(now: Instant) {
    this.#now = now;
  }

  shape(): Shape {
    return { text: this.#text, groups: this.#groups, values: this.#values };
  }

  text(value: string | number | boolean | undefined | null): void {
    this.#text += `${value};`;
  }

  /** A time that is compared with now and with others. */
  time(value: Instant | undefined | null): void {
    if (value === undefined || value === null) this.#text += '-;';
    else if (!Number.isFinite(value)) this.#text += value > 0 ? 'F;' : 'N;';
    else if (this.#now - value > OLD_MS) this.rank('t', value);
    else this.#text += `${Math.round((value - this.#now) * 1000)};`;
  }

  /** A time of which only counts whether it has come, and else when it will. */
  due(value: Instant): void {
    if (value <= this.#now) this.#text += '.;';
    else this.time(value);
  }

  /** A number that is only compared with others of its group, of which new ones are higher than all. */
  rank(group: string, value: number | bigint | undefined): void {
    if (value === undefined) {
      this.#text += '-;';
      return;
    }
    this.#text += '#';
    this.#groups.push(group);
    this.#values.push(value);
  }

  /** A write number inside a text, `<session>.<number>`. */
  write(node: string, value: string): void {
    const dot = value.lastIndexOf('.');
    const number = Number(value.slice(dot + 1));
    if (dot < 0 || !Number.isSafeInteger(number)) this.text(value);
    else {
      this.#text += value.slice(0, dot);
      this.rank(`w${node}${value.slice(0, dot)}`, number);
    }
  }

  map<T>(values: ReadonlyMap<string, T> | undefined, each: (value: T, key: string) => void): void {
    if (values === undefined) {
      this.#text += '-';
      return;
    }
    this.#text += '{';
    const keys = values.size > 1 ? [...values.keys()].sort() : values.keys();
    for (const key of keys) {
      const value = values.get(key);
      this.#text += `${key}:`;
      if (value !== undefined) each(value, key);
    }
    this.#text += '}';
  }

  set(values: Iterable<string>): void {
    this.#text += `[${[...values].sort().join()}]`;
  }
}

/** One text for parts with their numbers replaced by ranks: equal if and only if the parts are alike. */
export function joined(shapes: readonly Shape[]): string {
  const groups = new Map<string, Set<number | bigint>>();
  for (const shape of shapes) {
    for (const [i, group] of shape.groups.entries()) {
      const value = shape.values[i] ?? 0;
      const known = groups.get(group);
      if (known === undefined) groups.set(group, new Set([value]));
      else known.add(value);
    }
  }
  const ranks = new Map<string, Map<number | bigint, number>>();
  for (const [group, values] of groups) {
    const sorted = [...values].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
    // 0 stands for none of them, and keeps its place.
    const first = sorted[0] == 0 ? 0 : 1;
    ranks.set(group, new Map(sorted.map((value, i) => [value, i + first])));
  }
  let text = '';
  for (const shape of shapes) {
    text += shape.text;
    for (const [i, group] of shape.groups.entries()) {
      text += `${ranks.get(group)?.get(shape.values[i] ?? 0)},`;
    }
    text += '\n';
  }
  return text;
}
