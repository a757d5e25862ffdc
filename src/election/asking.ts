import type { Neighbour } from '../model.ts';
import { liveCount, QUORUM_OF_TWO_FROM } from './hearing.ts';
import type { ElectionState } from './state.ts';
import { standing } from './verdict.ts';
import { claimsCount } from './view.ts';

/**
 * Whom the wires ask for as soon as they do not hear it any more (design 4.4.1): the other one of two. Its
 * silence is judged by this node alone, which has to prove that it hears at all; of three, two must agree.
 */
export function whomToAsk(state: ElectionState): readonly Neighbour[] {
  if (state.phase !== 'member' || liveCount(state) >= QUORUM_OF_TWO_FROM) return [];
  const neighbours: Neighbour[] = [];
  for (const [node, peer] of state.view) {
    if (standing(state.verdicts, peer) === 'dead' || !claimsCount(peer)) continue;
    neighbours.push({ node, addresses: peer.claims.links.flatMap(({ addresses }) => addresses) });
  }
  return neighbours;
}
