import { dirname } from 'node:path';
import { asset } from '../lab/assets.ts';
import type { Lab } from '../lab/lab.ts';
import type { Screen } from './screen.ts';
import type { Ending } from './story.ts';

/** Says how to look around in a lab that stays. */
export function lookAround(lab: Lab, screen: Screen, { vip, owner }: Ending): void {
  const { controlPlane } = lab;
  const client = lab.client('c1').netns;
  screen.heading('it stays; look around');
  screen.note('As the cluster admin, in a shell beside the API server:');
  const programs = dirname(asset('kubectl'));
  const env = `KUBECONFIG=${controlPlane.kubeconfig('admin')} PATH=${programs}:$PATH`;
  screen.command(`${env} ip netns exec ${controlPlane.netns} bash`);
  screen.command('kubectl get svc,leases -A');
  screen.note('From the client:');
  screen.command(`ip netns exec ${client} arping -I data0 ${vip}`);
  screen.command(`ip netns exec ${client} curl http://${vip}/`);
  screen.note('All frames of the segment; what the owner says of itself; the logs:');
  screen.command(`ip netns exec ${lab.segment.netns} tcpdump -e -n -i ${lab.segment.bridge} arp`);
  screen.command(`ip netns exec ${owner.netns} curl -s http://127.0.0.1:7475/metrics`);
  screen.command(`ls ${controlPlane.folder}/*.log`);
  screen.note('Remove it:');
  screen.command('scripts/demo --remove');
}
