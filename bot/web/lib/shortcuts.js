// Single-letter keys. None of them sends anything; they can be switched off (WCAG 2.1.4).

import { at } from "./dom.js";
import { load, save } from "./storage.js";

let on = load("letter-keys", true);

// keys: {letter: act}
export function startShortcuts(keys) {
  document.addEventListener("keydown", (event) => {
    const writing = event.target.closest("input:not([type=range]), textarea, select, dialog");
    if (!on || writing || event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  });
  at("letter-keys").checked = on;
  at("letter-keys").addEventListener("change", () => {
    on = at("letter-keys").checked;
    save("letter-keys", on);
    document.body.classList.toggle("no-letter-keys", !on);
  });
  document.body.classList.toggle("no-letter-keys", !on);
}
