// The moving piano roll: notes slide past a playhead; drums have a band of their own below. Draws, and knows no sound.

const AHEAD = 6.5; // seconds of music from the left edge to the right
const PLAYHEAD = 0.28; // where "now" is, as a share of the width
const DRUM_SHARE = 0.2;

export const PALETTE = ["#ff5d73", "#7a4dff", "#12b5a5", "#f59f0b", "#3b82f6", "#e05cc8", "#65a30d", "#f97316"];

// A part's colour: drums are grey, the others take turns.
export function partColours(parts) {
  let turn = 0;
  return parts.map((part) => (part.is_drum ? "#8b93a7" : PALETTE[turn++ % PALETTE.length]));
}

export class Roll {
  constructor(canvas, notes) {
    this.canvas = canvas;
    this.notes = notes;
    this.colours = partColours(notes.parts);
    this.audible = () => true;
    const pitched = notes.parts.filter((part) => !part.is_drum).flatMap((part) => part.notes.map((note) => note[2]));
    this.low = Math.min(...pitched, 127) - 1;
    this.high = Math.max(...pitched, 0) + 1;
    if (this.low > this.high) [this.low, this.high] = [48, 72];
    this.drums = [...new Set(notes.parts.filter((part) => part.is_drum).flatMap((part) => part.notes.map((note) => note[2])))].sort((a, b) => a - b);
    this.still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    new ResizeObserver(() => this.draw(this.now ?? 0)).observe(canvas);
  }

  draw(now) {
    this.now = now;
    const { width, height } = this.canvas.getBoundingClientRect();
    if (!width) return;
    const scale = devicePixelRatio || 1;
    if (this.canvas.width !== Math.round(width * scale)) this.canvas.width = Math.round(width * scale);
    if (this.canvas.height !== Math.round(height * scale)) this.canvas.height = Math.round(height * scale);
    const pen = this.canvas.getContext("2d");
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    pen.clearRect(0, 0, width, height);
    // With reduced motion the page stands still and the playhead walks over it, window by window.
    const begin = this.still ? Math.floor(now / AHEAD) * AHEAD : now - AHEAD * PLAYHEAD;
    const x = (seconds) => ((seconds - begin) / AHEAD) * width;
    this.drawBars(pen, x, width, height);
    this.notes.parts.forEach((part, index) => this.drawPart(pen, part, index, x, width, height, now));
    pen.fillStyle = "#ffffffd9";
    pen.fillRect(x(now) - 1, 0, 2, height);
  }

  drawBars(pen, x, width, height) {
    pen.fillStyle = "#ffffff12";
    for (const bar of this.notes.bars) {
      const at = x(bar);
      if (at >= 0 && at <= width) pen.fillRect(at, 0, 1, height);
    }
  }

  drawPart(pen, part, index, x, width, height, now) {
    const drumTop = this.drums.length ? height * (1 - DRUM_SHARE) : height;
    const lane = part.is_drum ? (height - drumTop - 6) / this.drums.length : (drumTop - 8) / (this.high - this.low + 1);
    const shown = this.audible(index);
    for (const [onset, duration, pitch, velocity] of part.notes) {
      const left = x(onset);
      if (left > width) break;
      const right = x(onset + duration);
      if (right < 0) continue;
      const sounding = now >= onset && now < onset + Math.max(duration, 0.12);
      const row = part.is_drum ? this.drums.length - 1 - this.drums.indexOf(pitch) : this.high - pitch;
      const top = (part.is_drum ? drumTop + 3 : 4) + row * lane;
      const long = part.is_drum ? Math.max(4, lane) : Math.max(3, right - left - 1);
      pen.globalAlpha = shown ? (sounding ? 1 : 0.5 + (velocity / 127) * 0.4) : 0.1;
      pen.fillStyle = sounding && shown ? lighter(this.colours[index]) : this.colours[index];
      pen.beginPath();
      pen.roundRect(left, top, long, Math.max(2.5, Math.min(lane - 1, 9)), 2);
      pen.fill();
    }
    pen.globalAlpha = 1;
  }
}

function lighter(colour) {
  const parts = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
  return `rgb(${parts.map((value) => Math.round(value + (255 - value) * 0.55)).join(" ")})`;
}
