import type { Instant } from '../../src/instant.ts';

/** Older than every patience of the protocol but failback's, which comes after a minute. */
const OLD_MS = 6000;

/** A part of a world: its text, and the numbers of which only the order within their group counts. */
export interface Shape {
  /** Of the text: equal texts have equal numbers. */
  readonly id: number;
  readonly groups: readonly number[];
  readonly values: readonly number[];
}

/** Small numbers for texts: to compare and to keep them costs nothing. */
class Numbering {
  readonly #known = new Map<string, number>();

  of(text: string): number {
    const known = this.#known.get(text);
    if (known !== undefined) return known;
    const id = this.#known.size;
    this.#known.set(text, id);
    return id;
  }
}

const texts = new Numbering();
const groupNames = new Numbering();

/**
 * Writes a part of a world down so that two parts that behave alike from now on read alike: times relative to
 * now, and numbers that are only compared as places to be filled by their rank.
 */
export class ShapeWriter {
  readonly #now: Instant;
  #text = '';
  readonly #groups: number[] = [];
  readonly #values: number[] = [];

  constructor(now: Instant) {
    this.#now = now;
  }

  shape(): Shape {
    return { id: texts.of(this.#text), groups: this.#groups, values: this.#values };
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
    this.#groups.push(groupNames.of(group));
    this.#values.push(Number(value));
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
  const byGroup: number[][] = [];
  for (const { groups, values } of shapes) {
    for (let i = 0; i < groups.length; i += 1) {
      const group = groups[i] ?? 0;
      const value = values[i] ?? 0;
      const known = byGroup[group];
      if (known === undefined) byGroup[group] = value === 0 ? [0] : [0, value];
      else if (!known.includes(value)) known.push(value);
    }
  }
  // 0 stands for none, and is always the first.
  for (const values of byGroup) values?.sort((a, b) => a - b);
  let text = '';
  for (const { id, groups, values } of shapes) {
    text += `${id}:`;
    for (let i = 0; i < groups.length; i += 1) {
      const rank = byGroup[groups[i] ?? 0]?.indexOf(values[i] ?? 0) ?? 0;
      text += String.fromCharCode(48 + rank);
    }
  }
  return text;
}
