
// The table of calls: sorted by any column, narrowed by a text, one row chosen, by mouse and by keyboard.
class Chooser {
  #chosen = null;

  constructor(table, onChoice) {
    this.body = table.tBodies[0];
    this.onChoice = onChoice;
    this.rows = [...this.body.rows];
    this.titles = [...table.tHead.rows[0].cells];
    this.titles.forEach((title, column) => title.firstElementChild.addEventListener("click", () => this.#sort(column)));
    this.body.addEventListener("click", (event) => this.#clicked(event));
    this.body.addEventListener("keydown", (event) => this.#keyed(event));
    const only = document.getElementById("only");
    only.addEventListener("input", () => this.#narrow(only.value.trim().toLowerCase()));
  }

  choose(index) {
    const row = this.rows[index];
    if (this.#chosen) this.#mark(this.#chosen, false);
    this.#chosen = row;
    this.#mark(row, true);
    this.onChoice(index);
  }

  #mark(row, isChosen) {
    const button = row.querySelector("button");
    row.classList.toggle("chosen", isChosen);
    button.setAttribute("aria-pressed", isChosen);
    button.tabIndex = isChosen ? 0 : -1;
  }

  #clicked(event) {
    const row = event.target.closest("tr");
    if (row) this.choose(this.rows.indexOf(row));
  }

  #keyed(event) {
    const seen = [...this.body.rows].filter((row) => !row.hidden);
    const at = seen.indexOf(event.target.closest("tr"));
    const next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: seen.length - 1, PageDown: at + 10, PageUp: at - 10 }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    const row = seen[Math.max(0, Math.min(seen.length - 1, next))];
    this.choose(this.rows.indexOf(row));
    row.querySelector("button").focus();
    row.scrollIntoView({ block: "nearest" });
  }

  #sort(column) {
    const title = this.titles[column];
    const way = title.getAttribute("aria-sort") === "descending" ? "ascending" : "descending";
    const key = (row) => row.cells[column].dataset.by;
    const isNumber = this.rows.every((row) => !Number.isNaN(Number(key(row))));
    const compare = isNumber ? (a, b) => Number(a) - Number(b) : (a, b) => a.localeCompare(b);
    const known = this.rows.filter((row) => key(row) !== "");
    known.sort((a, b) => (way === "ascending" ? 1 : -1) * compare(key(a), key(b)));
    this.body.append(...known, ...this.rows.filter((row) => key(row) === ""));
    for (const each of this.titles) {
      each.removeAttribute("aria-sort");
      each.querySelector("span").textContent = "";
    }
    title.setAttribute("aria-sort", way);
    title.querySelector("span").textContent = way === "ascending" ? " ▲" : " ▼";
  }

  #narrow(text) {
    for (const row of this.rows) row.hidden = !row.textContent.toLowerCase().includes(text);
    const seen = [...this.body.rows].filter((row) => !row.hidden);
    if (seen.length && this.#chosen?.hidden) this.choose(this.rows.indexOf(seen[0]));
  }
}
