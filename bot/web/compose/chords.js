// The chord line: typed as text, or bar by bar with buttons for root and quality.

import { element } from "../lib/dom.js";
import { readChords, writeChords } from "./command.js";

const ROOTS = ["C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"];
const QUALITIES = ["", "m", "7", "maj7", "m7", "dim", "m7b5", "aug", "sus2", "sus4", "5"]; // those that the band plays as they are
const MOST_BARS = 32;
const split = (bar) => bar?.match(/^([A-G](?:#|b)?)(.*)$/)?.slice(1) ?? ["", ""];

export function chordControls(words) {
  let here = 0; // the bar that the buttons change
  const line = element("input", { id: "chords", type: "text", placeholder: "the band’s own, or Dm7 | G7 | Cmaj7 | A7", autocomplete: "off", spellcheck: "false", oninput: () => words.write("c", line.value.trim() || null) });
  const bars = element("div", { class: "bars", role: "group", "aria-label": "Bars" });
  const roots = element("div", { class: "keys", role: "group", "aria-label": "Root of the chord" }, ...ROOTS.map((root) => element("button", { type: "button", class: "key-button", "data-root": root, "aria-pressed": "false", onclick: () => change(root, null) }, root)));
  const qualities = element("div", { class: "keys", role: "group", "aria-label": "Quality of the chord" }, ...QUALITIES.map((quality) => element("button", { type: "button", class: "key-button", "data-quality": quality, "aria-pressed": "false", onclick: () => change(null, quality) }, quality || "major")));
  const chords = () => readChords(words.read("c"));
  const set = (list) => words.write("c", writeChords(list));

  function change(root, quality) {
    const list = chords();
    const [oldRoot, oldQuality] = split(list[here]);
    list[Math.min(here, list.length)] = (root ?? (oldRoot || "C")) + (quality ?? oldQuality);
    set(list);
  }

  function addBar() {
    const list = chords();
    set([...list, list.at(-1) ?? "C"]);
    here = chords().length - 1;
    show();
  }

  function removeBar() {
    set(chords().filter((_bar, index) => index !== here));
    here = Math.max(0, Math.min(here, chords().length - 1));
    show();
  }

  const add = element("button", { type: "button", class: "quiet", onclick: addBar }, "Add bar");
  const remove = element("button", { type: "button", class: "quiet", onclick: removeBar }, "Remove bar");
  const clear = element("button", { type: "button", class: "any", "aria-label": "Any chords", onclick: () => set([]) }, "any");

  function show() {
    const list = chords();
    here = Math.min(here, Math.max(0, list.length - 1));
    if (document.activeElement !== line) line.value = words.read("c") ?? "";
    showBars(list);
    const [root, quality] = split(list[here]);
    for (const key of roots.children) key.setAttribute("aria-pressed", String(key.dataset.root === root));
    for (const key of qualities.children) key.setAttribute("aria-pressed", String(root !== "" && key.dataset.quality === quality));
    add.disabled = list.length >= MOST_BARS;
    remove.disabled = !list.length;
    clear.setAttribute("aria-pressed", String(!list.length));
  }

  // Buttons are kept while bars are added, so that the focus stays.
  function showBars(list) {
    while (bars.children.length > list.length) bars.lastChild.remove();
    list.forEach((chord, index) => {
      const button = bars.children[index] ?? bars.appendChild(element("button", { type: "button", class: "bar-button", onclick: () => { here = index; show(); } }));
      button.textContent = chord;
      button.setAttribute("aria-label", `Bar ${index + 1}: ${chord}`);
      button.setAttribute("aria-pressed", String(index === here));
    });
  }

  const node = element("div", { class: "chord-line" },
    element("div", { class: "line" }, element("label", { for: "chords" }, "Chords"), line, clear),
    bars, roots, qualities, element("div", { class: "line" }, add, remove, element("span", { class: "hint" }, "One chord a bar, repeated over the song.")));
  return { node, show };
}
