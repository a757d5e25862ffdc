import type { Instant } from '../instant.ts';
import type { LinkHearing, Neighbour, Utterance } from '../model.ts';
import { SOURCE_OFFSET } from '../net/ethernet.ts';
import { macIsAt } from '../net/mac.ts';
import type { Clock } from '../sys/clock.ts';
import { keyRing } from '../sys/seal.ts';
import { emitFrame, openFrame } from '../witness/frame.ts';
import type { KeyRing } from '../witness/seal.ts';
import { openAlarm } from './alarm.ts';
import { fence, type Gate, permit } from './gate.ts';
import type { FromWire, Grant, WitnessSettings, WitnessSetup } from './messages.ts';
import {
  granted,
  heard,
  heardForeign,
  type Outcome,
  openWitness,
  takeNews,
  told,
  type Witness,
  wake,
  wakeAt,
} from './witness.ts';

/** What the witness of a wire needs of the wire. */
export interface WitnessPortDeps {
  readonly clock: Clock;
  readonly gate: Gate;
  /** That of the link now; undefined once the link is gone. */
  mac(): Uint8Array | undefined;
  /** Hands a frame to the link, without asking the gate; whether that took it. */
  send(frame: Uint8Array): boolean;
  /** The frames that ask for the hosts of these peers and for the gateway. */
  questions(neighbours: readonly Neighbour[]): readonly Uint8Array[];
  report(message: FromWire): void;
  /** A peer is heard again that had fallen silent. */
  onBack(): void;
  count(key: string): void;
}

/** The witness as frames on a link; without keys it says and hears nothing. */
export interface WitnessPort {
  setUp(setup: WitnessSetup): void;
  /** Takes over a permit, for the gate too. */
  permit(grant: Grant): void;
  tell(utterance: Utterance): void;
  /** A frame of the witness's EtherType. */
  receive(frame: Uint8Array): void;
  /** Any other frame of another host, that has come at `at` or later. */
  noteForeign(at: Instant): void;
  /** All that was heard, if there was anything since the last call. */
  news(): LinkHearing | undefined;
  close(): void;
}

interface Running {
  readonly settings: WitnessSettings;
  readonly witness: Witness;
  ring: KeyRing;
}

export function openWitnessPort(deps: WitnessPortDeps): WitnessPort {
  const { clock, gate, count } = deps;
  let running: Running | undefined;

  const perform = ({ say, report }: Outcome) => {
    const mac = deps.mac();
    if (running === undefined) return;
    for (const message of say) {
      const taken = mac !== undefined && deps.send(emitFrame(message, running.ring, mac));
      count(taken ? 'witness_sent' : 'witness_send_failed');
    }
    for (const message of report) deps.report(message);
    alarm.setFor(wakeAt(running.witness));
  };
  const alarm = openAlarm(clock, () => {
    if (running === undefined) return;
    const waking = wake(running.witness, clock.now());
    const questions = waking.ask.length > 0 ? deps.questions(waking.ask) : [];
    for (const frame of questions) count(deps.send(frame) ? 'neighbours_asked' : 'send_failed');
    perform(waking);
  });
  return {
    setUp(setup) {
      fence(gate, setup.fenced);
      running = setUp(running, setup, gate, clock.now());
      if (running !== undefined) alarm.setFor(wakeAt(running.witness));
    },
    permit(grant) {
      if (running === undefined) permit(gate, grant, clock.now());
      else perform(granted(running.witness, grant, clock.now()));
    },
    tell(utterance) {
      if (running !== undefined) perform(told(running.witness, utterance, clock.now()));
    },
    receive(frame) {
      const mac = deps.mac();
      // The socket shows us what we have sent ourselves.
      if (running === undefined || mac === undefined || macIsAt(frame, SOURCE_OFFSET, mac)) return;
      const message = openFrame(frame, running.ring);
      if (typeof message === 'string') {
        count(`witness_dropped_${message}`);
        return;
      }
      const reception = heard(running.witness, message, clock.now());
      const { dropped } = reception;
      count(dropped === undefined ? 'witness_heard' : `witness_dropped_${dropped}`);
      perform(reception);
      if (reception.isBack) deps.onBack();
    },
    noteForeign(at) {
      if (running === undefined) return;
      for (const message of heardForeign(running.witness, at).report) deps.report(message);
    },
    news: () => (running === undefined ? undefined : takeNews(running.witness)),
    close: () => alarm.close(),
  };
}

/** New keys leave what was heard as it is: a rotation makes no gap. Anything else starts anew. */
function setUp(
  running: Running | undefined,
  setup: WitnessSetup,
  gate: Gate,
  now: Instant,
): Running | undefined {
  if (setup.keys === null || setup.keys.length === 0) return undefined;
  const ring = keyRing(
    setup.keys.map((key) => Buffer.from(key, 'hex')),
    setup.clusterUid,
  );
  if (running !== undefined && isSame(running.settings, setup)) {
    running.ring = ring;
    return running;
  }
  return { settings: setup, ring, witness: openWitness(setup, gate, now) };
}

function isSame(a: WitnessSettings, b: WitnessSettings): boolean {
  return (
    a.node === b.node &&
    a.bootId === b.bootId &&
    a.clusterUid === b.clusterUid &&
    a.beatMs === b.beatMs &&
    a.silentBeats === b.silentBeats &&
    a.contactMs === b.contactMs
  );
}
