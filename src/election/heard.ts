import type { Instant } from '../instant.ts';
import type { IncarnationId, Utterance, Vip } from '../model.ts';
import { asksForSuccessors } from './authority.ts';
import { activated } from './barrier.ts';
import { incarnationId } from './records.ts';
import { type ElectionState, stamp } from './state.ts';

/** The state after another node's incarnation said something on the segment. */
export function heard(
  state: ElectionState,
  from: IncarnationId,
  { utterance, at }: { readonly utterance: Utterance; readonly at: Instant },
  now: Instant,
): ElectionState {
  switch (utterance.kind) {
    case 'fence':
      return { ...state, selfFenced: new Set(state.selfFenced).add(from) };
    case 'release': {
      const { upTo } = utterance;
      const peer = [...state.view.values()].find(({ identity }) => identity === from);
      const session = peer?.claims?.session;
      const vips = new Map(state.released.get(from));
      for (const vip of utterance.vips) {
        const before = vips.get(vip);
        if (before?.session === session && before !== undefined && before.upTo >= upTo) continue;
        vips.set(vip, { upTo, at, session });
      }
      return activated({ ...state, released: new Map(state.released).set(from, vips) }, now);
    }
    case 'ready': {
      if (utterance.to !== incarnationId(stamp(state, 0))) return state;
      const asked = utterance.vips.filter((vip) => mayYield(state, vip, now));
      if (asked.length === 0) return state;
      const yielded = new Map(state.yielded);
      for (const vip of asked)
        yielded.set(vip, { at: now, reason: `${from.split('/')[0]} is ready` });
      return { ...state, yielded };
    }
  }
}

/** Nobody can take away what is not to move. */
function mayYield(state: ElectionState, vip: Vip, now: Instant): boolean {
  if (!state.active.has(vip)) return false;
  return state.leaving.has(vip) || asksForSuccessors(state, now);
}
