// Plays one song: the recording, or its parts one by one once a part is muted, soloed or set to another level.

import { getNotes } from "../lib/api.js";
import { load, save } from "../lib/storage.js";

export const volume = { level: load("volume", 1) };

// Events: "change" (play, pause, end, seek, mix) and "ended".
export class Deck extends EventTarget {
  constructor(song) {
    super();
    this.song = song;
    this.duration = song.duration_seconds;
    this.mix = (song.parts ?? []).map(() => ({ muted: false, solo: false, level: 1 }));
    const source = song.files?.mp3 ?? song.files?.ogg;
    this.audio = source ? Object.assign(new Audio(), { preload: "none", src: source }) : null;
    this.audio?.addEventListener("ended", () => this.finish());
    for (const event of ["play", "pause"]) this.audio?.addEventListener(event, () => this.change());
    this.parts = null; // the engine that plays parts: Synth or Stems
  }

  change() {
    this.dispatchEvent(new Event("change"));
  }

  // The song's notes: {duration, bars, parts, chords, sections}; fetched once.
  notes() {
    this.fetched ??= getNotes(this.song.notes_url).catch((problem) => {
      this.fetched = null;
      throw problem;
    });
    return this.fetched;
  }

  get mixing() {
    return !this.audio || this.mix.some((part) => part.muted || part.solo || part.level !== 1);
  }

  get engine() {
    return this.mixing ? this.parts : this.audio;
  }

  get time() {
    const engine = this.engine;
    return Math.min(this.duration, (engine === this.audio ? engine?.currentTime : engine?.time) ?? 0);
  }

  get playing() {
    return Boolean(this.parts?.playing) || Boolean(this.audio && !this.audio.paused && !this.audio.ended);
  }

  // The loudness of a part, 0 to 1.
  levelOf(index) {
    const soloed = this.mix.some((part) => part.solo);
    const { muted, solo, level } = this.mix[index] ?? { level: 1 };
    return muted || (soloed && !solo) ? 0 : level;
  }

  async play(from = this.time) {
    const start = from >= this.duration - 0.1 ? 0 : from;
    this.applyVolume();
    if (this.mixing) {
      await this.openParts();
      this.parts.play(start);
      this.change();
    } else {
      if (Math.abs(this.audio.currentTime - start) > 0.05) this.audio.currentTime = start;
      await this.audio.play().catch((problem) => {
        if (!["AbortError", "NotAllowedError"].includes(problem.name)) throw problem; // paused meanwhile, or not clicked yet
      });
    }
  }

  pause() {
    this.audio?.pause();
    this.parts?.pause();
    this.change();
  }

  finish() {
    this.rest(0);
    this.dispatchEvent(new Event("ended"));
    this.change();
  }

  rest(seconds) {
    if (this.parts) this.parts.offset = seconds;
    if (this.audio) this.audio.currentTime = seconds;
  }

  async jump(seconds) {
    const playing = this.playing;
    this.audio?.pause();
    this.parts?.pause();
    this.rest(seconds);
    if (playing) await this.play(seconds);
    this.change();
  }

  // Changes one part ({muted, solo, level}) and moves on to the engine that can play the mix.
  async setPart(index, values) {
    const [seconds, playing, before] = [this.time, this.playing, this.mixing];
    Object.assign(this.mix[index], values);
    if (this.mixing) await this.openParts();
    if (before !== this.mixing) await this.moveTo(seconds, playing);
    this.parts?.balance();
    this.change();
  }

  async moveTo(seconds, playing) {
    this.audio?.pause();
    this.parts?.pause();
    this.rest(seconds);
    if (playing) await this.play(seconds);
  }

  async openParts() {
    if (this.parts) return;
    const [notes, { Synth }] = await Promise.all([this.notes(), import("./synth.js")]);
    if (!this.parts) this.useParts(new Synth(notes, () => this.finish()));
  }

  // Replaces the engine of the parts, at the same place of the song.
  useParts(engine) {
    const [seconds, playing] = [this.parts?.time ?? this.time, Boolean(this.parts?.playing)];
    this.parts?.pause();
    this.parts = engine;
    engine.levelOf = (index) => this.levelOf(index);
    engine.offset = seconds;
    this.applyVolume();
    if (playing) engine.play(seconds);
    this.change();
  }

  applyVolume() {
    if (this.audio) this.audio.volume = volume.level;
    if (this.parts) this.parts.volume = volume.level;
  }
}

export function setVolume(level) {
  volume.level = level;
  save("volume", level);
}
