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

// Seed and variation: whole numbers, or left to the band.
export function numberControls(words) {
  const [seed, variation] = [numberField(words, "s", "seed", "Seed", 12), numberField(words, "v", "variation", "Variation", 7)];
  const draw = element("button", { type: "button", class: "quiet", onclick: () => words.write("s", crypto.getRandomValues(new Uint32Array(1))[0]) }, icon("dice"), "Draw a seed");
  const node = element("div", {}, element("div", { class: "line" }, ...seed.elements, draw, ...variation.elements), element("p", { class: "hint" }, "The same words with the same seed give the same song; a variation has other notes over its plan."));
  return { node, show: () => [seed, variation].forEach((field) => field.show()) };
}

function numberField(words, letter, id, label, size) {
  const input = element("input", { id, type: "text", inputmode: "numeric", size, placeholder: "any", autocomplete: "off", oninput: () => words.write(letter, input.value.replace(/\D/g, "") || null) });
  const clear = element("button", { type: "button", class: "any", "aria-label": `Any ${label.toLowerCase()}`, onclick: () => words.write(letter, null) }, "any");

  function show() {
    const written = words.read(letter) ?? "";
    if (document.activeElement !== input || input.value.replace(/\D/g, "") !== written) input.value = written;
    clear.setAttribute("aria-pressed", String(!written));
  }
  return { elements: [element("label", { for: id }, label), input, clear], show };
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
