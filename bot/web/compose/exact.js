// Key, seed and sampling.

import { element } from "../lib/dom.js";
import { icon } from "../lib/icons.js";

const TONICS = ["C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"];
const MINOR_TONICS = ["C", "C#", "D", "Eb", "E", "F", "F#", "G", "G#", "A", "Bb", "B"];
const KEYS = [...TONICS, ...MINOR_TONICS.map((tonic) => `${tonic}m`)];
const named = (key) => (key.endsWith("m") ? `${key.slice(0, -1)} minor` : `${key} major`);

export function keyControl(words) {
  const options = (keys) => keys.map((key) => element("option", { value: key }, named(key)));
  const select = element("select", { id: "key", onchange: () => words.write("k", select.value || null) },
    element("option", { value: "" }, "any"),
    element("optgroup", { label: "major" }, ...options(TONICS)), element("optgroup", { label: "minor" }, ...options(MINOR_TONICS.map((tonic) => `${tonic}m`))));

  function show() {
    select.value = words.key;
    if (words.key && !KEYS.includes(words.key)) select.selectedIndex = -1; // a spelling that only the server reads
  }
  return { node: element("div", { class: "line" }, element("label", { for: "key" }, "Key"), select), show };
}

export function seedControl(words) {
  const input = element("input", { id: "seed", type: "text", inputmode: "numeric", pattern: "[0-9]*", size: 12, placeholder: "any", autocomplete: "off", oninput: () => words.write("s", input.value.replace(/\D/g, "") || null) });
  const draw = element("button", { type: "button", class: "quiet", onclick: () => words.write("s", crypto.getRandomValues(new Uint32Array(1))[0]) }, icon("dice"), "Draw a seed");
  const clear = element("button", { type: "button", class: "any", "aria-label": "Any seed", onclick: () => words.write("s", null) }, "any");
  const node = element("div", { class: "line" }, element("label", { for: "seed" }, "Seed"), input, clear, draw, element("span", { class: "hint" }, "The same words with the same seed give the same song."));

  function show() {
    if (document.activeElement !== input || input.value.replace(/\D/g, "") !== (words.read("s") ?? "")) input.value = words.read("s") ?? "";
    clear.setAttribute("aria-pressed", String(!words.read("s")));
  }
  return { node, show };
}

export function samplingControl(words) {
  const radio = (value, label) => {
    const input = element("input", { type: "radio", name: "sampling", value, onchange: () => words.setFlag("e", value === "embedding") });
    return { input, node: element("label", { class: "radio" }, input, label) };
  };
  const [plain, embedding] = [radio("probability", "by probability"), radio("embedding", "in embedding space")];
  const node = element("div", { class: "line", role: "radiogroup", "aria-label": "Sampling" }, element("span", {}, "Sampling"), plain.node, embedding.node);

  function show() {
    embedding.input.checked = words.flag("e");
    plain.input.checked = !embedding.input.checked;
  }
  return { node, show };
}
