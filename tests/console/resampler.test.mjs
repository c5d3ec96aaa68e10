import assert from "node:assert/strict";
import { test } from "node:test";
import { FRAME, Framer } from "../../gateway/console/static/framer.js";
import { Resampler } from "../../gateway/console/static/resampler.js";

const RATES = [16_000, 44_100, 48_000, 96_000];

function sine(frequency, rate, seconds = 0.6) {
  return Float32Array.from({ length: rate * seconds }, (_, n) => Math.sin((2 * Math.PI * frequency * n) / rate));
}

/** Level in dB, against a full-scale sine, of one frequency in the settled part of a signal. */
function levelAt(signal, frequency, rate) {
  const settled = signal.slice(Math.round(rate * 0.05), Math.round(rate * 0.55)); // half a second: whole periods
  let [real, imaginary] = [0, 0];
  settled.forEach((sample, n) => {
    const window = 1 - Math.cos((2 * Math.PI * n) / settled.length);
    const angle = (2 * Math.PI * frequency * n) / rate;
    real += sample * window * Math.cos(angle);
    imaginary += sample * window * Math.sin(angle);
  });
  return 20 * Math.log10((2 * Math.hypot(real, imaginary)) / settled.length + 1e-12);
}

function upsampled(signal, rate) {
  const output = new Float32Array(Math.round((signal.length * rate) / 8000));
  let n = 0;
  new Resampler(8000, rate).pull(output, () => signal[n++] ?? 0);
  return output;
}

for (const rate of RATES) {
  test(`speech passes level from ${rate} Hz down to the telephone`, () => {
    for (const frequency of [300, 1000, 2000, 3400]) {
      const level = levelAt(new Resampler(rate, 8000).feed(sine(frequency, rate)), frequency, 8000);
      assert.ok(Math.abs(level) < 0.1, `${frequency} Hz: ${level} dB`);
    }
  });

  test(`what a telephone cannot carry does not come back as an alias from ${rate} Hz`, () => {
    for (const frequency of [4300, 5000, 6000, 7700]) {
      const level = levelAt(new Resampler(rate, 8000).feed(sine(frequency, rate)), 8000 - frequency, 8000);
      assert.ok(level < -60, `${frequency} Hz: ${level} dB`);
    }
  });

  test(`speech has no image at ${rate} Hz`, () => {
    for (const frequency of [300, 1000, 3000, 3400]) {
      const output = upsampled(sine(frequency, 8000), rate);
      assert.ok(Math.abs(levelAt(output, frequency, rate)) < 0.1);
      for (const image of [8000 - frequency, 8000 + frequency].filter((hertz) => hertz < rate / 2)) {
        const level = levelAt(output, image, rate);
        assert.ok(level < -60, `${frequency} Hz at ${image} Hz: ${level} dB`);
      }
    }
  });
}

test("a stream cut anywhere gives the same samples", () => {
  const signal = sine(1234, 44_100, 0.2);
  const whole = [...new Resampler(44_100, 8000).feed(signal)];
  const cut = new Resampler(44_100, 8000);
  const pieces = [];
  for (let start = 0, size = 1; start < signal.length; start += size, size = (size * 7) % 301) {
    pieces.push(...cut.feed(signal.subarray(start, start + size)));
    if (size === 0) size = 1;
  }
  assert.deepEqual(pieces, whole);
});

test("ten seconds of quanta are exactly ten seconds of frames", () => {
  for (const rate of RATES) {
    const framer = new Framer(rate);
    const quantum = new Float32Array(128);
    let [frames, bytes] = [0, 0];
    for (let n = 0; n < (rate * 10) / 128; n++) {
      framer.feed(quantum, (frame) => {
        frames++;
        bytes += frame.length;
      });
    }
    assert.ok(Math.abs(frames - 500) <= 1, `${rate} Hz: ${frames}`);
    assert.equal(bytes, frames * FRAME);
  }
});
