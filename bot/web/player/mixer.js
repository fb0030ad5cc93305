// The parts of a song: mute, solo and level.

import { element } from "../lib/dom.js";
import { partColours } from "./roll.js";

const SYNTHESIZER = "Parts are played by your browser’s own synthesizer; the recording returns when all parts are back.";
const RECORDED = "You hear the recordings of the parts.";

export class Mixer {
  constructor(song, deck) {
    Object.assign(this, { song, deck });
    this.rows = song.parts.map((part, index) => this.row(part, index, partColours(song.parts)[index]));
    this.source = element("p", { class: "source", role: "status" });
    this.real = element("button", { type: "button", class: "quiet", onclick: () => this.useRecordings() }, "Use the real sound");
    this.node = element("details", { class: "mixer" },
      element("summary", {}, `${song.parts.length} ${song.parts.length === 1 ? "part" : "parts"}`),
      element("ul", { class: "parts", "aria-label": "Parts" }, ...this.rows.map((row) => row.node)), element("div", { class: "line" }, this.source, this.real));
    this.show();
  }

  row(part, index, colour) {
    const name = part.name || "Part";
    const toggle = (field, word) => element("button", { type: "button", class: "part-button", "data-set": word, "aria-pressed": "false", "aria-label": `${word} ${name}`, title: `${word} ${name}`, onclick: () => this.set(index, { [field]: !this.deck.mix[index][field] }) }, word[0]);
    const [mute, solo] = [toggle("muted", "Mute"), toggle("solo", "Solo")];
    const level = element("input", { type: "range", class: "level", min: 0, max: 1, step: 0.05, value: 1, "aria-label": `Level of ${name}`, oninput: () => this.set(index, { level: Number(level.value) }) });
    const dot = element("span", { class: "dot", "aria-hidden": "true" });
    dot.style.background = colour;
    const node = element("li", {}, dot, element("span", { class: "part-name", title: `${part.notes} notes`, dir: "auto" }, name), level, mute, solo);
    return { node, mute, solo, level };
  }

  set(index, values) {
    this.deck.setPart(index, values).catch(() => { this.source.textContent = "The parts cannot be played just now."; });
  }

  show() {
    this.rows.forEach(({ node, mute, solo, level }, index) => {
      const part = this.deck.mix[index];
      mute.setAttribute("aria-pressed", String(part.muted));
      solo.setAttribute("aria-pressed", String(part.solo));
      level.style.setProperty("--share", `${part.level * 100}%`);
      level.setAttribute("aria-valuetext", `${Math.round(part.level * 100)} %`);
      node.classList.toggle("silent", !this.deck.levelOf(index));
    });
    if (!this.waiting) this.source.textContent = this.deck.mixing ? (this.recorded ? RECORDED : SYNTHESIZER) : "";
    this.real.hidden = !this.deck.mixing || this.recorded || this.waiting || !(this.song.stems || this.song.makes?.includes("stems"));
  }

  async useRecordings() {
    this.waiting = true;
    this.source.textContent = "Recording each part by itself…";
    this.show();
    try {
      const { loadStems, made, Stems } = await import("./stems.js");
      const { getComposition } = await import("../lib/api.js");
      if (!this.song.stems) await made(this.song.id, "stems");
      const stems = this.song.stems ?? (await getComposition(this.song.id)).stems;
      this.deck.useParts(new Stems(await loadStems(stems), this.deck.duration, () => this.deck.finish()));
      this.recorded = true;
    } catch (problem) {
      this.source.textContent = problem.message;
      this.waiting = false;
      return;
    }
    this.waiting = false;
    this.show();
  }
}
