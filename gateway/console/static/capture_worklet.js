// The caller's mouth: microphone in, frames of 20 ms out, on the audio device's own clock.

import { Framer } from "./framer.js";
import { frameLevel } from "./loudness.js";

const QUANTUM = new Float32Array(128); // silence, for a microphone that gives nothing

class Capture extends AudioWorkletProcessor {
  #framer = new Framer(sampleRate);
  #open = true;

  constructor() {
    super();
    this.port.onmessage = () => (this.#open = false);
  }

  process(inputs) {
    const samples = inputs[0][0] ?? QUANTUM;
    this.#framer.feed(samples, (frame) => {
      this.port.postMessage({ level: frameLevel(frame), at: currentTime, frame }, [frame.buffer]);
    });
    return this.#open;
  }
}

registerProcessor("capture", Capture);
