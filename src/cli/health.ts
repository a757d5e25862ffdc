import { stdout } from 'node:process';
import type { HealthArguments } from './command.ts';

const PATH = { live: '/healthz', ready: '/readyz' };
const TIMEOUT_MS = 2000;

/** Asks the daemon on this host how it is: 0 if well; 1, with the reason printed, if not. */
export async function checkHealth({ probe, address, port }: HealthArguments): Promise<number> {
  const url = `http://${address}:${port}${PATH[probe]}`;
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    stdout.write(await response.text());
    return response.ok ? 0 : 1;
  } catch (error) {
    const reason = error instanceof Error ? (error.cause ?? error) : error;
    stdout.write(`Cannot reach ${url}: ${reason instanceof Error ? reason.message : reason}\n`);
    return 1;
  }
}
