// A few figures of the call, measured where the caller is: at the microphone and the loudspeaker. Pure.

import { Voice } from "./loudness.js";

/** Times are seconds on the audio context's clock; results whole milliseconds, null until there is one. */
export class Figures {
  #voice = new Voice();
  #answeredVoice = null; // the end of the talkspurt that has been answered
  answerMs = null;
  bargeInMs = null;

  /** Take a frame of the microphone's. */
  spoke(level, at) {
    this.#voice.feed(level, at);
  }

  /** Sound begins after a pause: an answer, if the caller has said something since the last one. */
  sounded(at) {
    const { endedAt } = this.#voice;
    if (endedAt === null || endedAt === this.#answeredVoice) return;
    this.#answeredVoice = endedAt;
    this.answerMs = Math.max(0, Math.round((at - endedAt) * 1000));
  }

  /** What was queued is gone: a barge-in, if the caller has just begun to speak. */
  cleared(at) {
    const { beganAt } = this.#voice;
    if (beganAt !== null) this.bargeInMs = Math.max(0, Math.round((at - beganAt) * 1000));
  }
}
