// Plays a song's notes part by part with the browser's own sounds, so that parts can be muted. Knows no elements.

import { makeVoice } from "./voices.js";

const AHEAD = 0.35; // seconds of notes handed to the sound card before they are due
const ROUND = 100; // milliseconds between two looks

let shared = null;

export class Synth {
  constructor(notes, onEnd) {
    this.notes = notes;
    this.onEnd = onEnd;
    this.offset = 0;
    this.playing = false;
    this.audible = () => true;
  }

  get time() {
    return this.playing ? Math.max(0, this.context.currentTime - this.origin) : this.offset;
  }

  play(from) {
    this.pause();
    this.context = shared ??= new AudioContext();
    this.context.resume();
    this.master = new GainNode(this.context, { gain: 0.5 });
    this.master.connect(new DynamicsCompressorNode(this.context)).connect(this.context.destination);
    this.outs = this.notes.parts.map(() => new GainNode(this.context));
    this.outs.forEach((out) => out.connect(this.master));
    this.voices = this.notes.parts.map((part, index) => makeVoice(this.context, part, this.outs[index]));
    this.origin = this.context.currentTime + 0.05 - from;
    this.next = this.notes.parts.map((part) => part.notes.findIndex((note) => note[0] >= from - 0.01));
    this.playing = true;
    this.balance();
    this.timer = setInterval(() => this.hand(), ROUND);
    this.hand();
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
    this.outs.forEach((out, index) => out.gain.setTargetAtTime(this.audible(index) ? 1 : 0, this.context.currentTime, 0.015));
  }

  hand() {
    const until = this.time + AHEAD;
    this.notes.parts.forEach((part, index) => {
      let at = this.next[index];
      while (at >= 0 && at < part.notes.length && part.notes[at][0] < until) {
        const [onset, duration, pitch, velocity] = part.notes[at++];
        const when = Math.max(this.context.currentTime, this.origin + onset);
        if (this.audible(index)) this.voices[index](when, duration, pitch, (velocity / 127) ** 1.5);
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
