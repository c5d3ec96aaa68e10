// The caller's ear: plays what the gateway sends as Twilio would, in real time, and tells which marks were reached.

import { decibels } from "./loudness.js";
import { PlaybackQueue } from "./playback_queue.js";
import { Resampler, TELEPHONE_RATE } from "./resampler.js";

const AUDIBLE = 104 / 32768; // -50 dBFS: above an idle line's noise, below quiet speech
const REPORT_EVERY = Math.round(sampleRate / 128 / 20); // quanta: 50 ms
const PAUSE = 0.3; // seconds without sound after which sound is a new answer

class Playback extends AudioWorkletProcessor {
  #queue = new PlaybackQueue();
  #stream = null; // whose sound it is
  #resampler = new Resampler(TELEPHONE_RATE, sampleRate);
  #next = () => this.#queue.next();
  #open = true;
  #quanta = 0;
  #power = 0;
  #audibleSamples = 0;
  #audibleAt = -PAUSE;

  constructor() {
    super();
    this.port.onmessage = ({ data }) => this.#take(data);
  }

  #take(data) {
    if (data.stream) this.#begin(data.stream);
    if (data.payload && !this.#queue.play(data.payload)) this.port.postMessage({ overflow: true });
    if (data.mark) this.#queue.mark(data.mark);
    if (data.clear) {
      this.port.postMessage({ clearedAt: currentTime, unheard: this.#queue.queued });
      this.#queue.clear();
    }
    if (data.close) this.#open = false;
    this.#tellMarks();
  }

  /** Another stream: what the last one left behind is neither played nor told. */
  #begin(stream) {
    this.#queue.clear();
    this.#queue.takeReached();
    this.#stream = stream;
  }

  process(_inputs, outputs) {
    const output = outputs[0][0];
    this.#resampler.pull(output, this.#next);
    for (const sample of output) {
      this.#power += sample * sample;
      if (sample > AUDIBLE || sample < -AUDIBLE) this.#heard();
    }
    this.#tellMarks();
    if (++this.#quanta >= REPORT_EVERY) this.#report();
    return this.#open;
  }

  #heard() {
    if (currentTime - this.#audibleAt >= PAUSE) this.port.postMessage({ soundAt: currentTime });
    this.#audibleAt = currentTime;
    this.#audibleSamples++;
  }

  #tellMarks() {
    const marks = this.#queue.takeReached();
    if (marks.length > 0) this.port.postMessage({ marks, stream: this.#stream });
  }

  #report() {
    const level = decibels(this.#power / (this.#quanta * 128));
    this.port.postMessage({ level, audibleSamples: this.#audibleSamples });
    this.#quanta = this.#power = 0;
  }
}

registerProcessor("playback", Playback);
