/** Run by links.test.ts inside of a namespace that has nothing but `lo`. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import type { Link } from '../../src/model.ts';
import { systemClock } from '../../src/sys/clock.ts';
import { scanLinks } from '../../src/sys/link-scan.ts';
import { watchLinks } from '../../src/sys/links.ts';
import { openLog } from '../../src/sys/log.ts';

const ip = (...words: string[]) => execFileSync('ip', words);
const watch = await watchLinks({ clock: systemClock(), log: openLog('error') });
let changes = 0;
watch.onChange(() => {
  changes += 1;
});

/** Resolves when a link looks as expected; well before the poll, so that it was netlink that told. */
async function until(name: string, expected: (link: Link | undefined) => boolean): Promise<void> {
  const start = performance.now();
  const link = () => watch.links().find((one) => one.name === name);
  while (!expected(link())) {
    assert.ok(performance.now() - start < 1000, `${name} is ${JSON.stringify(link())}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert.deepEqual(watch.links(), scanLinks());
}

assert.deepEqual(watch.links(), []);
ip('link', 'add', 'a0', 'type', 'veth', 'peer', 'name', 'b0');
await until('a0', (link) => link?.up === false);
ip('link', 'set', 'a0', 'up');
await until('a0', (link) => link?.up === true && !link.carrier);
ip('link', 'set', 'b0', 'up');
await until('a0', (link) => link?.carrier === true);
ip('addr', 'add', '192.0.2.9/28', 'dev', 'a0');
await until('a0', (link) => link?.subnets.join() === '192.0.2.0/28');
ip('addr', 'add', '2001:db8::9/64', 'dev', 'a0', 'nodad');
await until('a0', (link) => link?.subnets.join() === '192.0.2.0/28,2001:db8::/64');
await until('a0', (link) => link?.addresses.join() === '192.0.2.9,2001:db8::9');
ip('link', 'set', 'a0', 'address', '02:00:00:00:00:77');
await until('a0', (link) => link?.mac === '02:00:00:00:00:77');
ip('link', 'add', 'br0', 'type', 'bridge');
ip('link', 'set', 'a0', 'master', 'br0');
await until('a0', (link) => link?.master !== undefined);
ip('link', 'del', 'a0');
await until('a0', (link) => link === undefined);
assert.ok(changes >= 7);
watch.close();
process.exit(0);
