// Says how a request differs from the song it came from: "same seed, slower (160 → 120 bpm), in Dm".

import { genreLabel } from "../lib/dom.js";
import { readBlend, readChords, readFlag, readKey, readWord } from "./command.js";

const number = (text) => (text === null ? null : Number.parseFloat(text.replace(",", ".")) / (text.endsWith("%") ? 100 : 1));
const chords = (text) => readChords(readWord(text, "c")).join(" ");

// song: the parent's JSON. text: the new request's command words. Returns phrases.
export function difference(song, text) {
  const before = song.command ?? "";
  const said = [];
  const seed = readWord(text, "s");
  said.push(seed !== null && seed === String(song.seed) ? "same seed" : "new seed");
  const moved = (letter, was, [less, more], unit) => {
    const now = number(readWord(text, letter));
    if (now !== null && was !== null && was !== undefined && Math.abs(now - was) > 1e-6) said.push(`${now < was ? less : more} (${Math.round(was * 100) / 100} → ${now}${unit})`);
  };
  const genre = (words) => readBlend(readWord(words, "g")).map((part) => `${part.name}:${part.weight.toFixed(2)}`).join("+");
  if (genre(text) !== genre(before) && readWord(text, "g")) said.push(`as ${genreLabel(readBlend(readWord(text, "g")).map((part) => part.name).join("+"))}`);
  moved("t", song.tempo_bpm, ["slower", "faster"], " bpm");
  moved("r", song.randomness, ["calmer", "wilder"], "");
  moved("l", number(readWord(before, "l")) ?? 45, ["shorter", "longer"], " s");
  const key = readKey(text);
  if (key !== readKey(before)) said.push(key ? `in ${key}` : "any key");
  if (chords(text) !== chords(before)) said.push(chords(text) ? `over ${chords(text)}` : "own chords");
  const band = readWord(text, "i");
  if ((band ?? "") !== (readWord(before, "i") ?? "")) said.push(band ? `with ${band.replaceAll(",", ", ")}` : "usual band");
  if ((readWord(text, "v") ?? "0") !== (readWord(before, "v") ?? "0")) said.push("another variation");
  if (readFlag(text, "e") !== readFlag(before, "e")) said.push(readFlag(text, "e") ? "embedding sampling" : "probability sampling");
  return said;
}
