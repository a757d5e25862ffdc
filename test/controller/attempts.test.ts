import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failed, isDue, isSettled, succeeded } from '../../src/controller/attempts.ts';
import type { StatusWrite } from '../../src/controller/plan.ts';
import { instant } from '../../src/instant.ts';
import type { Service } from '../../src/model.ts';

const write: StatusWrite = {
  service: 'default/a',
  resourceVersion: '7',
  vip: '192.0.2.1',
  reason: '',
};

function at(resourceVersion: string): Service {
  return {
    namespace: 'default',
    name: 'a',
    uid: 'u',
    created: '',
    resourceVersion,
    type: 'LoadBalancer',
    deleting: false,
    loadBalancerClass: undefined,
    externalTrafficPolicy: 'Cluster',
    ipFamilies: [],
    clusterIps: [],
    ingress: [],
    sharingKey: undefined,
  };
}

test('a write that succeeded is waited for until its revision is seen, and not sent again', () => {
  const attempt = succeeded(write, 9n);
  assert.equal(isSettled(attempt, at('8')), false);
  assert.equal(isDue(attempt, instant(1e9)), false);
  assert.equal(isSettled(attempt, at('9')), true);
});

test('a write of unknown fate reserves its address until the Service is past its base', () => {
  const attempt = failed(write, undefined, instant(0));
  assert.equal(isSettled(attempt, at('7')), false);
  assert.equal(isSettled(attempt, at('8')), true);
});

test('an attempt is settled when its Service is gone: the address is free', () => {
  assert.equal(isSettled(failed(write, undefined, instant(0)), undefined), true);
});

test('failures in a row wait twice as long each, up to a minute', () => {
  let attempt = failed(write, undefined, instant(0));
  assert.equal(isDue(attempt, instant(99)), false);
  assert.equal(isDue(attempt, instant(100)), true);
  attempt = failed(write, attempt, instant(0));
  assert.equal(isDue(attempt, instant(199)), false);
  for (let n = 0; n < 40; n += 1) attempt = failed(write, attempt, instant(0));
  assert.equal(attempt.notBefore, 60_000);
});
