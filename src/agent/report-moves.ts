import type { Decision } from '../election/decide.ts';
import type { PublishedLink } from '../model.ts';
import type { AgentDeps } from './agent.ts';
import type { ClusterDemand } from './demand.ts';

/** Logs and counts what this node has taken over and given up. */
export function reportMoves(
  { log, metrics }: AgentDeps,
  { moves }: Decision,
  demand: ClusterDemand,
  links: readonly PublishedLink[],
): void {
  for (const move of moves) {
    const services = demand.services.get(move.vip) ?? [];
    const carried = links.map((link) => link.name);
    log.info({ ...move, services, links: carried }, moveText(move));
    metrics.moved(move);
  }
}

function moveText({ vip, from, to, reason }: Decision['moves'][number]): string {
  if (to === undefined) return `${vip} is given up by ${from}: ${reason}`;
  return `${vip} goes ${from === undefined ? '' : `from ${from} `}to ${to}: ${reason}`;
}
