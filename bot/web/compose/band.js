// The band picker: instruments to add and to send away; nothing chosen means the genre's usual band.

import { getInstruments } from "../lib/api.js";
import { element, genreLabel } from "../lib/dom.js";
import { readBlend } from "./command.js";

const COMMON = ["drums", "bass", "guitar", "lead guitar", "piano", "organ", "strings", "violin", "sax", "trumpet", "flute", "choir", "synth", "vibraphone"];
const MOST = 16;

export function bandControls(words) {
  const band = () => (words.read("i") ?? "").split(",").map((name) => name.trim()).filter(Boolean);
  const set = (list) => words.write("i", list.length ? list.slice(0, MOST).join(",") : null);
  const genre = () => readBlend(words.read("g"))[0]?.name;
  const facts = () => words.genres.find((each) => each.name === genre() || each.aliases.includes(genre())) ?? words.genres.find((each) => each.house) ?? words.genres[0];
  const usual = () => facts()?.band ?? ["drums", "bass", "guitar", "piano"];

  const players = element("ul", { class: "players", "aria-label": "Players" });
  const common = element("div", { class: "chips", role: "group", "aria-label": "Add a player" }, ...COMMON.map((name) => element("button", { type: "button", class: "chip", "aria-label": `Add ${name}`, onclick: () => set([...band(), name]) }, `+ ${name}`)));
  const options = element("datalist", { id: "instruments" });
  const other = element("input", { id: "instrument", type: "text", list: "instruments", size: 18, placeholder: "any instrument", autocomplete: "off", onkeydown: (event) => event.key === "Enter" && (event.preventDefault(), addOther()) });
  const add = element("button", { type: "button", class: "quiet", onclick: addOther }, "Add");
  const fill = element("button", { type: "button", class: "quiet", onclick: () => set(usual()) });
  const noDrums = element("button", { type: "button", class: "quiet", onclick: () => set((band().length ? band() : usual()).filter((name) => name !== "drums")) }, "Without drums");
  const clear = element("button", { type: "button", class: "any", "aria-label": "Any band", onclick: () => set([]) }, "any");
  // Without the list the field still takes any name.
  getInstruments().then((all) => options.append(...all.map(({ name }) => element("option", { value: name }))), () => {});

  function addOther() {
    const name = other.value.replace(/[/,|]/g, " ").trim();
    if (name) set([...band(), name]);
    other.value = "";
  }

  function chip(name, index, list) {
    return element("li", {}, element("button", { type: "button", class: "chip player", "aria-label": `Send ${name} away`, title: `Send ${name} away`, onclick: () => {
      set(list.filter((_name, place) => place !== index));
      (players.querySelectorAll("button")[Math.min(index, list.length - 2)] ?? fill).focus();
    } }, `${name} ×`));
  }

  function show() {
    const list = band();
    players.replaceChildren(...list.map(chip));
    players.hidden = !list.length;
    fill.textContent = genre() ? `Usual ${genreLabel(genre())} band` : "Usual band";
    noDrums.disabled = list.length > 0 && !list.includes("drums");
    clear.setAttribute("aria-pressed", String(!list.length));
  }

  const node = element("div", { class: "band" },
    element("div", { class: "line" }, fill, noDrums, clear), players, common,
    element("div", { class: "line" }, element("label", { for: "instrument" }, "Other"), other, add, options));
  return { node, show };
}
