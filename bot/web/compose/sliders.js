// Tempo, randomness and length: a slider and its "any", which leaves the value to the band.

import { element } from "../lib/dom.js";

const SLIDERS = [
  { letter: "t", id: "tempo", label: "Tempo", low: 40, high: 300, step: 1, rest: 120, unit: "bpm", any: "the genre’s" },
  { letter: "r", id: "randomness", label: "Randomness", low: 0, high: 1, step: 0.05, rest: 0.5, unit: "", any: "0.5" },
  { letter: "l", id: "length", label: "Length", low: 10, high: 140, step: 5, rest: 45, unit: "s", any: "45 s" },
];

// "160 bpm" → 160, "0,2" → 0.2, "20%" → 0.2, "1:30" → 90; null for other text.
function read(word) {
  const minutes = word?.match(/^(\d+):(\d\d)$/);
  if (minutes) return Number(minutes[1]) * 60 + Number(minutes[2]);
  const value = Number.parseFloat(word?.replace(",", ".") ?? "");
  return Number.isFinite(value) ? value / (word.endsWith("%") ? 100 : 1) : null;
}

export function sliderControls(words) {
  const rows = SLIDERS.map((slider) => makeSlider(words, slider));
  return { node: element("div", { class: "sliders" }, ...rows.map((row) => row.node)), show: () => rows.forEach((row) => row.show()) };
}

function makeSlider(words, { letter, id, label, low, high, step, rest, unit, any }) {
  const input = element("input", { id, type: "range", min: low, max: high, step, value: rest, oninput: () => words.write(letter, input.value) });
  const output = element("output", { id: `${id}-value`, for: id });
  const reset = element("button", { type: "button", class: "any", id: `${id}-any`, "aria-label": `Any ${label.toLowerCase()}`, "aria-pressed": "true", onclick: () => words.write(letter, null) }, "any");
  const node = element("div", { class: "slider" }, element("label", { for: id }, label), output, input, reset);

  function show() {
    const value = read(words.read(letter));
    const shown = Math.min(high, Math.max(low, value ?? rest));
    input.value = String(shown);
    input.classList.toggle("unset", value === null);
    input.style.setProperty("--share", `${((shown - low) / (high - low)) * 100}%`);
    output.textContent = value === null ? any : `${Math.round(value * 100) / 100}${unit && ` ${unit}`}`;
    input.setAttribute("aria-valuetext", value === null ? `${any}, left to the band` : output.textContent);
    reset.setAttribute("aria-pressed", String(value === null));
  }
  return { node, show };
}
