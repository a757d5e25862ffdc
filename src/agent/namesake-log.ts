import type { ElectionState } from '../election/state.ts';
import { type Instant, NEVER } from '../instant.ts';
import type { Log } from '../sys/log.ts';

/** As long as nothing is done about it, it is said again. */
const AGAIN_MS = 60_000;

/** Says why an agent waits that finds another machine under its node name, and what is to be done. */
export function tellNamesakes(log: Log): (state: ElectionState, now: Instant) => void {
  let toldAt = NEVER;
  let told = '';
  return ({ namesake, self: { node } }, now) => {
    const text =
      namesake === undefined
        ? ''
        : namesake.isAlive
          ? `Another machine runs an agent under the node name ${node} (its boot id: ` +
            `${namesake.bootId}): this one answers for nothing until that one has ended. ` +
            'Give each machine a --node-name of its own'
          : `The Leases of ${node} are those of another boot or machine (${namesake.bootId}): ` +
            'waiting until they have run out';
    if (text === told && (text === '' || now - toldAt < AGAIN_MS)) return;
    if (namesake?.isAlive) log.error({}, text);
    else if (namesake !== undefined) log.info({}, text);
    told = text;
    toldAt = now;
  };
}
