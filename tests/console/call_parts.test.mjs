import assert from "node:assert/strict";
import { test } from "node:test";
import { Figures } from "../../gateway/console/static/figures.js";
import { splitHeard } from "../../gateway/console/static/heard.js";
import { frameLevel } from "../../gateway/console/static/loudness.js";
import { fromBase64, StreamMessages, toBase64 } from "../../gateway/console/static/stream_messages.js";

test("messages are numbered after the start message, and their numbers are strings", () => {
  const messages = new StreamMessages("MZ1");
  const texts = [messages.media(new Uint8Array([0xff, 0x00]), 0), messages.mark("m"), messages.dtmf("#")];
  const [media, mark, dtmf] = texts.map((text) => JSON.parse(text));
  assert.deepEqual(media, {
    event: "media",
    sequenceNumber: "2",
    media: { track: "inbound", chunk: "1", timestamp: "0", payload: "/wA=" },
    streamSid: "MZ1",
  });
  assert.deepEqual(mark, { event: "mark", sequenceNumber: "3", mark: { name: "m" }, streamSid: "MZ1" });
  assert.deepEqual(dtmf.dtmf, { track: "inbound_track", digit: "#" });
});

test("a frame that was lost leaves a hole in the timestamps alone", () => {
  const { media, sequenceNumber } = JSON.parse(new StreamMessages("MZ1").media(new Uint8Array(1), 5));
  assert.deepEqual([media.timestamp, media.chunk, sequenceNumber], ["100", "1", "2"]);
});

test("base64 goes both ways for every byte", () => {
  const bytes = Uint8Array.from({ length: 256 }, (_, n) => n);
  assert.deepEqual(fromBase64(toBase64(bytes)), bytes);
});

test("words are split behind those that were heard", () => {
  assert.deepEqual(splitHeard("one two three four", "one two"), { heard: "one two", unheard: "three four" });
  assert.deepEqual(splitHeard("one two", ""), { heard: "", unheard: "one two" });
  assert.deepEqual(splitHeard("one two", "one two"), { heard: "one two", unheard: "" });
  assert.deepEqual(splitHeard("one  two ", "one  two "), { heard: "one  two", unheard: "" });
});

test("words that the gateway tells otherwise than the agent's are taken to be heard", () => {
  assert.deepEqual(splitHeard("one two", "two"), { heard: "one two", unheard: "" });
});

test("silence is at the floor and full scale near the top", () => {
  assert.equal(frameLevel(new Uint8Array(160).fill(0xff)), -60);
  assert.ok(frameLevel(new Uint8Array(160).fill(0x80)) > -1);
});

test("an answer is timed from the caller's last voiced frame, and once", () => {
  const figures = new Figures();
  figures.sounded(0.5); // a greeting answers nobody
  assert.equal(figures.answerMs, null);
  figures.spoke(-20, 1.0);
  figures.spoke(-60, 1.02);
  figures.sounded(1.75);
  assert.equal(figures.answerMs, 750);
  figures.sounded(9);
  assert.equal(figures.answerMs, 750);
});

test("a barge-in is timed from the caller's first voiced frame after a pause", () => {
  const figures = new Figures();
  for (let n = 0; n < 30; n++) figures.spoke(-60, n * 0.02);
  figures.spoke(-20, 1.02);
  figures.spoke(-20, 1.04);
  figures.cleared(1.3);
  assert.equal(figures.bargeInMs, 300);
});
