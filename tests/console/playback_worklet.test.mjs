import assert from "node:assert/strict";
import { test } from "node:test";

// What a worklet finds where it runs.
const registered = {};
globalThis.sampleRate = 8000; // the least work for ten minutes
globalThis.currentTime = 0;
globalThis.registerProcessor = (name, processor) => (registered[name] = processor);
globalThis.AudioWorkletProcessor = class {
  told = [];
  port = { postMessage: (message) => this.told.push(structuredClone(message)) };
};
await import("../../gateway/console/static/playback_worklet.js");
await import("../../gateway/console/static/capture_worklet.js");

const tell = (processor, data) => processor.port.onmessage({ data });
const outputs = [[new Float32Array(128)]];
const inputs = [[new Float32Array(128).fill(0.25)]];

function run(processor, quanta) {
  for (let n = 0; n < quanta; n++) {
    globalThis.currentTime += 128 / 8000;
    assert.equal(processor.process(inputs, outputs), true);
  }
}

const marks = ({ told }) => told.filter((message) => message.marks).map(({ marks, stream }) => [stream, ...marks]);

test("marks that a clear gives back bear the name of their stream, those of an earlier stream are not told", () => {
  const playback = new registered.playback();
  tell(playback, { stream: "MZ1" });
  for (const name of ["a", "b"]) {
    tell(playback, { payload: new Uint8Array(1600).fill(0x80) });
    tell(playback, { mark: name });
  }
  tell(playback, { clear: true });
  tell(playback, { payload: new Uint8Array(1600).fill(0x80) });
  tell(playback, { mark: "late" });
  tell(playback, { stream: "MZ2" });
  tell(playback, { mark: "c" });
  assert.deepEqual(marks(playback), [["MZ1", "a", "b"], ["MZ2", "c"]]);
});

test("sound of an earlier stream is not played in a later one", () => {
  const playback = new registered.playback();
  tell(playback, { stream: "MZ1" });
  tell(playback, { payload: new Uint8Array(8000).fill(0x80) });
  tell(playback, { stream: "MZ2" });
  run(playback, 100);
  assert.ok(outputs[0][0].every((sample) => sample === 0));
});

test("a call of ten minutes needs no more memory at its end than at its beginning", { skip: !globalThis.gc }, () => {
  const playback = new registered.playback();
  const capture = new registered.capture();
  tell(playback, { stream: "MZ1" });
  const used = [];
  for (let minute = 0; minute < 10; minute++) {
    for (let answer = 0; answer < 6; answer++) {
      for (let frame = 0; frame < 200; frame++) tell(playback, { payload: new Uint8Array(160).fill(0x80) });
      tell(playback, { mark: `${minute}.${answer}` });
      if (answer === 5) tell(playback, { clear: true });
      run(playback, 625);
      run(capture, 625);
      assert.ok(capture.told.length >= 495);
      playback.told.length = capture.told.length = 0; // the page has read them
    }
    globalThis.gc();
    used.push(process.memoryUsage().heapUsed + process.memoryUsage().arrayBuffers);
  }
  assert.ok(used.at(-1) - used[2] < 256 * 1024, String(used));
});

test("a worklet ends when it is closed", () => {
  for (const processor of [new registered.playback(), new registered.capture()]) {
    tell(processor, { close: true });
    assert.equal(processor.process(inputs, outputs), false);
  }
});
