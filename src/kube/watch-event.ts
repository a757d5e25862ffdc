import { isRecord, revisionOf } from './json.ts';

/** One line of a watch. */
export type WatchEvent =
  | { readonly kind: 'put'; readonly object: unknown }
  | { readonly kind: 'remove'; readonly object: unknown }
  | { readonly kind: 'bookmark'; readonly revision: bigint }
  /** This watch is of no more use: list anew. */
  | { readonly kind: 'broken'; readonly reason: string };

/**
 * Reads a line; whatever is not understood breaks the watch, since skipping it could lose a change.
 */
export function parseWatchEvent(line: string): WatchEvent {
  let event: unknown;
  try {
    event = JSON.parse(line);
  } catch {
    return { kind: 'broken', reason: 'a line that is not JSON' };
  }
  if (!isRecord(event) || !isRecord(event['object'])) {
    return { kind: 'broken', reason: 'a line that is no event' };
  }
  const { type, object } = event as { type?: unknown; object: Record<string, unknown> };
  switch (type) {
    case 'ADDED':
    case 'MODIFIED':
      return { kind: 'put', object };
    case 'DELETED':
      return { kind: 'remove', object };
    case 'BOOKMARK':
      return { kind: 'bookmark', revision: revisionOf(object) };
    case 'ERROR':
      return { kind: 'broken', reason: `${object['code'] ?? ''} ${object['message'] ?? 'error'}` };
    default:
      return { kind: 'broken', reason: `an event of type ${String(type).slice(0, 40)}` };
  }
}
