import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { labRefusal } from '../lab/refusal.ts';
import { until } from '../lab/until.ts';

const root = join(import.meta.dirname, '../..');
const skip = labRefusal() ?? false;
const VIP = '192.0.2.240';

/** What a reader of the demo has to find, in this order. */
const ESSENTIAL: readonly RegExp[] = [
  /^\$ kubectl apply --validate=strict -f test\/demo\/web\.yaml$/m,
  /^service\/web created$/m,
  /^\$ kubectl get svc web$/m,
  /^web +LoadBalancer +\S+ +192\.0\.2\.240 /m,
  /^\$ arping -c 2 -I data0 192\.0\.2\.240$/m,
  /^(02:00:00:00:00:0\d) is data0 of (n\d)\.$/m,
  /^Answered: .* by b\d on n\d, /m,
  /power off: n\d, the owner$/m,
  /^ +\d+ ms {2}n\d announces 192\.0\.2\.240 at 02:00:00:00:00:0\d$/m,
  /^ +\d+ ms {2}UDP through 192\.0\.2\.240 is answered again$/m,
  /^\[\{"reason":"n\d is dead","from":"n\d","vips":\["192\.0\.2\.240"\]\}\]$/m,
  /"msg":"192\.0\.2\.240 goes from n\d to n\d: n\d is dead"/,
  /^(02:00:00:00:00:0\d) is data0 of (n\d)\.$/m,
  /^[\d:.]+ n\d .* Request who-has 192\.0\.2\.240 tell 192\.0\.2\.240, length 28$/m,
  /^[\d:.]+ n\d .* Reply 192\.0\.2\.240 is-at 02:00:00:00:00:0\d, length 28$/m,
  /^answered by two MACs +0 {2}0$/m,
  /^longest unanswered stretch, ARP +\d+ ms {2}<= 3300 ms$/m,
];

test('scripts/demo shows a failover within 60 s and removes everything', { skip }, async (t) => {
  const demo = start([]);
  assert.equal(await demo.exitCode, 0, demo.output());
  const output = demo.output();
  const rest = ESSENTIAL.reduce((text, line) => after(text, line), output);
  assert.match(rest, /^Everything is removed\.$/m);
  const seconds = Number(/^The demo took ([\d.]+) s\./m.exec(rest)?.[1]);
  assert.ok(seconds < 60, `it took ${seconds} s`);
  const owners = [...output.matchAll(/is data0 of (n\d)\.$/gm)].map(([, name]) => name);
  assert.equal(new Set(owners).size, 2, `the owners: ${owners.join(', ')}`);
  assert.deepEqual(namespacesOf(labIn(output)), []);
  assert.ok(!output.includes('\u001b'), 'colours, though this is no terminal');
  t.diagnostic(`the demo took ${seconds} s`);
});

test('scripts/demo removes everything when Ctrl-C comes in the middle', { skip }, async () => {
  const demo = start([]);
  await until('the demo installs', () => / install: /.test(demo.output()), { timeout: 60_000 });
  const [lab = ''] = labsOf(demo.child.pid);
  assert.notDeepEqual(namespacesOf(lab), []);
  demo.child.kill('SIGINT');
  assert.equal(await demo.exitCode, 130);
  assert.match(
    demo.output(),
    /^Interrupted: removing everything \.\.\.\nEverything is removed\.$/m,
  );
});

test('scripts/demo --keep leaves the VIP reachable until scripts/demo --remove', {
  skip,
}, async () => {
  const kept = start(['--keep']);
  let answer = '';
  let removal: Demo | undefined;
  try {
    assert.equal(await kept.exitCode, 0, kept.output());
    const client = `${labIn(kept.output())}-c1`;
    answer = await shell(`ip netns exec ${client} curl -sS --max-time 2 http://${VIP}/`);
  } finally {
    removal = start(['--remove']);
    await removal.exitCode;
  }
  assert.match(answer, /^b\d n\d\n$/);
  assert.match(removal.output(), /^Removed: 1$/m);
  assert.deepEqual(namespacesOf(labIn(kept.output())), []);
});

test('scripts/demo refuses a flag that it does not know and names it', { skip }, async () => {
  const demo = start(['--frobnicate']);
  assert.equal(await demo.exitCode, 1);
  assert.match(demo.output(), /Unknown option '--frobnicate'/);
});

interface Demo {
  readonly child: ChildProcess;
  readonly exitCode: Promise<number | null>;
  /** What it has printed so far. */
  output(): string;
}

function start(args: readonly string[]): Demo {
  const child = spawn(join(root, 'scripts/demo'), args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (part: string) => {
      text += part;
    });
  }
  const exitCode = once(child, 'close').then(() => child.exitCode);
  return { child, exitCode, output: () => text };
}

async function shell(line: string): Promise<string> {
  const child = spawn('bash', ['-c', line], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    text += part;
  });
  await once(child, 'close');
  return text;
}

/** What follows the first match; fails, showing the text, if there is none. */
function after(text: string, line: RegExp): string {
  const match = line.exec(text);
  assert.ok(match !== null, `${line} is not in what follows:\n${text}`);
  return text.slice(match.index + match[0].length);
}

/** The lab's name, as the path of the capture tells it. */
function labIn(output: string): string {
  const [, lab] = /(lh[0-9a-f]{5})\/segment\.pcap/.exec(output) ?? [];
  assert.ok(lab !== undefined, `no lab is named in:\n${output}`);
  return lab;
}

/** The labs that a process runs, as their records say. */
function labsOf(pid: number | undefined): string[] {
  const records = join(tmpdir(), 'leasehold-labs');
  return readdirSync(records)
    .filter((file) => readFileSync(join(records, file), 'utf8').startsWith(`parent ${pid} `))
    .map((file) => file.replace('.state', ''));
}

function namespacesOf(lab: string): string[] {
  return readdirSync('/run/netns').filter((name) => name.startsWith(lab));
}
