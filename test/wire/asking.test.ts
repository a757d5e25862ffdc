import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FOREVER } from '../../src/instant.ts';
import { isAnswer, nextQuestion, noAsking, takeQuestions } from '../../src/wire/asking.ts';
import { listen, openEar } from '../../src/wire/ear.ts';
import { at, beat, SETTINGS, START } from './witness-words.ts';

const PEER = { node: 'peer', addresses: ['192.0.2.12'] };

/** Of a wire that has heard `peer` at 100 ms for the last time, and is to ask for it. */
function silence() {
  const ear = openEar(SETTINGS, START);
  listen(ear, beat(0, undefined), at(0));
  listen(ear, beat(100, 50), at(100));
  const asking = noAsking();
  asking.neighbours = [PEER];
  return { ear, asking };
}

test('4.4.1: a peer of which a beat is missing is asked for, then every beat', () => {
  const { ear, asking } = silence();
  assert.deepEqual(takeQuestions(asking, ear, at(224)), []);
  assert.equal(nextQuestion(asking, ear), at(225), 'a beat of 100 ms and 25 ms after the last');
  assert.deepEqual(takeQuestions(asking, ear, at(225)), [PEER]);
  assert.deepEqual(takeQuestions(asking, ear, at(324)), []);
  assert.equal(nextQuestion(asking, ear), at(325));
  assert.deepEqual(takeQuestions(asking, ear, at(325)), [PEER]);
});

test('nobody is asked for who is heard, was never heard, or is silent for 5 s', () => {
  const { ear, asking } = silence();
  assert.deepEqual(takeQuestions(asking, ear, at(5100)), []);
  assert.equal(isAnswer(asking, at(5101)), false);
  assert.equal(nextQuestion(asking, ear), FOREVER);
  asking.askedAt = at(0);
  asking.neighbours = [{ node: 'stranger', addresses: [] }];
  assert.equal(nextQuestion(asking, ear), FOREVER);
  asking.neighbours = [];
  assert.equal(nextQuestion(asking, ear), FOREVER);
});

test('the first frame after a question is its answer; one from before is none', () => {
  const { ear, asking } = silence();
  assert.equal(isAnswer(asking, at(320)), false, 'nobody has asked');
  takeQuestions(asking, ear, at(325));
  assert.equal(isAnswer(asking, at(300)), false);
  assert.equal(isAnswer(asking, at(326)), true);
  assert.equal(isAnswer(asking, at(327)), false, 'the agent knows already');
});
