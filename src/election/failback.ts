import { add, type Instant } from '../instant.ts';
import type { NodeName, Vip } from '../model.ts';
import { cap, place, type Seat } from './place.ts';
import { outranks, type Ring } from './rank.ts';
import type { ElectionState } from './state.ts';

/** A node takes nothing back before it has been there for so long. */
export const FAILBACK_DELAY_MS = 60_000;
const MINUTE_MS = 60_000;
/** One VIP moves at most so often within this (EVPN's duplicate detection freezes an address at five). */
const FLAP_WINDOW_MS = 180_000;
const FLAP_MOVES = 4;
/** How often it is thought about. */
const PACE_MS = 1000;

/** Owned VIPs that are to go where the ring wants them, and when to think about it again. */
export interface Failback {
  readonly moves: ReadonlyMap<Vip, string>;
  readonly at: Instant;
}

/**
 * Failback (design 4.2): VIPs move back to better nodes that have been there for a minute, a tenth of all
 * VIPs a minute over the whole cluster, no VIP more than four times in three minutes. Every node makes
 * the same list from what all of them see, and moves those at its head that are its own.
 */
export function failback(
  state: ElectionState,
  seats: readonly Seat[],
  { ring, takers }: { readonly ring: Ring; readonly takers: number },
  now: Instant,
): Failback {
  const marked = new Map([...state.leaving].filter(([, { reason }]) => isFailback(reason)));
  const going = new Map([...marked].map(([vip, { reason }]) => [vip, reason]));
  if (now < state.failbackAt) return { moves: going, at: state.failbackAt };
  const at = add(now, PACE_MS);
  const ideal = place(
    seats.map((seat) => ({ ...seat, claimedBy: undefined })),
    takers,
    ring.order,
  );
  const loads = loadsOf(seats);
  const most = cap(seats.length, takers);
  const loadOf = (node: NodeName) => loads.get(node) ?? 0;
  const wrong = seats
    .filter(({ vip, key, eligible, claimedBy }) => {
      const node = ideal.get(vip);
      if (claimedBy === undefined || node === undefined || node === claimedBy) return false;
      // It goes to who takes it now, so that must be who should have it: else it would go round.
      const taker = ring
        .order(key)
        .find((each) => each !== claimedBy && eligible.has(each) && loadOf(each) < most);
      return taker === node && (outranks(node, claimedBy, key) || loadOf(claimedBy) > most);
    })
    .filter(({ vip }) => isSettled(state, ideal.get(vip), now) && !isFlapping(state, vip, now))
    .map(({ vip }) => vip)
    .sort();
  const budget =
    Math.max(1, Math.ceil(seats.length / 10)) - movesSince(state, add(now, -MINUTE_MS));
  const moves = new Map(going);
  for (const vip of wrong.slice(0, Math.max(0, budget))) {
    if (state.active.has(vip)) moves.set(vip, reasonFor(ideal.get(vip) ?? ''));
  }
  // A mark whose reason has gone is taken back.
  for (const vip of going.keys()) if (!wrong.includes(vip)) moves.delete(vip);
  return { moves, at };
}

function loadsOf(seats: readonly Seat[]): ReadonlyMap<NodeName, number> {
  const loads = new Map<NodeName, number>();
  for (const { claimedBy } of seats) {
    if (claimedBy !== undefined) loads.set(claimedBy, (loads.get(claimedBy) ?? 0) + 1);
  }
  return loads;
}

/** Adds a move to the times, without those that are too old to matter. */
export function addMove(times: Map<Vip, readonly Instant[]>, vip: Vip, now: Instant): void {
  const recent = (times.get(vip) ?? []).filter((at) => now - at < FLAP_WINDOW_MS);
  times.set(vip, [...recent, now].slice(-FLAP_MOVES));
}

function reasonFor(node: NodeName): string {
  return `failback to ${node}`;
}

function isFailback(reason: string): boolean {
  return reason.startsWith('failback to ');
}

function isSettled(state: ElectionState, node: NodeName | undefined, now: Instant): boolean {
  if (node === undefined) return false;
  const since = node === state.self.node ? state.firstMemberAt : state.view.get(node)?.aliveSince;
  return since !== undefined && now - since >= FAILBACK_DELAY_MS;
}

function isFlapping(state: ElectionState, vip: Vip, now: Instant): boolean {
  const times = state.moveTimes.get(vip) ?? [];
  return times.filter((at) => now - at < FLAP_WINDOW_MS).length >= FLAP_MOVES - 1;
}

function movesSince(state: ElectionState, since: Instant): number {
  let moves = 0;
  for (const times of state.moveTimes.values()) {
    if (times.some((at) => at > since)) moves += 1;
  }
  return moves;
}
