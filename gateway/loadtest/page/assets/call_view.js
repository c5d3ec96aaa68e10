
// One call: its waveform, its sound, and the same in tables.
const MAX_ZOOM = 16, MAX_WIDTH = 30_000;

class CallView {
  #call = null;
  #waveform = null;
  #zoom = 1;
  #sources = new Map();

  constructor(words) {
    this.words = words;
    this.article = document.getElementById("call");
    this.drawing = document.getElementById("drawing");
    this.audio = document.getElementById("audio");
    document.getElementById("zoom-in").addEventListener("click", () => this.#zoomTo(this.#zoom * 2));
    document.getElementById("zoom-out").addEventListener("click", () => this.#zoomTo(this.#zoom / 2));
    this.drawing.addEventListener("click", (event) => this.#seek(event));
    for (const each of ["timeupdate", "seeked", "play"]) this.audio.addEventListener(each, () => this.#follow());
    new ResizeObserver(() => this.#draw()).observe(this.drawing);
  }

  show(call) {
    this.#call = call;
    this.article.hidden = false;
    document.getElementById("call-title").textContent = call.title;
    this.#sound(call.audio);
    this.#facts(call.facts);
    this.#fill("turns", call.turns, ([at, wait]) => [clockOf(at, 1), wait === null ? "no reply" : this.#ms(wait)]);
    this.#fill("barge-ins", call.bargeIns, ([at, clear, stop, thrown]) => [
      clockOf(at, 1), clear === null ? "no clear" : this.#ms(clear), stop === null ? "went on" : this.#ms(stop), this.#ms(thrown),
    ]);
    this.#events(call.trace);
    for (const id of ["legend", "drawing"]) document.getElementById(id).hidden = !call.trace;
    document.querySelector(".zoom").hidden = !call.trace;
    document.getElementById("no-trace").hidden = Boolean(call.trace);
    this.#zoomTo(1);
    this.#draw();
  }

  #ms(value) {
    return `${value.toLocaleString("en", { maximumFractionDigits: 1 })} ms`;
  }

  #sound(index) {
    this.audio.pause();
    document.getElementById("player").hidden = index === null;
    if (index === null) return this.audio.removeAttribute("src");
    if (!this.#sources.has(index)) {
      const flac = bytesOf(JSON.parse(document.getElementById(`audio-${index}`).textContent));
      this.#sources.set(index, URL.createObjectURL(new Blob([flac], { type: "audio/flac" })));
    }
    this.audio.src = this.#sources.get(index);
  }

  #facts(facts) {
    document.getElementById("call-facts").replaceChildren(...facts.map(([name, value]) => {
      const [pair, term, description] = ["div", "dt", "dd"].map((each) => document.createElement(each));
      term.textContent = name;
      description.textContent = value;
      pair.append(term, description);
      return pair;
    }));
  }

  #events(trace) {
    const events = trace?.events ?? [];
    const leftOut = trace?.leftOut ? `; ${trace.leftOut} more are left out` : "";
    document.getElementById("events-more").hidden = !events.length;
    document.getElementById("events-title").textContent = `Events (${events.length}${leftOut})`;
    this.#fill("events", events, ([at, kind, detail]) => [clockOf(at, 2), this.words[kind] ?? kind, detail]);
  }

  #fill(id, values, cellsOf) {
    const table = document.getElementById(id);
    const numbers = [...table.tHead.rows[0].cells].map((cell) => cell.className);
    table.tBodies[0].replaceChildren(...values.map((value) => {
      const row = document.createElement("tr");
      cellsOf(value).forEach((text, column) => {
        const cell = row.insertCell();
        cell.textContent = text;
        cell.className = numbers[column];
      });
      return row;
    }));
    table.hidden = !values.length;
    const none = document.getElementById(`no-${id}`);
    if (none) none.hidden = values.length > 0;
  }

  #zoomTo(zoom) {
    const middle = this.#waveform?.msAt(this.drawing.scrollLeft + this.drawing.clientWidth / 2);
    this.#zoom = Math.max(1, Math.min(MAX_ZOOM, zoom));
    document.getElementById("zoom-level").textContent = `${this.#zoom}×`;
    document.getElementById("zoom-out").disabled = this.#zoom === 1;
    document.getElementById("zoom-in").disabled = this.#zoom === MAX_ZOOM;
    this.#draw();
    if (middle !== undefined && this.#waveform) {
      this.drawing.scrollLeft = this.#waveform.x(middle) - this.drawing.clientWidth / 2;
    }
  }

  #draw() {
    const width = Math.min(MAX_WIDTH, this.drawing.clientWidth * this.#zoom);
    if (!this.#call?.trace || !width) {
      this.#waveform = null;
      return this.drawing.replaceChildren();
    }
    if (this.#waveform?.call === this.#call && this.#waveform.width === width) return undefined;
    this.#waveform = new Waveform(this.#call, this.words, width);
    this.drawing.replaceChildren(this.#waveform.svg);
    if (this.#call.audio !== null) this.#waveform.movePlayhead(this.audio.currentTime * 1000);
    return undefined;
  }

  #seek(event) {
    if (!this.#waveform || this.#call.audio === null) return;
    const x = event.clientX - this.#waveform.svg.getBoundingClientRect().left;
    this.audio.currentTime = Math.max(0, this.#waveform.msAt(x) / 1000);
    this.#follow();
  }

  // Between two time updates of the browser's, which come four times a second, the playhead moves by itself.
  #follow() {
    if (!this.#waveform || this.#call.audio === null) return;
    const x = this.#waveform.movePlayhead(this.audio.currentTime * 1000);
    const seen = x - this.drawing.scrollLeft;
    if (!this.audio.paused && (seen < 0 || seen > this.drawing.clientWidth)) this.drawing.scrollLeft = x - 40;
    if (!this.audio.paused) requestAnimationFrame(() => this.#follow());
  }
}
