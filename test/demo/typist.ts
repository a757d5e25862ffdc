import { dirname, join } from 'node:path';
import { asset } from '../lab/assets.ts';
import type { Lab } from '../lab/lab.ts';
import { run } from '../lab/run.ts';
import type { Screen } from './screen.ts';

/** Runs command lines exactly as they are shown, and shows all that they print. */
export interface Typist {
  /** As the lab's admin, beside the API server; returns what was printed. */
  asAdmin(line: string): Promise<string>;
  /** On the switch of the segment, where the judge captures. */
  onSwitch(line: string): Promise<string>;
  /** On the client, which has nothing but its link on the segment. */
  onClient(line: string): Promise<string>;
}

/** A typist at work in a lab. Its methods reject, with the command's own words, if it fails. */
export function typistIn(lab: Lab, screen: Screen): Typist {
  const env = {
    KUBECONFIG: lab.controlPlane.kubeconfig('admin'),
    KUBECACHEDIR: join(lab.controlPlane.folder, 'kubectl-cache'),
    PATH: `${dirname(asset('kubectl'))}:${process.env['PATH'] ?? ''}`,
  };
  const type = async (netns: string, line: string) => {
    screen.command(line);
    const output = await run('bash', ['-c', `exec 2>&1\n${line}`], { netns, env });
    screen.output(output);
    return output;
  };
  return {
    asAdmin: (line) => type(lab.controlPlane.netns, line),
    onSwitch: (line) => type(lab.segment.netns, line),
    onClient: (line) => type(lab.client('c1').netns, line),
  };
}
