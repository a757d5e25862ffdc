import { execFileSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';

export type Program =
  | 'etcd'
  | 'kube-apiserver'
  | 'kube-controller-manager'
  | 'kube-proxy'
  | 'kubectl';

const locator = join(import.meta.dirname, '../../scripts/lib/control-plane');
let built: string | undefined;

/**
 * Path of a control-plane program: in KUBEBUILDER_ASSETS if set and there, else in our own build.
 */
export function asset(program: Program): string {
  const given = process.env['KUBEBUILDER_ASSETS'];
  if (given !== undefined && given !== '') {
    const path = join(given, program);
    if (isProgram(path)) return path;
  }
  built ??= execFileSync(locator, ['path'], { encoding: 'utf8' }).trim();
  const path = join(built, program);
  if (!isProgram(path)) throw new Error(`there is no ${path}: run scripts/setup, which builds it`);
  return path;
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
