// One call: microphone, loudspeaker and line joined.

import { Figures } from "./figures.js";
import { Line } from "./line.js";
import { openMicrophone, Sound, SoundError } from "./sound.js";

/**
 * Fires, as CustomEvents: `ringing`, `answered` (set-up ms), `input` and `output` (dBFS), `conversation`, `notice`,
 * `figures`, `audible` (samples so far), `cleared`, and last `over`.
 */
export class Call extends EventTarget {
  #microphone = null;
  #sound = null;
  #line = null;
  #over = false;
  #figures = new Figures();

  /** Make the call; returns once it rings, or is over already. */
  async start(lineUrl, microphoneSettings) {
    try {
      this.#microphone = await openMicrophone(microphoneSettings);
      if (this.#over) return this.#release();
      this.#sound = await Sound.open(this.#microphone, (told) => this.#captured(told), (told) => this.#played(told));
      if (this.#over) return this.#release();
      this.#sound.onMicrophoneLost(() => this.#fail("The microphone went away. Plug it in again, then call again."));
      this.#open(lineUrl);
    } catch (error) {
      if (!(error instanceof SoundError)) console.error(error);
      this.#fail(error instanceof SoundError ? error.message : `The call could not be made (${error.message}). Reload the page.`);
    }
  }

  #open(lineUrl) {
    const line = (this.#line = new Line(lineUrl));
    const on = (name, listener) => line.addEventListener(name, ({ detail }) => listener(detail));
    on("ringing", () => this.#fire("ringing"));
    on("answered", ({ setUpMs, streamSid }) => {
      this.#sound.begin(streamSid);
      this.#fire("answered", setUpMs);
    });
    on("audio", (payload) => this.#sound.play(payload));
    on("mark", (name) => this.#sound.mark(name));
    on("clear", () => this.#sound.clear());
    on("conversation", (event) => this.#fire("conversation", event));
    on("notice", ({ text }) => this.#fire("notice", text));
    on("over", (outcome) => this.#finish(outcome));
  }

  /** Press a key. */
  press(digit) {
    if (this.#line?.press(digit)) this.#sound.tone(digit);
  }

  hangUp() {
    if (this.#line) this.#line.hangUp();
    else this.#finish({ text: "You hung up.", by: "caller", failed: false, faults: {} });
  }

  #captured({ level, at, frame }) {
    if (this.#over) return;
    this.#figures.spoke(level, at);
    this.#fire("input", level);
    this.#line?.sendFrame(frame);
  }

  #played(told) {
    if (this.#over) return;
    if (told.marks) for (const name of told.marks) this.#line?.echoMark(name, told.stream);
    if (told.unheard > 0) {
      this.#figures.cleared(told.clearedAt);
      this.#fire("cleared");
    }
    if (told.soundAt !== undefined) this.#figures.sounded(told.soundAt);
    if (told.overflow) this.#fire("notice", "More than ten minutes were queued; Twilio would throw the rest away.");
    if (told.level !== undefined) {
      this.#fire("output", told.level);
      this.#fire("audible", told.audibleSamples);
    } else this.#fire("figures", this.#figures);
  }

  #fail(text) {
    this.#finish({ text, by: "caller", failed: true, faults: {} }); // first, for the line would say that we hung up
    this.#line?.hangUp();
  }

  #finish(outcome) {
    if (this.#over) return;
    this.#over = true;
    this.#release();
    this.#fire("over", outcome);
  }

  #release() {
    if (this.#sound) this.#sound.close();
    else for (const track of this.#microphone?.getTracks() ?? []) track.stop();
  }

  #fire(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
