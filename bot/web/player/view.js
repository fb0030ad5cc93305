// A song's player in its post: the moving roll, the whole song to seek in, and the mixer.

import { clock, element } from "../lib/dom.js";
import { icon } from "../lib/icons.js";
import { Mixer } from "./mixer.js";
import { deckOf, toggle } from "./playing.js";
import { marksOf, Roll } from "./roll.js";

export class PlayerView {
  constructor(song) {
    this.song = song;
    this.deck = deckOf(song);
    this.build();
    this.deck.addEventListener("change", () => this.change());
    new IntersectionObserver((entries, observer) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      observer.disconnect();
      this.load();
    }, { rootMargin: "200px" }).observe(this.node);
    new ResizeObserver(() => this.redraw()).observe(this.node);
    this.show();
  }

  build() {
    const named = this.song.title || "the song";
    this.button = element("button", { type: "button", class: "play", onclick: () => toggle(this.song) }, icon("play"), icon("pause"));
    this.window = element("canvas", { class: "roll", role: "img", "aria-label": `Piano roll of ${named}: ${this.song.parts.length} parts, ${this.song.notes} notes` });
    this.whole = element("canvas", { class: "whole", "aria-hidden": "true" });
    this.head = element("i", { class: "playhead", "aria-hidden": "true" });
    this.seek = element("input", { type: "range", class: "seek", min: 0, max: this.song.duration_seconds, step: 0.1, value: 0, "aria-label": `Position in ${named}`, oninput: () => this.deck.jump(Number(this.seek.value)) });
    this.time = element("span", { class: "time" });
    this.mixer = new Mixer(this.song, this.deck);
    const film = this.song.files.mp4 && element("button", { type: "button", class: "film-button", "aria-label": `Film of ${named}, full screen`, title: "Film, full screen", onclick: () => this.film() }, icon("film"));
    const stage = element("div", { class: "stage", onclick: (event) => event.target === this.window && toggle(this.song) }, this.window, this.button, film);
    const whole = element("div", { class: "overview" }, this.whole, this.head, this.seek);
    this.node = element("div", { class: "player", role: "group", "aria-label": `Player of ${named}` }, stage, whole, element("div", { class: "transport" }, this.time, this.mixer.node));
  }

  async film() {
    const { showFilm } = await import("./film.js");
    showFilm(this.deck);
  }

  // The rolls are an extra: the recording plays without the notes.
  load() {
    return this.deck.notes().then((notes) => {
      // The notes end at a bar line, the recording with the last sound.
      this.roll = new Roll({ ...notes, duration: this.deck.duration }, marksOf(this.song, notes));
      this.roll.levelOf = (index) => this.deck.levelOf(index);
      this.redraw();
    }, () => {});
  }

  redraw() {
    this.roll?.drawWhole(this.whole);
    this.roll?.drawWindow(this.window, this.deck.time);
  }

  change() {
    this.redraw();
    this.mixer.show();
    if (this.deck.playing && !this.roll) this.load();
    if (this.deck.playing && !this.ticking) this.tick();
    else this.show();
  }

  tick() {
    this.ticking = this.deck.playing && this.node.isConnected;
    this.show();
    this.roll?.drawWindow(this.window, this.deck.time);
    if (this.ticking) requestAnimationFrame(() => this.tick());
  }

  show() {
    const { time, duration, playing } = this.deck;
    this.node.classList.toggle("playing", playing);
    this.button.setAttribute("aria-label", `${playing ? "Pause" : "Play"} ${this.song.title || "the song"}`);
    this.seek.value = String(time);
    this.seek.setAttribute("aria-valuetext", `${clock(time)} of ${clock(duration)}`);
    this.head.style.left = `${(time / duration) * 100}%`;
    this.time.textContent = `${clock(time)} / ${clock(duration)}`;
  }
}
