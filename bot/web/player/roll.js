// Piano rolls on a canvas: a window that moves with the music, and the whole song. Draws, and knows no sound.

import { reducedMotion } from "../lib/dom.js";

const WINDOW_SECONDS = 6.5;
const PLAYHEAD = 0.28; // where "now" stands in the window once the music moves, as a share of the width
const DRUM_SHARE = 0.2;
const MARKS_HEIGHT = 18; // pixels above the notes for chord names and sections

const PALETTE = ["#ff5d73", "#9b7bff", "#12b5a5", "#f59f0b", "#5a9bff", "#e05cc8", "#7fb82a", "#f97316"];

// A part's colour: drums are grey, the others take turns.
export function partColours(parts) {
  let turn = 0;
  return parts.map((part) => (part.is_drum ? "#9aa2b5" : PALETTE[turn++ % PALETTE.length]));
}

export class Roll {
  // notes: {duration, bars, parts}. marks: {chords: [[seconds, name]], sections: [[seconds, label]]}.
  constructor(notes, marks) {
    this.notes = notes;
    this.marks = marks;
    this.colours = partColours(notes.parts);
    this.levelOf = () => 1;
    const pitched = notes.parts.filter((part) => !part.is_drum).flatMap((part) => part.notes.map((note) => note[2]));
    this.low = Math.min(...pitched, 127) - 1;
    this.high = Math.max(...pitched, 0) + 1;
    if (this.low > this.high) [this.low, this.high] = [48, 72];
    this.drums = [...new Set(notes.parts.filter((part) => part.is_drum).flatMap((part) => part.notes.map((note) => note[2])))].sort((a, b) => a - b);
  }

  // The window around `now`. It stands at the song's start until the playhead has come to its place.
  drawWindow(canvas, now) {
    const [pen, width, height] = prepare(canvas);
    if (!width) return;
    const last = Math.max(0, this.notes.duration - WINDOW_SECONDS);
    const begin = reducedMotion() ? Math.floor(now / WINDOW_SECONDS) * WINDOW_SECONDS : Math.min(last, Math.max(0, now - WINDOW_SECONDS * PLAYHEAD));
    const x = (seconds) => ((seconds - begin) / WINDOW_SECONDS) * width;
    this.drawBars(pen, x, width, height);
    this.notes.parts.forEach((part, index) => this.drawPart(pen, part, index, { x, width, top: MARKS_HEIGHT, height, now }));
    this.drawNames(pen, x, width);
    pen.fillStyle = "#ffffffd9";
    pen.fillRect(x(now) - 1, 0, 2, height);
  }

  drawWhole(canvas) {
    const [pen, width, height] = prepare(canvas);
    if (!width) return;
    const x = (seconds) => (seconds / this.notes.duration) * width;
    this.drawSections(pen, x, height);
    this.notes.parts.forEach((part, index) => this.drawPart(pen, part, index, { x, width, top: 2, height, now: -1 }));
  }

  drawBars(pen, x, width, height) {
    pen.fillStyle = "#ffffff16";
    for (const bar of this.notes.bars) if (x(bar) >= 0 && x(bar) <= width) pen.fillRect(x(bar), 0, 1, height);
  }

  drawSections(pen, x, height) {
    this.marks.sections.forEach(([seconds], index) => {
      const end = this.marks.sections[index + 1]?.[0] ?? this.notes.duration;
      pen.fillStyle = index % 2 ? "#ffffff0a" : "#ffffff1c";
      pen.fillRect(x(seconds), 0, x(end) - x(seconds), height);
    });
  }

  // Chord names and section labels above the bars. A chord that began before the window stands at its left edge; a name
  // that would overlap another is left out.
  drawNames(pen, x, width) {
    pen.font = "600 12px system-ui, sans-serif";
    pen.textBaseline = "top";
    const labelled = new Map();
    for (const [seconds, label] of this.marks.sections) {
      if (x(seconds) < -20 || x(seconds) > width) continue;
      const wide = pen.measureText(label).width + 8;
      pen.fillStyle = "#ffd36b";
      pen.fillRect(x(seconds) + 1, 1, wide, 15);
      pen.fillStyle = "#17131f";
      pen.fillText(label, x(seconds) + 5, 3);
      labelled.set(Math.round(seconds * 10), wide + 3);
    }
    pen.fillStyle = "#ffffffd9";
    let free = 0;
    this.marks.chords.forEach(([seconds, name], index) => {
      const next = x(this.marks.chords[index + 1]?.[0] ?? Infinity);
      const left = Math.max(4, x(seconds) + 4 + (labelled.get(Math.round(seconds * 10)) ?? 0));
      const wide = pen.measureText(name).width;
      if (next <= 0 || left > width || left < free || (x(seconds) < 0 && next < left + wide)) return;
      pen.fillText(name, left, 3);
      free = left + wide + 6;
    });
  }

  drawPart(pen, part, index, { x, width, top: head, height, now }) {
    const drumTop = this.drums.length ? height - (height - head) * DRUM_SHARE : height;
    const lane = part.is_drum ? (height - drumTop - 3) / this.drums.length : (drumTop - head - 4) / (this.high - this.low + 1);
    const level = this.levelOf(index);
    for (const [onset, duration, pitch, velocity] of part.notes) {
      const left = x(onset);
      if (left > width) break;
      const right = x(onset + duration);
      if (right < 0) continue;
      const sounding = now >= onset && now < onset + Math.max(duration, 0.12);
      const row = part.is_drum ? this.drums.length - 1 - this.drums.indexOf(pitch) : this.high - pitch;
      const top = (part.is_drum ? drumTop + 1 : head + 2) + row * lane;
      const long = part.is_drum ? Math.max(1.5, Math.min(lane, right - left)) : Math.max(1.5, right - left - 1);
      pen.globalAlpha = level ? (sounding ? 1 : 0.55 + (velocity / 127) * 0.4) : 0.1;
      pen.fillStyle = sounding && level ? "#ffffff" : this.colours[index];
      pen.fillRect(left, top, long, Math.max(1.5, Math.min(lane - 0.5, 9)));
    }
    pen.globalAlpha = 1;
  }
}

// [context in CSS pixels, cleared; width; height]
function prepare(canvas) {
  const { clientWidth: width, clientHeight: height } = canvas;
  const scale = devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * scale)) canvas.width = Math.round(width * scale);
  if (canvas.height !== Math.round(height * scale)) canvas.height = Math.round(height * scale);
  const pen = canvas.getContext("2d");
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  pen.clearRect(0, 0, width, height);
  return [pen, width, height];
}

// Chord names and section marks: the server's, or the song's chords one a bar.
export function marksOf(song, notes) {
  const perBar = (song.chords ?? []).map((name, bar) => [notes.bars[bar], name]).filter(([seconds, name], bar, all) => seconds !== undefined && name !== all[bar - 1]?.[1]);
  return { chords: notes.chords?.length ? notes.chords : perBar, sections: notes.sections ?? [] };
}
