// One song's player: the recording by default; once a part is muted or soloed, the browser's own synthesizer.

import { getNotes } from "./api.js";
import { clock, element, icon } from "./dom.js";
import { partColours, Roll } from "./roll.js";
import { Synth } from "./synth.js";

let current = null; // only one song sounds at a time

export class Player {
  constructor(song) {
    this.song = song;
    this.muted = new Set();
    this.solo = new Set();
    this.audio = song.files.mp3 || song.files.ogg ? element("audio", { preload: "none", src: song.files.mp3 ?? song.files.ogg }) : null;
    this.audio?.addEventListener("ended", () => this.ended());
    this.build();
    new IntersectionObserver((entries, observer) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      observer.disconnect();
      this.load();
    }, { rootMargin: "300px" }).observe(this.node);
  }

  build() {
    const named = this.song.title || "the song";
    this.button = element("button", { type: "button", class: "play", "aria-label": `Play ${named}`, onclick: () => this.toggle() }, icon("play"), icon("pause"));
    this.canvas = element("canvas", { class: "roll", role: "img", "aria-label": `Piano roll of ${named}: ${this.song.parts.length} parts, ${this.song.notes} notes` });
    this.seek = element("input", {
      type: "range", class: "seek", min: 0, max: this.song.duration_seconds, step: 0.1, value: 0, "aria-label": `Position in ${named}`,
      oninput: () => this.jump(Number(this.seek.value)),
    });
    this.timeLabel = element("span", { class: "time" }, `0:00 / ${clock(this.song.duration_seconds)}`);
    this.source = element("p", { class: "source", role: "status" });
    this.parts = element("ul", { class: "parts", "aria-label": "Parts" });
    const mixer = element("details", { class: "mixer" }, element("summary", {}, `${this.song.parts.length} parts`), this.parts, this.source);
    const stage = element("div", { class: "stage", onclick: (event) => event.target === this.canvas && this.toggle() }, this.canvas, this.button);
    this.node = element("div", { class: "player", role: "group", "aria-label": `Player of ${named}` }, stage, element("div", { class: "transport" }, this.seek, this.timeLabel), mixer);
    this.listParts();
    this.show();
  }

  listParts() {
    const colours = partColours(this.song.parts);
    this.parts.replaceChildren(...this.song.parts.map((part, index) => {
      const toggle = (set, word) => element("button", {
        type: "button", class: "part-button", "aria-pressed": "false", "aria-label": `${word} ${part.name}`, "data-set": word,
        onclick: (event) => this.change(set, index, event.currentTarget),
      }, word[0]);
      const dot = element("span", { class: "dot", "aria-hidden": "true" });
      dot.style.background = colours[index];
      return element("li", {}, dot, element("span", { class: "part-name" }, part.name || "Part"), element("span", { class: "part-notes" }, `${part.notes} notes`), toggle(this.muted, "Mute"), toggle(this.solo, "Solo"));
    }));
  }

  async load() {
    if (this.loading) return this.loading;
    this.loading = getNotes(this.song.notes_url).then((notes) => {
      this.roll = new Roll(this.canvas, notes);
      this.synth = new Synth(notes, () => this.ended());
      this.roll.audible = this.synth.audible = (index) => this.heard(index);
      this.roll.draw(this.time);
    }).catch(() => { this.loading = null; }); // the roll is an extra: the recording plays without it
    return this.loading;
  }

  heard(index) {
    return this.solo.size ? this.solo.has(index) : !this.muted.has(index);
  }

  get mixing() {
    return !this.audio || this.muted.size > 0 || this.solo.size > 0;
  }

  get engine() {
    return this.mixing ? this.synth : this.audio;
  }

  get time() {
    const engine = this.engine;
    return engine === this.audio ? this.audio.currentTime : (engine?.time ?? 0);
  }

  get playing() {
    return Boolean(this.synth?.playing) || Boolean(this.audio && !this.audio.paused && !this.audio.ended);
  }

  async toggle() {
    if (this.playing) this.pause();
    else await this.play(this.time >= this.song.duration_seconds - 0.1 ? 0 : this.time);
  }

  async play(from) {
    if (current && current !== this) current.pause();
    current = this;
    if (this.mixing) {
      await this.load();
      this.synth?.play(from);
    } else {
      if (Math.abs(this.audio.currentTime - from) > 0.05) this.audio.currentTime = from;
      await this.audio.play().catch(() => {});
      this.load();
    }
    this.show();
    this.tick();
  }

  pause() {
    this.audio?.pause();
    this.synth?.pause();
    this.show();
  }

  ended() {
    if (this.audio) this.audio.currentTime = 0;
    this.show();
    this.roll?.draw(0);
  }

  async jump(to) {
    const playing = this.playing;
    this.audio?.pause();
    this.synth?.pause();
    if (this.synth) this.synth.offset = to;
    if (this.audio) this.audio.currentTime = to;
    if (playing) await this.play(to);
    this.show();
    this.roll?.draw(to);
  }

  async change(set, index, button) {
    const [from, playing, before] = [this.time, this.playing, this.mixing];
    if (set.has(index)) set.delete(index);
    else set.add(index);
    button.setAttribute("aria-pressed", String(set.has(index)));
    await this.load();
    if (before !== this.mixing) {
      this.audio?.pause();
      this.synth?.pause();
      if (this.synth) this.synth.offset = from;
      if (this.audio) this.audio.currentTime = from;
      if (playing) await this.play(from);
    }
    this.synth?.balance();
    this.source.textContent = this.mixing ? "Parts are played by your browser’s own synthesizer; the recording returns when all parts do." : "";
    [...this.parts.children].forEach((row, at) => row.classList.toggle("silent", !this.heard(at)));
    this.roll?.draw(from);
  }

  show() {
    this.node.classList.toggle("playing", this.playing);
    this.button.setAttribute("aria-label", `${this.playing ? "Pause" : "Play"} ${this.song.title || "the song"}`);
    this.seek.value = String(this.time);
    this.seek.style.setProperty("--share", `${(this.time / this.song.duration_seconds) * 100}%`);
    this.seek.setAttribute("aria-valuetext", `${clock(this.time)} of ${clock(this.song.duration_seconds)}`);
    this.timeLabel.textContent = `${clock(this.time)} / ${clock(this.song.duration_seconds)}`;
  }

  tick() {
    if (!this.playing) return this.show();
    this.show();
    this.roll?.draw(this.time);
    requestAnimationFrame(() => this.tick());
  }
}
