import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

const program = join(import.meta.dirname, '../../bin/leasehold');
const folder = mkdtempSync(join(tmpdir(), 'leasehold-test-'));
after(() => rmSync(folder, { recursive: true }));

const WITHOUT_NET_RAW = ['setpriv', '--bounding-set=-net_raw', '--inh-caps=-net_raw'];
const agent = ['agent', '--node-name', 'n1'];
const refusal = process.getuid?.() === 0 ? false : 'needs root, as the agent does';

/** What the operator typed, and the one sentence that says what is wrong and what to do. */
const MISTAKES: readonly (readonly [string, readonly string[], RegExp])[] = [
  ['no command', [], /^Usage: leasehold /],
  ['an unknown command', ['agnet'], /^error: unknown command 'agnet'\n/],
  ['an unknown flag', [...agent, '--lnik-include', 'x'], /^error: unknown option '--lnik-include'/],
  ['no node name', ['agent'], /^error: required option '--node-name <name>' not specified\n/],
  ['an empty node name', ['agent', '--node-name', ''], /^error: option '--node-name <name>' /],
  [
    'an unknown profile',
    [...agent, '--profile', 'quick'],
    /^error: .*'quick' is invalid\. Allowed choices are calm, standard, fast-lease\.\n/,
  ],
  [
    'a bad regular expression',
    [...agent, '--link-include', 'eth('],
    /^error: .*'eth\(' is invalid\. It is not a regular expression\.\n/,
  ],
  [
    'a bad port',
    [...agent, '--metrics-port', '65536'],
    /A port is a whole number from 1 to 65535\.\n/,
  ],
  [
    'no kubeconfig outside of a pod',
    agent,
    /^leasehold: not running in a pod of a cluster: give --kubeconfig FILE\n$/,
  ],
  [
    'a kubeconfig that is not there',
    [...agent, '--kubeconfig', '/nowhere/config'],
    /^leasehold: cannot read the kubeconfig \/nowhere\/config: ENOENT.*readable file\n$/,
  ],
  [
    'a kubeconfig that is a folder',
    [...agent, '--kubeconfig', folder],
    /^leasehold: cannot read the kubeconfig .*: EISDIR.*readable file\n$/,
  ],
  [
    'a kubeconfig that is no YAML',
    [...agent, '--kubeconfig', file('broken', '{{{:')],
    /^leasehold: cannot read the kubeconfig .*; give --kubeconfig a readable file\n$/,
  ],
  [
    'a kubeconfig without a current context',
    [...agent, '--kubeconfig', file('empty', 'apiVersion: v1\nkind: Config\n')],
    /^leasehold: the kubeconfig .* has no usable current context .*kubectl config use-context`\n$/,
  ],
  [
    'the same for the controller',
    ['controller', '--kubeconfig', file('empty', 'apiVersion: v1\nkind: Config\n')],
    /^leasehold: the kubeconfig .* has no usable current context .*kubectl config use-context`\n$/,
  ],
];

for (const [what, args, sentence] of MISTAKES) {
  test(`${what}: one clear sentence and exit code 1`, { skip: refusal }, () => {
    refuses([program, ...args], sentence);
  });
}

test('without NET_RAW: one clear sentence and exit code 1', { skip: refusal }, () => {
  refuses(
    [...WITHOUT_NET_RAW, program, ...agent],
    /^leasehold: CAP_NET_RAW is missing: .*run it as root, or add NET_RAW to .*capabilities\n$/,
  );
});

test('health with no daemon: says so, exit code 1', { skip: refusal }, () => {
  const { status, stdout } = run([program, 'health', '--port', '1']);
  assert.equal(status, 1);
  assert.match(stdout, /^Cannot reach \/healthz at 127\.0\.0\.1 port 1: .*ECONNREFUSED/);
});

function refuses(line: readonly string[], sentence: RegExp): void {
  const { status, stderr, stdout } = run(line);
  assert.match(stderr, sentence);
  assert.equal(status, 1);
  assert.equal(stdout, '');
  assert.ok(!/\n\s+at .*:\d+/.test(stderr), `a stack trace is no sentence:\n${stderr}`);
}

function run([file = '', ...args]: readonly string[]) {
  const { KUBERNETES_SERVICE_HOST, ...env } = process.env;
  return spawnSync(file, args, { encoding: 'utf8', timeout: 20_000, env });
}

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}
