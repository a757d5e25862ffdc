import type { Instant } from '../instant.ts';
import type { LinkHearing } from '../model.ts';
import type { FromWire } from './messages.ts';
import { acknowledged, NOTHING_SENT, type SentTables } from './sent-tables.ts';

/** What one wire process has told its agent. Changed only by the functions of this file. */
export interface WireFacts {
  readyAt: Instant | undefined;
  tables: SentTables;
  suspectSince: Instant | null;
  counters: Readonly<Record<string, number>>;
  hearing: LinkHearing | undefined;
  /** The highest incarnation that it answers for no more. */
  selfFenced: number;
}

/** Of a process that has told nothing yet. */
export function noFacts(selfFenced: number): WireFacts {
  return {
    readyAt: undefined,
    tables: NOTHING_SENT,
    suspectSince: null,
    counters: {},
    hearing: undefined,
    selfFenced,
  };
}

/** Takes over what a wire tells; whether the agent has to look at it. */
export function note(facts: WireFacts, message: FromWire, now: Instant): boolean {
  switch (message.kind) {
    case 'ready':
      facts.readyAt = now;
      // It begins suspect, and says so with its first pong only.
      facts.suspectSince = now;
      return true;
    case 'ack':
      facts.tables = acknowledged(facts.tables, message.version);
      return true;
    case 'pong': {
      const changed = facts.suspectSince !== message.suspectSince;
      facts.suspectSince = message.suspectSince;
      facts.counters = message.counters;
      facts.hearing = message.hearing ?? facts.hearing;
      return changed;
    }
    case 'heard':
      facts.hearing = message.hearing;
      return true;
    case 'self-fenced':
      facts.selfFenced = Math.max(facts.selfFenced, message.incarnation);
      return true;
    case 'told':
    case 'probed':
    case 'failed':
      return false;
  }
}
