import { audible, type WitnessReport } from '../election/hearing.ts';
import type { ElectionState } from '../election/state.ts';
import { standing } from '../election/verdict.ts';
import { DELETED } from '../election/view.ts';
import type { Instant } from '../instant.ts';
import type { NodeName } from '../model.ts';

/** A peer that joins or dies is unheard for a moment, while its Lease says that it lives. */
const PATIENCE_MS = 10_000;

/** Which live peers the witness hears. */
export interface WitnessHealth {
  readonly heard: number;
  /** Peers that renew their Leases and have not been heard on any link for 10 s. */
  readonly unheard: readonly NodeName[];
}

/** Follows the witness from turn to turn: what it says of each peer against what its Lease says. */
export function followWitness(): (
  state: ElectionState,
  report: WitnessReport | undefined,
  now: Instant,
) => WitnessHealth {
  const missing = new Map<NodeName, Instant>();
  return (state, report, now) => {
    let heard = 0;
    const present = new Set<NodeName>();
    for (const [node, peer] of state.view) {
      if (standing(state.verdicts, peer) !== 'live' || peer.beat === DELETED) continue;
      if (audible(report, node, peer.identity, state.timing) !== undefined) heard += 1;
      else if (report !== undefined) {
        present.add(node);
        if (!missing.has(node)) missing.set(node, now);
      }
    }
    for (const node of missing.keys()) if (!present.has(node)) missing.delete(node);
    const unheard = [...missing].filter(([, since]) => now - since >= PATIENCE_MS);
    return { heard, unheard: unheard.map(([node]) => node) };
  };
}
