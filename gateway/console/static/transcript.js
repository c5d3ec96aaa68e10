// The conversation as it grows: one paragraph for each utterance.

import { splitHeard } from "./heard.js";

const MAX_LINES = 500;
const NAMES = { caller: "You", agent: "Agent" };

export class Transcript {
  #log;
  #lines = new Map(); // by item
  #speaking = null; // the agent's line that sound belongs to

  constructor(log) {
    this.#log = log;
  }

  clear() {
    this.#lines.clear();
    this.#speaking = null;
    this.#log.replaceChildren();
  }

  /** Take an event of the conversation. */
  take({ what, itemId, text, heardMs }) {
    switch (what) {
      case "caller-speaking":
        return void this.#line("caller", itemId);
      case "caller-said":
        return this.#say(this.#line("caller", itemId), text || "(no words)");
      case "agent-speaking":
        return void (this.#speaking = this.#line("agent", itemId));
      case "agent-said":
        return this.#say(this.#line("agent", itemId), text);
      case "interrupted":
        return this.#cut(this.#line("agent", itemId), heardMs);
      case "model-lost":
        return this.note("The model's session was lost; another one is being opened.");
      case "model-restored":
        return this.note("The model is back.");
    }
  }

  /** Account for sound (samples at 8 kHz) that belongs to what the agent is saying. */
  sounded(samples) {
    if (this.#speaking) this.#speaking.totalMs += samples / 8;
  }

  /** Something that neither party said. */
  note(text) {
    this.#append("note", "").textContent = text;
  }

  /** Nothing more will come: lines that got no words say so. */
  finish() {
    for (const line of this.#lines.values()) if (line.text === null) this.#say(line, "(no words)");
  }

  #line(who, itemId) {
    let line = this.#lines.get(itemId);
    if (!line) {
      const said = this.#append(who, NAMES[who]);
      said.append(Object.assign(document.createElement("span"), { className: "dots", ariaHidden: "true" }));
      line = { said, text: null, totalMs: 0, heardMs: null };
      this.#lines.set(itemId, line);
    }
    return line;
  }

  #append(kind, name) {
    const followed = this.#log.scrollHeight - this.#log.scrollTop - this.#log.clientHeight < 40;
    const paragraph = Object.assign(document.createElement("p"), { className: `line ${kind}` });
    const said = Object.assign(document.createElement("span"), { className: "said" });
    if (name) {
      paragraph.append(Object.assign(document.createElement("span"), { className: "who", textContent: name }), " ");
    }
    paragraph.append(said);
    this.#log.append(paragraph);
    if (this.#log.childElementCount > MAX_LINES) this.#log.firstElementChild.remove();
    if (followed) this.#log.scrollTop = this.#log.scrollHeight;
    return said;
  }

  #say(line, text) {
    line.text = text;
    this.#show(line);
  }

  #cut(line, heardMs) {
    line.heardMs = heardMs;
    if (line.text !== null) this.#show(line);
  }

  #show(line) {
    if (line.heardMs === null) line.said.textContent = line.text;
    else {
      const { heard, unheard } = splitHeard(line.text, line.heardMs, line.totalMs);
      line.said.replaceChildren(heard, heard && unheard ? " " : "");
      if (unheard) line.said.append(notHeard(unheard));
    }
    this.#log.scrollTop = this.#log.scrollHeight;
  }
}

function notHeard(text) {
  const cut = document.createElement("del");
  cut.append(Object.assign(document.createElement("span"), { className: "hidden", textContent: "not heard: " }), text);
  return cut;
}
