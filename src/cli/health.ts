import { get } from 'node:http';
import { stdout } from 'node:process';
import type { HealthArguments } from './command.ts';

const PATH = { live: '/healthz', ready: '/readyz' };
const TIMEOUT_MS = 2000;

/** Asks the daemon on this host how it is: 0 if well; 1, with the reason printed, if not. */
export async function checkHealth({ probe, address, port }: HealthArguments): Promise<number> {
  const where = { host: address, port, path: PATH[probe] };
  try {
    const { status, text } = await ask(where);
    stdout.write(text);
    return status === 200 ? 0 : 1;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    stdout.write(`Cannot reach ${where.path} at ${address} port ${port}: ${reason}\n`);
    return 1;
  }
}

/** Not by `fetch`: it refuses the ports that browsers refuse, such as 6000 or 10080. */
function ask(where: { readonly host: string; readonly port: number; readonly path: string }) {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; text: string }>();
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const sent = get({ ...where, signal, agent: false }, (response) => {
    let text = '';
    response.setEncoding('utf8');
    response.on('data', (part: string) => {
      text += part;
    });
    response.on('error', reject);
    response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
  });
  sent.on('error', (error) => {
    reject(signal.aborted ? new Error(`no answer within ${TIMEOUT_MS / 1000} s`) : error);
  });
  return promise;
}
