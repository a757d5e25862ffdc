import { type Decision, decide } from '../election/decide.ts';
import type { Demand } from '../election/eligible.ts';
import {
  asked,
  claimsSettled,
  heartbeatSettled,
  listed,
  listFailed,
  stalled,
  watched,
} from '../election/events.ts';
import { heard } from '../election/heard.ts';
import type { WitnessReport } from '../election/hearing.ts';
import { type ProbeResult, probed } from '../election/probing.ts';
import type { LeaseCut } from '../election/records.ts';
import type { ElectionState } from '../election/state.ts';
import type { Instant } from '../instant.ts';
import type { IncarnationId, PublishedLink, Utterance, Vip } from '../model.ts';
import type { Clock } from '../sys/clock.ts';
import type { LeasePort } from './lease-port.ts';

/** What one turn looks at. */
export interface TurnInput {
  readonly leases: LeaseCut;
  readonly demand: Demand;
  readonly links: readonly PublishedLink[];
  readonly held: ReadonlySet<Vip>;
  readonly suspectSince: Instant | undefined;
  readonly selfFenced: number;
  readonly witness: WitnessReport | undefined;
}

/** The election of one node, turned by the agent's loop; its requests run beside it. */
export interface ElectionLoop {
  state(): ElectionState;
  /** Leave for good: give everything up, in order. */
  leave(): void;
  /** A peer has said something on the segment. */
  heard(from: IncarnationId, utterance: Utterance, at: Instant): void;
  /** A link was asked for VIPs. */
  probed(result: ProbeResult): void;
  /** This process has stood still for so long that its wires may have given it up. */
  stalled(): void;
  /**
   * Decides, lets `stop` put the new tables in force, then begins the writes and the LIST: what is
   * given up is out of the tables before the write that says so is sent (I2).
   */
  turn(input: TurnInput, stop: (decision: Decision) => void): Decision;
}

export function electionLoop(
  initial: ElectionState,
  options: { readonly port: LeasePort; readonly clock: Clock; readonly onChange: () => void },
): ElectionLoop {
  const { port, clock, onChange } = options;
  let state = initial;
  let cut: LeaseCut | undefined;
  const apply = (next: ElectionState) => {
    state = next;
    onChange();
  };
  const begin = ({ heartbeat, claims, list }: Decision) => {
    if (heartbeat !== undefined) {
      const { write } = heartbeat.record;
      void port
        .write(heartbeat)
        .then((outcome) => apply(heartbeatSettled(state, write, outcome, clock.now())));
    }
    if (claims !== undefined) {
      const { write } = claims.record;
      void port
        .write(claims)
        .then((outcome) => apply(claimsSettled(state, write, outcome, clock.now())));
    }
    if (list !== undefined) {
      void port.list().then((answer) => {
        const now = clock.now();
        apply(
          answer === 'failed' ? listFailed(state, list, now) : listed(state, list, answer, now),
        );
      });
    }
  };
  return {
    state: () => state,
    leave: () => apply(asked(state)),
    heard: (from, utterance, at) => apply(heard(state, from, { utterance, at }, clock.now())),
    probed: (result) => apply(probed(state, result, clock.now())),
    stalled: () => apply(stalled(state, clock.now())),
    turn(input, stop) {
      const now = clock.now();
      if (input.leases !== cut) {
        cut = input.leases;
        state = watched(state, cut, now);
      }
      const decision = decide(state, input, now);
      state = decision.state;
      stop(decision);
      begin(decision);
      return decision;
    },
  };
}
