// A level meter, for eyes and for screen readers.

import { FLOOR_DB } from "./loudness.js";

const TELL_EVERY = 250; // ms between changes that a screen reader could notice

export class Meter {
  #element;
  #toldAt = 0;

  constructor(element) {
    this.#element = element;
  }

  /** Show a level in dBFS. */
  show(level) {
    this.#element.firstElementChild.style.setProperty("--level", 1 - level / FLOOR_DB);
    const now = performance.now();
    if (now - this.#toldAt < TELL_EVERY && level > FLOOR_DB) return;
    this.#toldAt = now;
    this.#element.ariaValueNow = String(Math.round(level));
    this.#element.ariaValueText = level > FLOOR_DB ? `${Math.round(level)} decibels` : "silent";
  }
}
