import { createSocket, type Socket } from 'node:dgram';
import { type Asker, type AskerEvents, codeOf } from './ask.ts';
import type { ProbeConfig } from './protocol.ts';

/** Numbered datagrams to an echo server, whose answer is `<name> <what was sent>`. */
export function askUdp(config: ProbeConfig, events: AskerEvents): Asker {
  const sockets = new Map<string, Socket[]>();
  const open = (target: string): Socket => {
    const socket = createSocket(target.includes(':') ? 'udp6' : 'udp4');
    socket.on('error', (error) => events.refused(codeOf(error)));
    socket.on('message', (message) => {
      const match = /^(.*) probe-(\d+)\s*$/s.exec(message.toString('utf8'));
      if (match?.[1] !== undefined) events.answered(target, Number(match[2]), match[1]);
    });
    return socket;
  };
  for (const target of config.targets) {
    sockets.set(
      target,
      Array.from({ length: config.sourcePorts }, () => open(target)),
    );
  }
  return {
    ask: (target, id) => {
      const ofTarget = sockets.get(target) ?? [];
      const socket = ofTarget[id % ofTarget.length];
      socket?.send(`probe-${id}`, config.port, target, (error) => {
        if (error !== null) events.refused(codeOf(error));
      });
    },
    close: () => {
      for (const socket of [...sockets.values()].flat()) socket.close();
    },
  };
}
