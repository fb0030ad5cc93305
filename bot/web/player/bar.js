// The bar at the foot of the page: it stays while the page scrolls, and plays the current song.

import { at, clock, element } from "../lib/dom.js";
import { icon } from "../lib/icons.js";
import { volume } from "./deck.js";
import * as playing from "./playing.js";

let parts = null;

function build() {
  const button = (name, label, key, act) => element("button", { type: "button", class: "deck-button", "aria-label": label, title: key ? `${label} (${key})` : label, "aria-keyshortcuts": key, onclick: act }, icon(name));
  const play = element("button", { type: "button", class: "deck-button deck-play", "aria-keyshortcuts": "p", onclick: () => playing.toggle(playing.currentDeck().song) }, icon("play"), icon("pause"), element("kbd", { "aria-hidden": "true" }, "p"));
  const previous = button("previous", "Previous song", null, () => playing.step(-1));
  const next = button("next", "Next song", null, () => playing.step(1));
  const title = element("a", { class: "deck-title", dir: "auto" });
  const time = element("span", { class: "time" });
  const seek = element("input", { type: "range", min: 0, step: 0.1, "aria-label": "Position", oninput: () => playing.currentDeck().jump(Number(seek.value)) });
  const level = element("input", { type: "range", class: "volume", min: 0, max: 1, step: 0.05, value: volume.level, "aria-label": "Volume", oninput: () => playing.changeVolume(Number(level.value)) });
  const goesOn = element("button", { type: "button", class: "deck-button", "aria-label": "Go on with the next song", title: "Go on with the next song", onclick: () => {
    playing.setPlaysNext(!playing.playsNext());
    show();
  } }, icon("queue"));
  const film = button("film", "Film, full screen", null, async () => (await import("./film.js")).showFilm(playing.currentDeck()));
  const close = button("close", "Close the player", null, playing.close);
  at("deck").replaceChildren(
    seek,
    element("div", { class: "deck-row" }, previous, play, next, element("div", { class: "deck-text" }, title, time), film, goesOn, element("span", { class: "deck-volume" }, icon("volume"), level), close));
  return { play, previous, next, title, time, seek, level, goesOn, film };
}

function show() {
  const deck = playing.currentDeck();
  at("deck").hidden = !deck;
  document.body.classList.toggle("with-deck", Boolean(deck));
  if (!deck) return;
  parts ??= build();
  const { song } = deck;
  parts.title.textContent = song.title || "Untitled";
  parts.title.href = song.url;
  parts.seek.max = String(deck.duration);
  parts.previous.disabled = !playing.neighbour(-1);
  parts.next.disabled = !playing.neighbour(1);
  parts.goesOn.setAttribute("aria-pressed", String(playing.playsNext()));
  parts.film.hidden = !song.files.mp4;
  parts.play.setAttribute("aria-label", `${deck.playing ? "Pause" : "Play"} the current song`);
  parts.play.classList.toggle("playing", deck.playing);
  parts.level.style.setProperty("--share", `${volume.level * 100}%`);
  announce(deck);
  showTime();
}

function showTime() {
  const deck = playing.currentDeck();
  if (!deck) return;
  const { time, duration } = deck;
  parts.seek.value = String(time);
  parts.seek.style.setProperty("--share", `${(time / duration) * 100}%`);
  parts.seek.setAttribute("aria-valuetext", `${clock(time)} of ${clock(duration)}`);
  parts.time.textContent = `${clock(time)} / ${clock(duration)}`;
}

// What the system's own media keys and lock screen show.
function announce({ song, playing: sounds }) {
  if (!navigator.mediaSession) return;
  navigator.mediaSession.metadata = new MediaMetadata({ title: song.title || "Untitled", artist: "Riffbird", artwork: song.files.png ? [{ src: song.files.png }] : [] });
  navigator.mediaSession.playbackState = sounds ? "playing" : "paused";
}

let ticking = false;

function tick() {
  ticking = Boolean(playing.currentDeck()?.playing);
  if (!ticking) return;
  showTime();
  requestAnimationFrame(tick);
}

export function startBar() {
  playing.events.addEventListener("current", show);
  playing.events.addEventListener("change", () => {
    show();
    if (!ticking) tick();
  });
  if (!navigator.mediaSession) return;
  for (const [action, act] of [["play", () => playing.start(playing.currentDeck().song)], ["pause", () => playing.currentDeck()?.pause()], ["nexttrack", () => playing.step(1)], ["previoustrack", () => playing.step(-1)]]) navigator.mediaSession.setActionHandler(action, act);
}
