// Plays a song's parts from their recordings, so that levels and mutes have the real sound.

import { makeFile } from "../lib/api.js";
import { context } from "./context.js";

const GAIN = 0.7; // stems are unmastered; the limiter catches what exceeds full scale

// Fetches and decodes the recording of each part: [AudioBuffer].
export async function loadStems(stems) {
  return Promise.all(stems.map(async ({ mp3, wav }) => {
    const answer = await fetch(mp3 ?? wav);
    if (!answer.ok) throw new Error(`${answer.status} for a part's recording`);
    return context().decodeAudioData(await answer.arrayBuffer());
  }));
}

// Asks for a format until it is made; onWait(seconds) between two tries.
export async function made(id, format) {
  for (;;) {
    const { status, retry_after: seconds } = await makeFile(id, format);
    if (status === "done") return;
    await new Promise((resolve) => setTimeout(resolve, (seconds || 1) * 1000));
  }
}

export class Stems {
  constructor(buffers, duration, onEnd) {
    Object.assign(this, { buffers, duration, onEnd, offset: 0, playing: false, levelOf: () => 1, level: 1 });
  }

  set volume(level) {
    this.level = level;
    if (this.playing) this.master.gain.value = GAIN * level;
  }

  get time() {
    return this.playing ? Math.max(0, context().currentTime - this.origin) : this.offset;
  }

  play(from) {
    this.pause();
    const sound = context();
    this.master = new GainNode(sound, { gain: GAIN * this.level });
    this.master.connect(new DynamicsCompressorNode(sound, { threshold: -3, ratio: 12 })).connect(sound.destination);
    this.origin = sound.currentTime + 0.05 - from;
    this.outs = this.buffers.map((buffer, index) => {
      const out = new GainNode(sound, { gain: this.levelOf(index) });
      const source = new AudioBufferSourceNode(sound, { buffer });
      source.connect(out).connect(this.master);
      source.start(sound.currentTime + 0.05, from);
      return { out, source };
    });
    this.playing = true;
    this.timer = setInterval(() => this.time >= this.duration && this.end(), 100);
  }

  pause() {
    if (!this.playing) return;
    this.offset = this.time;
    this.playing = false;
    clearInterval(this.timer);
    for (const { source } of this.outs) source.stop();
    this.master.disconnect();
  }

  end() {
    this.pause();
    this.offset = 0;
    this.onEnd();
  }

  balance() {
    if (this.playing) this.outs.forEach(({ out }, index) => out.gain.setTargetAtTime(this.levelOf(index), context().currentTime, 0.015));
  }
}
