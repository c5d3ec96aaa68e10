
"use strict";

// Draws one call: what was said above, what was heard below, on one axis of seconds. Heights are pixels.
const SVG = "http://www.w3.org/2000/svg";
const TURNS = 22, LANE = 76, BARGE_INS = 20, EVENTS = 24, SECONDS = 22, EDGE = 12;
const SAID = TURNS, HEARD = TURNS + LANE + BARGE_INS, SIGNS = HEARD + LANE, RULER = SIGNS + EVENTS;
const HEIGHT = RULER + SECONDS;
const SIGN_OF = {
  "clear-received": "▼", "digit-sent": "#", "fault": "✕", "stream-started": "▸", "stream-closed": "■", "stop-sent": "■",
};

function drawn(name, attributes, text) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

function titled(element, text) {
  element.append(drawn("title", {}, text));
  return element;
}

function bytesOf(base64) {
  return Uint8Array.from(atob(base64), (each) => each.charCodeAt(0));
}

function clockOf(ms, decimals) {
  const seconds = Math.abs(ms) / 1000, minutes = Math.floor(seconds / 60);
  const rest = (seconds - 60 * minutes).toFixed(decimals);
  return `${ms < 0 ? "−" : ""}${minutes}:${rest.padStart(decimals ? 3 + decimals : 2, "0")}`;
}

class Waveform {
  constructor(call, words, width) {
    const { trace } = call;
    this.call = call;
    this.words = words;
    this.width = width;
    const times = trace.events.map((event) => event[0]);
    this.said = bytesOf(trace.said);
    this.heard = bytesOf(trace.heard);
    this.from = Math.min(0, ...times);
    this.to = Math.max(1000, ...times, trace.step * Math.max(this.said.length, this.heard.length));
    this.svg = drawn("svg", { width, height: HEIGHT, "aria-hidden": "true" });
    this.#lane(SAID, this.said, "said", "Said");
    this.#lane(HEARD, this.heard, "heard", "Heard");
    this.#turns();
    this.#bargeIns();
    this.#events();
    this.#ruler();
    this.playhead = drawn("line", { class: "playhead", y1: TURNS, y2: SIGNS, visibility: "hidden" });
    this.svg.append(this.playhead);
  }

  x(ms) {
    return Math.round(10 * (EDGE + ((ms - this.from) / (this.to - this.from)) * (this.width - 2 * EDGE))) / 10;
  }

  msAt(x) {
    return this.from + ((x - EDGE) / (this.width - 2 * EDGE)) * (this.to - this.from);
  }

  movePlayhead(ms) {
    const x = this.x(ms);
    this.playhead.setAttribute("x1", x);
    this.playhead.setAttribute("x2", x);
    this.playhead.setAttribute("visibility", "visible");
    return x;
  }

  #lane(top, waveform, side, words) {
    const middle = top + LANE / 2;
    this.svg.append(drawn("rect", { class: "lane", x: 0, y: top, width: this.width, height: LANE, rx: 4 }));
    const { step } = this.call.trace;
    const columns = new Map();
    waveform.forEach((loudest, index) => {
      const column = Math.round(this.x(index * step));
      columns.set(column, Math.max(loudest, columns.get(column) ?? 0));
    });
    const wide = Math.max(1, Math.ceil(this.x(step) - this.x(0)));
    const bars = [...columns].map(([x, loudest]) => {
      const half = Math.max(0.5, ((LANE / 2 - 4) * loudest) / 255);
      return `M${x} ${(middle - half).toFixed(1)}h${wide}v${(2 * half).toFixed(1)}h${-wide}z`;
    });
    this.svg.append(drawn("path", { class: side, d: bars.join("") }));
    this.svg.append(drawn("text", { class: "side", x: 6, y: top + 14 }, words));
  }

  #turns() {
    let free = -Infinity;
    for (const [at, wait] of this.call.turns) {
      const [from, to] = [this.x(at), this.x(at + (wait ?? 0))];
      const words = wait === null ? "no reply" : `${wait.toLocaleString("en")} ms`;
      const span = drawn("g", {});
      span.append(drawn("rect", { class: "turn", x: from, y: TURNS - 5, width: Math.max(2, to - from), height: 4 }));
      span.append(drawn("rect", { class: "turn-lane", x: from, y: TURNS, width: Math.max(1, to - from), height: SIGNS - TURNS }));
      this.svg.append(titled(span, `Caller finished at ${clockOf(at, 1)}: ${words}`));
      free = this.#label("span-label", words, from, TURNS - 9, free);
    }
  }

  #bargeIns() {
    let free = -Infinity;
    for (const [at, , stop] of this.call.bargeIns) {
      const [from, to] = [this.x(at), this.x(at + (stop ?? 0))];
      const words = stop === null ? "spoken through" : `silent after ${stop.toLocaleString("en")} ms`;
      const span = drawn("rect", {
        class: "barge", x: from, y: SAID + LANE + 1, width: Math.max(3, to - from), height: BARGE_INS + LANE - 2,
      });
      this.svg.append(titled(span, `Barge-in at ${clockOf(at, 1)}: ${words}`));
      free = this.#label("barge-label", words, from + 5, HEARD - 6, free);
    }
  }

  // Writes a text unless it would lie over the one before; tells where the next may begin.
  #label(kind, words, x, y, free) {
    const room = 6.4 * words.length;
    const from = Math.max(0, Math.min(x, this.width - room));
    if (from < free) return free;
    this.svg.append(drawn("text", { class: kind, x: from, y }, words));
    return from + room + 6;
  }

  #events() {
    for (const [at, kind, detail] of this.call.trace.events) {
      const x = this.x(at);
      const words = `${clockOf(at, 1)} ${this.words[kind] ?? kind} ${detail}`;
      if (kind === "mark-echoed") {
        const tick = drawn("line", { class: "mark-tick", x1: x, x2: x, y1: SIGNS + 6, y2: SIGNS + 16 });
        this.svg.append(titled(tick, words));
      } else if (SIGN_OF[kind]) {
        const sign = drawn("text", { class: `sign ${kind.split("-")[0]}`, x, y: SIGNS + 16 }, SIGN_OF[kind]);
        this.svg.append(titled(sign, words));
      }
    }
  }

  #ruler() {
    const wanted = (this.to - this.from) / (this.width / 70);
    const steps = [100, 200, 500, 1000, 2000, 5000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000, 1_800_000, 3_600_000];
    const step = steps.find((each) => each >= wanted) ?? 7_200_000;
    for (let at = Math.ceil(this.from / step) * step; at <= this.to; at += step) {
      const x = this.x(at);
      this.svg.append(drawn("line", { class: "grid", x1: x, x2: x, y1: RULER, y2: RULER + 5 }));
      this.svg.append(drawn("text", { x, y: RULER + 17, "text-anchor": "middle" }, clockOf(at, step < 1000 ? 1 : 0)));
    }
  }
}
