// The line to the gateway: one WebSocket, on which Twilio's messages go as they are.

import { fromBase64, StreamMessages } from "./stream_messages.js";

const OPEN_TIMEOUT = 10_000; // ms
const SERVER_STOPS = 1012; // close code, RFC 6455's registry: the service restarts
const STOPPED = "The gateway was stopped. Start gateway demo --phone again, then call again.";
const LOST = "The connection to the gateway was lost. See whether gateway demo is still running, then call again.";
const MAX_UNSENT = 32 * 1024; // bytes: nearly two seconds of frames

/**
 * One call. Fires, as CustomEvents: `ringing`, `answered`, `audio`, `mark`, `clear`, `conversation`, `notice`, and
 * last `over`, once.
 */
export class Line extends EventTarget {
  #socket;
  #messages = null;
  #frames = 0;
  #timer;
  #over = false;

  constructor(url) {
    super();
    this.#socket = new WebSocket(url);
    this.#timer = setTimeout(() => this.#lost(LOST), OPEN_TIMEOUT);
    this.#socket.onopen = () => clearTimeout(this.#timer);
    this.#socket.onmessage = ({ data }) => this.#take(JSON.parse(data));
    this.#socket.onclose = ({ code }) => this.#lost(code === SERVER_STOPS ? STOPPED : LOST);
  }

  /** Send a frame of the microphone's; what the socket does not get rid of is lost, as on a bad line. */
  sendFrame(payload) {
    if (this.#messages === null) return;
    const frames = this.#frames++;
    if (this.#socket.bufferedAmount < MAX_UNSENT) this.#send(this.#messages.media(payload, frames));
  }

  /** Give back a mark, unless it is of a stream that has ended. */
  echoMark(name, streamSid) {
    if (this.#messages?.streamSid === streamSid) this.#send(this.#messages.mark(name));
  }

  /** Press a key; false if there is no stream to press it on. */
  press(digit) {
    if (this.#messages === null) return false;
    this.#send(this.#messages.dtmf(digit));
    return true;
  }

  hangUp() {
    if (this.#socket.readyState === WebSocket.OPEN) this.#send('{"event":"phone.hang-up"}');
    this.#messages = null;
    this.#finish({ reason: "caller-hung-up", text: "You hung up.", by: "caller", failed: false, faults: {} });
    this.#socket.close();
  }

  #send(text) {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(text);
  }

  #take(message) {
    if (this.#over) return;
    switch (message.event) {
      case "media":
        return this.#fire("audio", fromBase64(message.media.payload));
      case "mark":
        return this.#fire("mark", message.mark.name);
      case "clear":
        return this.#fire("clear");
      case "phone.answered":
        this.#messages = new StreamMessages(message.streamSid);
        this.#frames = 0;
        return this.#fire("answered", message);
      case "phone.over":
        return this.#finish(message);
      default:
        return this.#fire(message.event.replace("phone.", ""), message);
    }
  }

  #lost(text) {
    this.#socket.close();
    this.#finish({ reason: "line-lost", text, by: "gateway", failed: true, faults: {} });
  }

  #finish(outcome) {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#timer);
    this.#messages = null;
    this.#fire("over", outcome);
  }

  #fire(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
