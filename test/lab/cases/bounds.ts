import type { Acceptance, FaultCase } from '../fault.ts';

/** The figures of docs/faults-catalogue.md that many cases share, in ms and in numbers. */

/** takerPatience, a write and a barrier; by witness three silent beats, grace, a write and a barrier. */
const TAKEOVER_MS = { alone: 3300, witness: 900 };
/** Beats and probes come every 10 ms: what is not interrupted shows waits of this at most. */
export const SEAMLESS_MS = 60;
/** Nothing happens to the VIPs of others; they are asked every 30 ms only, on a machine that is busy. */
export const OTHERS_MS = 150;

type Bounds = FaultCase['accept'];

/** The VIP goes over to another node, the VIPs of others stay where they are. */
export function takenOver(more: Acceptance = {}): Bounds {
  const moved = { moves: 1, otherMoves: 0, othersUnansweredMs: OTHERS_MS };
  return {
    'leases alone': { ...moved, unansweredMs: TAKEOVER_MS.alone, ...more },
    'with witness': { ...moved, unansweredMs: TAKEOVER_MS.witness, ...more },
  };
}

/** Nothing at all comes of it, with or without the witness. */
export function unnoticed(more: Acceptance = {}): Bounds {
  const nothing = {
    unansweredMs: SEAMLESS_MS,
    othersUnansweredMs: OTHERS_MS,
    moves: 0,
    otherMoves: 0,
    udpLost: 0,
    ...more,
  };
  return { 'leases alone': nothing, 'with witness': nothing };
}

/**
 * The API server is away: with the witness everybody holds. By leases alone answering ends with the
 * authority, and comes back within `backMs` of the end of the fault.
 */
export function held(backMs: number, more: Acceptance = {}): Bounds {
  return {
    'leases alone': { backMs },
    'with witness': { ...unnoticed()['with witness'], ...more },
  };
}

/** A planned move: the clients with a warm cache lose nothing. */
export function handedOver(more: Acceptance = {}): Bounds {
  const moved = {
    unansweredMs: SEAMLESS_MS,
    othersUnansweredMs: OTHERS_MS,
    moves: 1,
    otherMoves: 0,
    udpLost: 0,
    ...more,
  };
  return { 'leases alone': moved, 'with witness': moved };
}
