import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openMetrics } from '../../src/sys/metrics.ts';

test('gauges and counters appear in the text with prefix and labels', async () => {
  const metrics = openMetrics();
  metrics.gauge({ name: 'vips', help: 'VIPs.', labels: ['phase'] }).set(3, { phase: 'owner' });
  const counter = metrics.counter({ name: 'frames_total', help: 'Frames.' });
  counter.add(2);
  counter.raiseTo(5);
  counter.raiseTo(4);
  const text = await metrics.text();
  assert.match(text, /^leasehold_vips\{phase="owner"\} 3$/m);
  assert.match(text, /^leasehold_frames_total 7$/m);
});

test('a label that follows the input cannot fill the memory', async () => {
  const metrics = openMetrics();
  const gauge = metrics.gauge({ name: 'x', help: 'X.', labels: ['of'] });
  for (let i = 0; i < 3000; i++) gauge.set(1, { of: String(i) });
  assert.equal((await metrics.text()).match(/^leasehold_x\{/gm)?.length, 2000);
  gauge.clear();
  gauge.set(1, { of: 'new' });
  assert.match(await metrics.text(), /of="new"/);
});
