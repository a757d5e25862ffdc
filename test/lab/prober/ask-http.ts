import { type ClientRequest, get } from 'node:http';
import { type Asker, type AskerEvents, codeOf } from './ask.ts';
import type { ProbeConfig } from './protocol.ts';

/** GET / on a new connection each; who answers is what the body says, without the line end. */
export function askHttp(config: ProbeConfig, events: AskerEvents): Asker {
  const underWay = new Set<ClientRequest>();
  return {
    ask: (target, id) => {
      const request = get({ host: target, port: config.port, path: '/', agent: false });
      underWay.add(request);
      const timer = setTimeout(() => {
        request.destroy(new Error(`no answer in ${config.timeoutMs} ms`));
      }, config.timeoutMs);
      request.on('error', (error) => events.refused(codeOf(error)));
      request.on('close', () => {
        clearTimeout(timer);
        underWay.delete(request);
      });
      request.on('response', (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (text: string) => {
          body = (body + text).slice(0, 1000);
        });
        response.on('error', () => {});
        response.on('end', () => {
          if (response.statusCode === 200) events.answered(target, id, body.trim());
          else events.refused(`HTTP ${response.statusCode}`);
        });
      });
    },
    close: () => {
      for (const request of underWay) request.destroy();
    },
  };
}
