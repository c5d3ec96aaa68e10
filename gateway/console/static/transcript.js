// The conversation as it grows: one paragraph for each utterance.

import { splitHeard } from "./heard.js";

const MAX_LINES = 500;
const NAMES = { caller: "You", agent: "Agent", typed: "Typed" };

export class Transcript {
  #log;
  #hint; // stands in the log until something is said
  #lines = new Map(); // by item

  constructor(log) {
    this.#log = log;
    this.#hint = log.firstElementChild;
  }

  clear() {
    this.#lines.clear();
    this.#log.replaceChildren(this.#hint);
  }

  /** Take an event of the conversation. */
  take({ what, itemId, text, heardText }) {
    switch (what) {
      case "caller-speaking":
        return void this.#line("caller", itemId);
      case "caller-said":
        return this.#say(this.#line("caller", itemId), text || "(no words)");
      case "agent-speaking":
        return void this.#line("agent", itemId);
      case "agent-said":
        return this.#say(this.#line("agent", itemId), text);
      case "agent-heard":
        return this.#hear(this.#line("agent", itemId), text, heardText);
      case "typed":
        return void this.#append("typed", NAMES.typed, text);
      case "model-lost":
        return this.note("The model's session was lost; another one is being opened.");
      case "model-restored":
        return this.note("The model is back.");
    }
  }

  /** Something that neither party said. */
  note(text) {
    this.#append("note", "", text);
  }

  /** Nothing more will come: lines that got no words say so. */
  finish() {
    for (const line of this.#lines.values()) if (line.text === null) this.#say(line, "(no words)");
  }

  #line(who, itemId) {
    let line = this.#lines.get(itemId);
    if (!line) {
      const dots = Object.assign(document.createElement("span"), { className: "dots", ariaHidden: "true" });
      const said = this.#append(who, NAMES[who], dots);
      line = { said, text: null, heardText: null };
      this.#lines.set(itemId, line);
    }
    return line;
  }

  /** Change the log; it stays at its end if that is where one looks. */
  #change(change) {
    const log = this.#log;
    const followed = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
    change();
    if (followed) log.scrollTop = log.scrollHeight;
  }

  #append(kind, name, content) {
    const paragraph = Object.assign(document.createElement("p"), { className: `line ${kind}` });
    const said = Object.assign(document.createElement("span"), { className: "said" });
    said.append(content);
    if (name) {
      paragraph.append(Object.assign(document.createElement("span"), { className: "who", textContent: name }), " ");
    }
    paragraph.append(said);
    this.#change(() => this.#log.append(paragraph));
    if (this.#log.childElementCount > MAX_LINES) this.#hint.nextElementSibling.remove();
    return said;
  }

  #say(line, text) {
    line.text = text;
    this.#show(line);
  }

  /** What was heard of a line: less than all of it, or more than it seemed when only a noise had cut it. */
  #hear(line, text, heardText) {
    if (text.length > (line.text ?? "").length) line.text = text;
    line.heardText = heardText;
    if (line.text !== null) this.#show(line);
  }

  #show(line) {
    this.#change(() => this.#write(line));
  }

  #write(line) {
    if (line.heardText === null) line.said.textContent = line.text;
    else {
      const { heard, unheard } = splitHeard(line.text, line.heardText);
      line.said.replaceChildren(heard, heard && unheard ? " " : "");
      if (unheard) line.said.append(notHeard(unheard));
    }
  }
}

function notHeard(text) {
  const cut = document.createElement("del");
  cut.append(Object.assign(document.createElement("span"), { className: "hidden", textContent: "not heard: " }), text);
  return cut;
}
