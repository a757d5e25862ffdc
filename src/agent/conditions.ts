import type { WitnessReport } from '../election/hearing.ts';
import { answering } from '../election/probing.ts';
import type { ElectionState } from '../election/state.ts';
import type { Condition } from '../kube/lease-encode.ts';
import type { WitnessHealth } from './witness-health.ts';

/** What the conditions are made of. */
export interface ConditionFacts {
  readonly election: ElectionState;
  /** What the witness has told; undefined where it is off. */
  readonly witness: WitnessReport | undefined;
  readonly health: WitnessHealth;
}

type Finding = Omit<Condition, 'type' | 'lastTransitionTime'>;

/**
 * The conditions of this node's agent: `WitnessHealthy`, `Speaker` for whether it may own VIPs, and
 * `SegmentClear` for whether nobody else answers for what it might take over. Each keeps the time of its
 * last change of status from `before`; `wallTime` is RFC 3339.
 */
export function conditionsOf(
  facts: ConditionFacts,
  before: readonly Condition[],
  wallTime: string,
): readonly Condition[] {
  const found = {
    WitnessHealthy: witnessHealthy(facts),
    Speaker: speaker(facts.election),
    SegmentClear: segmentClear(facts.election),
  };
  return Object.entries(found).map(([type, finding]) => {
    const last = before.find((condition) => condition.type === type);
    const isSame = last?.status === finding.status;
    return {
      type,
      ...finding,
      lastTransitionTime: isSame ? last.lastTransitionTime : wholeSeconds(wallTime),
    };
  });
}

function witnessHealthy({ election, witness, health }: ConditionFacts): Finding {
  if (election.timing.beatInterval === 0) {
    return no('NoBeats', 'The profile has no witness: failover waits for the lease to run out');
  }
  if (witness === undefined) {
    const remedy = 'give --witness-key-file a file of at least 32 bytes';
    return no('NoKey', `No key: failover waits for the lease to run out; ${remedy}`);
  }
  const { unheard, heard } = health;
  if (unheard.length > 0) return no('PeersUnheard', unheardText(unheard.join(', ')));
  if (heard === 0) {
    return { status: 'Unknown', reason: 'Alone', message: 'No other agent is there to be heard' };
  }
  return { status: 'True', reason: 'PeersHeard', message: 'Every live peer is heard' };
}

function speaker({ self, phase, ring }: ElectionState): Finding {
  if (phase !== 'member' && phase !== 'held') {
    return no('NoAuthority', 'This node has no authority now: it answers for nothing');
  }
  if (!ring.nodes.includes(self.node)) {
    return no('StandsBy', `${ring.nodes.length} nodes take part already: this one stands by`);
  }
  if (phase === 'held') {
    const message = 'The API server is away for every node that is heard: it goes on answering';
    return { status: 'True', reason: 'Held', message };
  }
  return { status: 'True', reason: 'Member', message: 'This node takes part in the election' };
}

function segmentClear(election: ElectionState): Finding {
  const [first, ...others] = answeringTexts(election);
  if (first === undefined) {
    return { status: 'True', reason: 'NobodyElse', message: 'Nobody was found in the way' };
  }
  return no('Answered', others.length === 0 ? first : `${first} (and ${others.length} more)`);
}

/** What to say of whoever answers for VIPs that this node might otherwise take over. */
export function answeringTexts(election: ElectionState): string[] {
  const { holders, conflicts } = answering(election);
  return [
    ...holders.map(
      (node) =>
        `${node} does not renew its Lease and still answers on the segment: it keeps its VIPs until it ` +
        'reaches the API server or stops',
    ),
    ...[...conflicts].map(
      ([vip, { mac }]) =>
        `${vip} is not announced: ${mac} answers for it on the segment; give it another address, or ` +
        'find that host',
    ),
  ];
}

/** What to say of peers that renew their Leases and are not heard. */
export function unheardText(nodes: string): string {
  return (
    `The witness does not hear ${nodes}, though the Lease is renewed: does the network carry EtherType ` +
    '0x88b5, and do all agents have the same key? Its failover waits for its Lease to run out'
  );
}

function no(reason: string, message: string): Finding {
  return { status: 'False', reason, message };
}

function wholeSeconds(time: string): string {
  return time.replace(/\.\d+Z$/, 'Z');
}
