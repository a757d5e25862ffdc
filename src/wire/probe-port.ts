import { arpProbe, saidBy } from '../arp/probe.ts';
import type { MacText, Vip } from '../model.ts';
import { advertisedBy, dadProbe } from '../ndp/probe.ts';
import { ipFromBigInt, ipToBigInt } from '../net/ip.ts';
import { formatIpv4, parseIpv4 } from '../net/ipv4.ts';
import type { Clock } from '../sys/clock.ts';
import { openAlarm } from './alarm.ts';
import type { FromWire, Probe } from './messages.ts';
import {
  answerHeard,
  giveUp,
  idleProber,
  probeWakeAt,
  startProbe,
  takeProbes,
  takeResults,
} from './prober.ts';

/** What the probes of a wire need of the wire. */
export interface ProbePortDeps {
  readonly clock: Clock;
  /** That of the link now; undefined once the link is gone. */
  mac(): Uint8Array | undefined;
  /** Hands a frame to the link, without asking the gate: a probe claims nothing. */
  send(frame: Uint8Array): boolean;
  report(message: FromWire): void;
  count(key: string): void;
}

/** The probes of a wire as frames on its link. */
export interface ProbePort {
  start(probe: Probe): void;
  /** Any frame that is not of the witness. */
  receive(frame: Uint8Array): void;
  close(): void;
}

export function openProbePort({ clock, mac, send, report, count }: ProbePortDeps): ProbePort {
  const prober = idleProber();
  const ask = (vip: Vip): boolean => {
    const own = mac();
    const isSent = own !== undefined && send(frameFor(vip, own));
    count(isSent ? 'probe_sent' : 'probe_send_failed');
    return isSent;
  };
  const pump = () => {
    const now = clock.now();
    if (!takeProbes(prober, now).every(ask)) giveUp(prober);
    for (const result of takeResults(prober, now)) report(result);
    const at = probeWakeAt(prober);
    if (at !== undefined) alarm.setFor(at);
  };
  const alarm = openAlarm(clock, pump);
  return {
    start(probe) {
      startProbe(prober, probe, clock.now());
      pump();
    },
    receive(frame) {
      const own = mac();
      if (prober.runs.length === 0 || own === undefined) return;
      const said = claimIn(frame, own);
      if (said !== undefined) answerHeard(prober, said.vip, said.mac);
    },
    close: () => alarm.close(),
  };
}

function frameFor(vip: Vip, own: Uint8Array): Uint8Array {
  const ip = parseIpv4(vip);
  return ip === undefined ? dadProbe(ipToBigInt(vip).value, own) : arpProbe(ip, own);
}

/** The address that another host says it has. */
function claimIn(frame: Uint8Array, own: Uint8Array): { vip: Vip; mac: MacText } | undefined {
  const arp = saidBy(frame, own);
  if (arp !== undefined) return { vip: formatIpv4(arp.ip), mac: arp.mac };
  const ndp = advertisedBy(frame, own);
  return ndp && { vip: ipFromBigInt(6, ndp.ip), mac: ndp.mac };
}
