// Plays a song's notes part by part with the browser's own sounds. Knows no elements.

import { context } from "./context.js";
import { makeVoice } from "./voices.js";

const AHEAD_SECONDS = 0.35; // notes are handed to the sound card this long before they are due
const ROUND_MILLISECONDS = 100;

export class Synth {
  constructor(notes, onEnd) {
    this.notes = notes;
    this.onEnd = onEnd;
    this.offset = 0;
    this.playing = false;
    this.levelOf = () => 1;
    this.level = 1;
  }

  set volume(level) {
    this.level = level;
    if (this.playing) this.master.gain.value = 0.5 * level;
  }

  get time() {
    return this.playing ? Math.max(0, context().currentTime - this.origin) : this.offset;
  }

  play(from) {
    this.pause();
    const sound = context();
    this.master = new GainNode(sound, { gain: 0.5 * this.level });
    this.master.connect(new DynamicsCompressorNode(sound)).connect(sound.destination);
    this.outs = this.notes.parts.map((_part, index) => new GainNode(sound, { gain: this.levelOf(index) }));
    this.outs.forEach((out) => out.connect(this.master));
    this.voices = this.notes.parts.map((part, index) => makeVoice(sound, part, this.outs[index]));
    this.origin = sound.currentTime + 0.05 - from;
    this.next = this.notes.parts.map((part) => part.notes.findIndex((note) => note[0] >= from - 0.01));
    this.playing = true;
    this.timer = setInterval(() => this.schedule(), ROUND_MILLISECONDS);
    this.schedule();
  }

  pause() {
    if (!this.playing) return;
    this.offset = this.time;
    this.playing = false;
    clearInterval(this.timer);
    this.master.disconnect(); // notes under way end unheard
  }

  balance() {
    if (!this.playing) return;
    this.outs.forEach((out, index) => out.gain.setTargetAtTime(this.levelOf(index), context().currentTime, 0.015));
  }

  schedule() {
    const until = this.time + AHEAD_SECONDS;
    this.notes.parts.forEach((part, index) => {
      let at = this.next[index];
      while (at >= 0 && at < part.notes.length && part.notes[at][0] < until) {
        const [onset, duration, pitch, velocity] = part.notes[at++];
        const when = Math.max(context().currentTime, this.origin + onset);
        if (this.levelOf(index)) this.voices[index](when, duration, pitch, (velocity / 127) ** 1.5);
      }
      this.next[index] = at;
    });
    if (this.time > this.notes.duration + 0.5) {
      this.pause();
      this.offset = 0;
      this.onEnd();
    }
  }
}
