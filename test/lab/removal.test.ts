import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { labRefusal } from './refusal.ts';
import { run } from './run.ts';
import { until } from './until.ts';

const skip = labRefusal() ?? false;
const ownNetns = async () => (await run('ip', ['-o', 'link'])).length;

/** A process that makes a lab of one node, prints its id, and then does what `ending` says. */
async function labIn(ending: string) {
  const module = join(import.meta.dirname, 'lab.ts');
  const script = `
    import { startLab } from ${JSON.stringify(module)};
    const lab = await startLab({ nodes: 1 });
    console.log(lab.id);
    ${ending}`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
  const [first] = (await once(child.stdout, 'data')) as [Buffer];
  const id = first.toString().trim();
  assert.match(id, /^lh[0-9a-f]{5}$/);
  return { child, id, exited: once(child, 'exit') };
}

/** What is still there of a lab, by the names that only it uses. */
async function remains(id: string): Promise<string[]> {
  const spaces = (await run('ip', ['netns', 'list']))
    .split('\n')
    .filter((line) => line.includes(id));
  const folders = [`/dev/shm/${id}`, `/tmp/leasehold-labs/${id}.state`].filter(existsSync);
  const processes = (await run('ps', ['-eo', 'pid,args']))
    .split('\n')
    .filter((line) => line.includes(id));
  return [...spaces, ...folders, ...processes];
}

const endings = [
  { name: 'is disposed of', ending: 'await lab[Symbol.asyncDispose]();', kill: undefined },
  { name: 'is interrupted with Ctrl-C', ending: 'setInterval(() => {}, 1000);', kill: 'SIGINT' },
  { name: 'is killed', ending: 'setInterval(() => {}, 1000);', kill: 'SIGKILL' },
] as const;

for (const { name, ending, kill } of endings) {
  test(`a lab leaves nothing behind when it ${name}`, { skip }, async () => {
    const links = await ownNetns();
    const { child, id, exited } = await labIn(ending);
    // Ctrl-C reaches the whole process group of the terminal.
    if (kill !== undefined) process.kill(-(child.pid ?? Number.NaN), kill);
    await exited;
    await until(`nothing of ${id} is left`, async () => (await remains(id)).length === 0, {
      timeout: 15_000,
    });
    assert.equal(await ownNetns(), links, "the machine's own links are as before");
  });
}

test('a lab whose reaper was killed too is removed by the next lab', { skip }, async () => {
  const { child, id, exited } = await labIn('setInterval(() => {}, 1000);');
  const reaper = (await run('ps', ['-eo', 'pid,args']))
    .split('\n')
    .find((line) => line.includes(`reaper.sh`) && line.includes(id));
  process.kill(Number(reaper?.trim().split(' ')[0]), 'SIGKILL');
  child.kill('SIGKILL');
  await exited;
  assert.notEqual((await remains(id)).length, 0);
  const next = await labIn('await lab[Symbol.asyncDispose]();');
  await next.exited;
  assert.deepEqual(await remains(id), []);
});
