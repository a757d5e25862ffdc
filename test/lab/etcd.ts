import type { ControlPlane } from './control-plane.ts';
import { run } from './run.ts';

const CLIENT_URL = 'http://127.0.0.1:2379';

/**
 * Raises or ends etcd's alarm of a full disk, as it does itself at its quota: reads go on, writes are
 * refused with `database space exceeded`.
 */
export async function setNoSpace(
  controlPlane: ControlPlane,
  action: 'ACTIVATE' | 'DEACTIVATE',
): Promise<void> {
  const members = await post(controlPlane, '/v3/cluster/member/list', {});
  const member = /"ID":"(\d+)"/.exec(members)?.[1];
  if (member === undefined) throw new Error(`etcd named no member: ${members}`);
  const alarm = { action, memberID: member, alarm: 'NOSPACE' };
  await post(controlPlane, '/v3/maintenance/alarm', alarm);
}

function post({ netns }: ControlPlane, path: string, body: unknown): Promise<string> {
  const args = ['-sf', '-m', '5', '-d', JSON.stringify(body), `${CLIENT_URL}${path}`];
  return run('curl', args, { netns });
}
