// The key pad: real buttons, and the same keys of the keyboard.

const SHOWN = 150; // ms that a key looks pressed

export class KeyPad {
  #buttons = new Map();

  constructor(group, onPress) {
    for (const digit of "123456789*0#") {
      const button = Object.assign(document.createElement("button"), { type: "button", textContent: digit });
      if (digit === "*") button.ariaLabel = "Star";
      if (digit === "#") button.ariaLabel = "Hash";
      button.disabled = true;
      button.onclick = () => onPress(digit);
      group.append(button);
      this.#buttons.set(digit, button);
    }
    document.addEventListener("keydown", (event) => {
      const button = event.ctrlKey || event.altKey || event.metaKey || event.repeat ? null : this.#buttons.get(event.key);
      if (!button || button.disabled) return;
      button.classList.add("pressed");
      setTimeout(() => button.classList.remove("pressed"), SHOWN);
      onPress(event.key);
    });
  }

  set enabled(enabled) {
    for (const button of this.#buttons.values()) button.disabled = !enabled;
  }
}
