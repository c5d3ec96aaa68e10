// How loud sound is, and when it begins and ends.

import { DECODE_FLOAT } from "./g711.js";

/** dBFS that a meter shows as nothing. */
export const FLOOR_DB = -60;
/** dBFS from which a frame counts as voice. */
const VOICE_DB = -42;
/** Frames of 20 ms without voice that make a pause. */
const PAUSE_FRAMES = 15;

/** RMS of mu-law, dBFS, not below the floor. */
export function frameLevel(payload) {
  let power = 0;
  for (const code of payload) power += DECODE_FLOAT[code] ** 2;
  return decibels(power / payload.length);
}

/** A mean square in dBFS, not below the floor. */
export function decibels(power) {
  return Math.max(FLOOR_DB, 10 * Math.log10(power + 1e-12));
}

/** Follows a speaker frame by frame. Times are seconds on the audio context's clock. */
export class Voice {
  #silentFrames = PAUSE_FRAMES;
  /** When the present or last talkspurt began; null if there was none. */
  beganAt = null;
  /** When the last frame with voice ended. */
  endedAt = null;

  /** Take the level of the frame that ends at `at`; true if a talkspurt begins with it. */
  feed(level, at) {
    if (level < VOICE_DB) {
      this.#silentFrames++;
      return false;
    }
    const begins = this.#silentFrames >= PAUSE_FRAMES;
    if (begins) this.beganAt = at - 0.02;
    this.endedAt = at;
    this.#silentFrames = 0;
    return begins;
  }
}
