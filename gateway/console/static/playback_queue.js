// Twilio's playback buffer: plays in order, gives marks back when they are reached, at once on an empty queue and on
// a clear. Twilio, "Media Streams - WebSocket Messages".

import { DECODE_FLOAT } from "./g711.js";

/** Samples at 8 kHz: the ten minutes that Twilio queues. */
export const MAX_QUEUED = 600 * 8000;
/** Marks that may be outstanding. */
export const MAX_MARKS = 10_000;

export class PlaybackQueue {
  #entries = []; // Uint8Array of mu-law, or a mark's name
  #head = 0;
  #offset = 0; // in the entry at the head
  #marks = 0;
  #reached = [];
  /** Samples that have not been played. */
  queued = 0;

  /** Queue mu-law; false if the queue is full and it was thrown away. */
  play(payload) {
    if (this.queued + payload.length > MAX_QUEUED) return false;
    if (payload.length > 0) this.#entries.push(payload);
    this.queued += payload.length;
    return true;
  }

  /** Have a name come back once what is queued so far was played; false if there are too many. */
  mark(name) {
    if (this.#marks >= MAX_MARKS) return false;
    if (this.queued === 0) this.#reached.push(name);
    else {
      this.#entries.push(name);
      this.#marks++;
    }
    return true;
  }

  /** Throw away what was not played; every outstanding mark is reached. */
  clear() {
    for (const entry of this.#entries.slice(this.#head)) if (typeof entry === "string") this.#reached.push(entry);
    this.#entries = [];
    this.#head = this.#offset = this.#marks = this.queued = 0;
  }

  /** The marks reached since the last time. */
  takeReached() {
    if (this.#reached.length === 0) return this.#reached;
    return this.#reached.splice(0);
  }

  /** The next sample, -1 to 1; silence if there is none. */
  next() {
    if (this.queued === 0) return 0;
    const payload = this.#entries[this.#head];
    const sample = DECODE_FLOAT[payload[this.#offset++]];
    this.queued--;
    if (this.#offset === payload.length) this.#advance();
    return sample;
  }

  /** Leave the entry at the head, and every mark that comes after it. */
  #advance() {
    this.#offset = 0;
    this.#head++;
    while (typeof this.#entries[this.#head] === "string") {
      this.#reached.push(this.#entries[this.#head++]);
      this.#marks--;
    }
    if (this.#head > 1000 || this.queued === 0) {
      this.#entries.splice(0, this.#head);
      this.#head = 0;
    }
  }
}
