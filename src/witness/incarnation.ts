import type { IncarnationId, NodeName } from '../model.ts';

/** What an incarnation's name is made of. */
export interface IncarnationParts {
  readonly node: NodeName;
  readonly bootId: string;
  /** 0: the node has no incarnation now. */
  readonly number: number;
}

/** The parts of `<node>/<boot id>/<number>`, or undefined if the text is no such name. */
export function incarnationParts(id: IncarnationId): IncarnationParts | undefined {
  const first = id.indexOf('/');
  const last = id.lastIndexOf('/');
  if (first <= 0 || last <= first + 1 || id.indexOf('/', first + 1) !== last) return undefined;
  const digits = id.slice(last + 1);
  const number = Number(digits);
  if (!Number.isSafeInteger(number) || String(number) !== digits || number < 0) return undefined;
  return { node: id.slice(0, first), bootId: id.slice(first + 1, last), number };
}
