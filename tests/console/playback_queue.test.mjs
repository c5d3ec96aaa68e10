import assert from "node:assert/strict";
import { test } from "node:test";
import { DECODE_FLOAT } from "../../gateway/console/static/g711.js";
import { MAX_MARKS, MAX_QUEUED, PlaybackQueue } from "../../gateway/console/static/playback_queue.js";

const play = (queue, n) => Array.from({ length: n }, () => queue.next());

test("a mark comes back with the last sample before it, not earlier", () => {
  const queue = new PlaybackQueue();
  queue.play(new Uint8Array(10).fill(0x80));
  queue.mark("a");
  queue.play(new Uint8Array(5).fill(0x80));
  queue.mark("b");
  queue.mark("c");
  play(queue, 9);
  assert.deepEqual(queue.takeReached(), []);
  play(queue, 1);
  assert.deepEqual(queue.takeReached(), ["a"]);
  play(queue, 5);
  assert.deepEqual(queue.takeReached(), ["b", "c"]);
  assert.deepEqual(queue.takeReached(), []);
});

test("a mark on an empty queue comes back at once", () => {
  const queue = new PlaybackQueue();
  queue.mark("a");
  assert.deepEqual(queue.takeReached(), ["a"]);
});

test("a clear silences at once and gives back every outstanding mark, in order and once", () => {
  const queue = new PlaybackQueue();
  for (const name of ["a", "b", "c"]) {
    queue.play(new Uint8Array(8).fill(0x80));
    queue.mark(name);
  }
  play(queue, 8);
  queue.clear();
  assert.deepEqual(queue.takeReached(), ["a", "b", "c"]);
  assert.deepEqual([queue.queued, ...play(queue, 2)], [0, 0, 0]);
  queue.play(new Uint8Array([0x80]));
  queue.mark("d");
  assert.equal(queue.next(), DECODE_FLOAT[0x80]);
  assert.deepEqual(queue.takeReached(), ["d"]);
});

test("no more than Twilio's ten minutes are queued", () => {
  const queue = new PlaybackQueue();
  assert.equal(queue.play(new Uint8Array(MAX_QUEUED)), true);
  assert.equal(queue.play(new Uint8Array(1)), false);
  assert.equal(queue.queued, MAX_QUEUED);
});

test("marks are bounded too, and room comes back", () => {
  const queue = new PlaybackQueue();
  queue.play(new Uint8Array(1));
  for (let n = 0; n < MAX_MARKS; n++) assert.equal(queue.mark(String(n)), true);
  assert.equal(queue.mark("one too many"), false);
  queue.next();
  assert.equal(queue.takeReached().length, MAX_MARKS);
  queue.play(new Uint8Array(1));
  assert.equal(queue.mark("again"), true);
});

test("samples come out in order over thousands of chunks", () => {
  const queue = new PlaybackQueue();
  let expected = 0;
  for (let n = 0; n < 5000; n++) {
    queue.play(new Uint8Array([n % 256, (n + 1) % 256]));
    if (n < 10) continue;
    for (const offset of [0, 1]) assert.equal(queue.next(), DECODE_FLOAT[(expected + offset) % 256]);
    expected++;
  }
});
