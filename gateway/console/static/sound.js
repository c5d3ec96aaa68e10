// Microphone and loudspeaker: opens both, and says in plain words what keeps them from working.

const CLOCK_TIMEOUT = 3000; // ms for the audio device to start
const DTMF_LOW = [697, 770, 852, 941]; // Hz, ITU-T Q.23
const DTMF_HIGH = [1209, 1336, 1477];
const KEYS = "123456789*0#";
const TONE = 0.15; // seconds

/** Why there is no sound, as a sentence that says what to do. */
export class SoundError extends Error {}

const MICROPHONE = {
  NotAllowedError: "The microphone was refused. Allow it for this page in the address bar, then call again.",
  NotFoundError: "No microphone was found. Plug one in, then call again.",
  NotReadableError: "The microphone cannot be opened; perhaps another program has it. Close that, then call again.",
};

/** Ask for the microphone. */
export async function openMicrophone({ echoCancellation, noiseSuppression }) {
  if (!navigator.mediaDevices) {
    throw new SoundError("This address may not use the microphone. Open the page at 127.0.0.1 instead.");
  }
  try {
    const audio = { echoCancellation, noiseSuppression, autoGainControl: noiseSuppression, channelCount: 1 };
    return await navigator.mediaDevices.getUserMedia({ audio });
  } catch (error) {
    const sentence = MICROPHONE[error.name];
    throw new SoundError(sentence ?? `The microphone cannot be used (${error.name}). Try another one, then call again.`);
  }
}

/** An open microphone and loudspeaker. `onCapture` and `onPlayback` get what the two worklets tell. */
export class Sound {
  #context;
  #microphone;
  #capture;
  #playback;

  static async open(microphone, onCapture, onPlayback) {
    const sound = new Sound(microphone);
    try {
      await sound.#start(onCapture, onPlayback);
    } catch (error) {
      sound.close();
      throw error;
    }
    return sound;
  }

  constructor(microphone) {
    this.#microphone = microphone;
    // The rate is the device's own: Firefox joins no microphone of one rate to a context of another.
    this.#context = new AudioContext({ latencyHint: "interactive" });
  }

  async #start(onCapture, onPlayback) {
    const context = this.#context;
    await this.#loadWorklets();
    await this.#waitForClock();
    this.#capture = new AudioWorkletNode(context, "capture", { channelCount: 1, channelCountMode: "explicit" });
    this.#playback = new AudioWorkletNode(context, "playback", { numberOfInputs: 0, outputChannelCount: [1] });
    this.#capture.port.onmessage = ({ data }) => onCapture(data);
    this.#playback.port.onmessage = ({ data }) => onPlayback(data);
    // A device that goes, or a telephone call, may suspend sound: the page goes on as soon as it can.
    context.onstatechange = () => {
      if (context.state !== "closed") context.resume().catch(() => {});
    };
    context.createMediaStreamSource(this.#microphone).connect(this.#capture);
    this.#capture.connect(context.destination); // silent, but it is what keeps the node running
    this.#playback.connect(context.destination);
  }

  async #loadWorklets() {
    const modules = ["capture_worklet.js", "playback_worklet.js"].map((name) => new URL(name, import.meta.url));
    try {
      await Promise.all(modules.map((url) => this.#context.audioWorklet.addModule(url)));
    } catch (error) {
      console.warn(error);
      throw new SoundError("The gateway does not answer. See whether gateway demo is still running, then call again.");
    }
  }

  /** A context may say that it runs although no device turns its clock. */
  async #waitForClock() {
    const context = this.#context;
    context.resume().catch(() => {}); // what matters is whether time passes
    const deadline = performance.now() + CLOCK_TIMEOUT;
    while (context.currentTime === 0) {
      if (performance.now() > deadline) {
        throw new SoundError("There is no sound device, or the browser blocks sound here. Check both, then call again.");
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Told once the microphone goes away by itself. */
  onMicrophoneLost(callback) {
    for (const track of this.#microphone.getTracks()) track.onended = callback;
  }

  /** Play another stream from now on; its name comes back with its marks. */
  begin(stream) {
    this.#playback.port.postMessage({ stream });
  }

  play(payload) {
    this.#playback.port.postMessage({ payload }, [payload.buffer]);
  }

  mark(name) {
    this.#playback.port.postMessage({ mark: name });
  }

  clear() {
    this.#playback.port.postMessage({ clear: true });
  }

  /** Sound a key's two tones. */
  tone(digit) {
    const place = KEYS.indexOf(digit);
    const gain = new GainNode(this.#context, { gain: 0.08 });
    gain.connect(this.#context.destination);
    for (const frequency of [DTMF_LOW[Math.floor(place / 3)], DTMF_HIGH[place % 3]]) {
      const tone = new OscillatorNode(this.#context, { frequency });
      tone.connect(gain);
      tone.start();
      tone.stop(this.#context.currentTime + TONE);
    }
  }

  close() {
    for (const node of [this.#capture, this.#playback]) node?.port.postMessage({ close: true });
    for (const track of this.#microphone.getTracks()) {
      track.onended = null;
      track.stop();
    }
    this.#context.onstatechange = null;
    this.#context.close().catch(() => {}); // closed already
  }
}
