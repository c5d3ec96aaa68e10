// Streaming resampling between 8 kHz and an audio context's rate: a linear-phase polyphase FIR, 4 ms of delay.
// Pass band within 0.1 dB to 3.4 kHz, images and aliases below -60 dB from 4.3 kHz, whatever the two rates.

export const TELEPHONE_RATE = 8000;
const HALF_WIDTH = 0.004; // seconds
const CUTOFF_HZ = 3660;
const KAISER_BETA = 8;

function bessel0(x) {
  let sum = 1;
  let term = 1;
  for (let k = 1; k < 50; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

/** The low-pass's impulse response at `t` seconds from its middle, unscaled. */
function lowPass(t) {
  const place = t / HALF_WIDTH;
  if (Math.abs(place) >= 1) return 0;
  const x = 2 * CUTOFF_HZ * t;
  const sinc = x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
  return (sinc * bessel0(KAISER_BETA * Math.sqrt(1 - place * place))) / bessel0(KAISER_BETA);
}

function greatestCommonDivisor(a, b) {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

/** One stream, cut anywhere. Samples are floats; either push them through `feed` or draw them with `pull`. */
export class Resampler {
  #taps; // per phase
  #kernels; // one row of taps for each phase, oldest input first
  #history; // twice the taps, so that the newest ones always lie in one piece
  #at = 0;
  #phase = 0; // of the next output, in units of 1 / (up * input rate) after the newest input
  #up;
  #down;
  #output = new Float32Array(0);

  constructor(inputRate, outputRate) {
    const divisor = greatestCommonDivisor(inputRate, outputRate);
    this.#up = outputRate / divisor;
    this.#down = inputRate / divisor;
    this.#taps = Math.ceil(2 * HALF_WIDTH * inputRate) + 1;
    this.#history = new Float32Array(2 * this.#taps);
    this.#kernels = new Float32Array(this.#up * this.#taps);
    for (let phase = 0; phase < this.#up; phase++) this.#design(phase, inputRate);
  }

  #design(phase, inputRate) {
    const row = this.#kernels.subarray(phase * this.#taps, (phase + 1) * this.#taps);
    let sum = 0;
    for (let tap = 0; tap < this.#taps; tap++) {
      const age = this.#taps - 1 - tap + phase / this.#up; // inputs before the output's instant
      row[tap] = lowPass(age / inputRate - HALF_WIDTH);
      sum += row[tap];
    }
    for (let tap = 0; tap < this.#taps; tap++) row[tap] /= sum; // every phase passes a constant as it is
  }

  #push(sample) {
    this.#history[this.#at] = this.#history[this.#at + this.#taps] = sample;
    this.#at = (this.#at + 1) % this.#taps;
  }

  #value() {
    const start = this.#phase * this.#taps;
    let sum = 0;
    for (let tap = 0; tap < this.#taps; tap++) sum += this.#kernels[start + tap] * this.#history[this.#at + tap];
    return sum;
  }

  /** Convert the next samples. The result is valid until the next call. */
  feed(samples) {
    const most = Math.ceil((samples.length * this.#up) / this.#down) + 1;
    if (this.#output.length < most) this.#output = new Float32Array(most);
    let n = 0;
    for (const sample of samples) {
      this.#push(sample);
      for (; this.#phase < this.#up; this.#phase += this.#down) this.#output[n++] = this.#value();
      this.#phase -= this.#up;
    }
    return this.#output.subarray(0, n);
  }

  /** Fill `output`, asking `next` for one input sample whenever one is needed. */
  pull(output, next) {
    for (let i = 0; i < output.length; i++) {
      while (this.#phase >= this.#up) {
        this.#push(next());
        this.#phase -= this.#up;
      }
      output[i] = this.#value();
      this.#phase += this.#down;
    }
  }
}
