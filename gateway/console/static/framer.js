// Cuts the microphone's samples into what a phone sends: mu-law frames of 20 ms.

import { encodeFloat } from "./g711.js";
import { Resampler, TELEPHONE_RATE } from "./resampler.js";

/** Bytes, which are samples at 8 kHz: 20 ms. */
export const FRAME = 160;

export class Framer {
  #resampler;
  #frame = new Uint8Array(FRAME);
  #n = 0;

  constructor(sampleRate) {
    this.#resampler = new Resampler(sampleRate, TELEPHONE_RATE);
  }

  /** Take samples, -1 to 1, and hand every frame that is full to `onFrame`, which may keep it. */
  feed(samples, onFrame) {
    for (const sample of this.#resampler.feed(samples)) {
      this.#frame[this.#n++] = encodeFloat(sample);
      if (this.#n === FRAME) {
        onFrame(this.#frame);
        this.#frame = new Uint8Array(FRAME);
        this.#n = 0;
      }
    }
  }
}
