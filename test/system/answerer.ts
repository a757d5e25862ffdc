import type { Lab } from '../lab/lab.ts';
import { run } from '../lab/run.ts';
import { until } from '../lab/until.ts';

/** Name of the host (or else the MAC) that answers the client's ARP request first; undefined if nobody does in 1 s. */
export async function answererOf(lab: Lab, vip: string): Promise<string | undefined> {
  const { netns, link } = lab.client('c1');
  // A negative answer is exit code 1; so that a real failure is not taken for one, `|| true` covers that only.
  const script = 'arping -c 1 -w 1 -f -I "$0" "$1" || [ $? -eq 1 ]';
  const text = await run('sh', ['-c', script, link, vip], { netns });
  const mac = /\[([0-9A-F:]{17})\]/.exec(text)?.[1]?.toLowerCase();
  return lab.nodes.find((node) => node.mac === mac)?.name ?? mac;
}

/** Waits until the node, and nobody else first, answers for the VIP. */
export async function answeredBy(lab: Lab, vip: string, node: string, timeout = 8000) {
  const what = `${vip} is answered by ${node}`;
  await until(what, async () => (await answererOf(lab, vip)) === node, { timeout });
}

/** Waits until nobody answers for the VIP. */
export async function answeredByNobody(lab: Lab, vip: string, timeout = 8000) {
  const what = `${vip} is answered by nobody`;
  await until(what, async () => (await answererOf(lab, vip)) === undefined, { timeout });
}
