// Which song sounds, and which one is next. One song sounds at a time.

import { toast } from "../lib/dom.js";
import { load, save } from "../lib/storage.js";
import { Deck, setVolume } from "./deck.js";

export const events = new EventTarget(); // "current": another deck; "change": the deck's state
const decks = new Map();
const queue = [];
let current = null;
let order = () => []; // songs as they stand on the page
let goesOn = load("goes-on", true);

export const currentDeck = () => current;
export const queued = () => [...queue];
export const playsNext = () => goesOn;
export const setOrder = (songs) => (order = songs);

export function setPlaysNext(on) {
  goesOn = on;
  save("goes-on", on);
}

export function deckOf(song) {
  if (!decks.has(song.id)) {
    const deck = new Deck(song);
    deck.addEventListener("change", () => deck === current && events.dispatchEvent(new Event("change")));
    deck.addEventListener("ended", () => deck === current && goesOn && step(1, true));
    decks.set(song.id, deck);
  }
  return decks.get(song.id);
}

export async function start(song, from) {
  const deck = deckOf(song);
  if (current !== deck) {
    current?.pause();
    current = deck;
    events.dispatchEvent(new Event("current"));
  }
  try {
    await deck.play(from);
  } catch {
    toast("This song cannot be played just now.");
  }
}

export async function toggle(song) {
  const deck = deckOf(song);
  if (deck.playing) deck.pause();
  else await start(song);
}

export function playLater(song) {
  queue.push(song);
}

// The song `by` places after the current one; a queued one goes first.
export function neighbour(by) {
  if (by > 0 && queue.length) return queue[0];
  const songs = order();
  const here = songs.findIndex((song) => song.id === current?.song.id);
  return songs[here + by] ?? null;
}

export function step(by, ended = false) {
  const song = neighbour(by);
  if (!song) return ended ? undefined : current?.jump(0);
  if (song === queue[0]) queue.shift();
  return start(song, 0);
}

export function close() {
  current?.pause();
  current = null;
  events.dispatchEvent(new Event("current"));
}

export function changeVolume(level) {
  setVolume(level);
  current?.applyVolume();
  events.dispatchEvent(new Event("change"));
}

export function gone(id) {
  const place = queue.findIndex((song) => song.id === id);
  if (place >= 0) queue.splice(place, 1);
  if (current?.song.id === id) close();
  decks.delete(id);
}
