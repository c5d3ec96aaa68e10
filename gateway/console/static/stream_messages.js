// The messages a caller's side sends on a Twilio media stream, as text; numbers are strings, as Twilio writes them.

/** Bytes as base64. */
export function toBase64(bytes) {
  return btoa(String.fromCharCode(...bytes));
}

/** Base64 as bytes. */
export function fromBase64(text) {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

/** Writes one stream's messages; number 1 was the start message. */
export class StreamMessages {
  #sequence = 1;
  #chunk = 0;
  constructor(streamSid) {
    this.streamSid = streamSid;
  }

  /** One frame of mu-law; `frames` of them have gone before on this stream, sent or lost. */
  media(payload, frames) {
    const timestamp = String(frames * 20);
    const chunk = String(++this.#chunk);
    return this.#write("media", { track: "inbound", chunk, timestamp, payload: toBase64(payload) });
  }

  mark(name) {
    return this.#write("mark", { name });
  }

  dtmf(digit) {
    return this.#write("dtmf", { track: "inbound_track", digit });
  }

  #write(event, body) {
    const sequenceNumber = String(++this.#sequence);
    return JSON.stringify({ event, sequenceNumber, [event]: body, streamSid: this.streamSid });
  }
}
