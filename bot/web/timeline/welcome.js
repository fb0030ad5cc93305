// A first visit: what this is, a song of each genre to play at once, and three posts to start from.

import { EXAMPLES } from "../compose/examples.js";
import { getTimeline } from "../lib/api.js";
import { at, element, genreLabel } from "../lib/dom.js";
import { icon } from "../lib/icons.js";
import { deckOf, events, toggle } from "../player/playing.js";

// onExample(text): called with the words of a chosen example. Returns the songs of the row, for playing on.
export async function welcome(onExample) {
  at("examples").replaceChildren(...EXAMPLES.map((text) => element("li", {}, element("button", { type: "button", class: "example", onclick: () => onExample(text) }, text))));
  at("welcome").hidden = false;
  const { songs } = await getTimeline({ house: "true", limit: 50 });
  const byGenre = new Map(songs.filter((song) => song.house).map((song) => [song.genre, song]));
  at("house").replaceChildren(...[...byGenre.values()].map(card));
  at("house").hidden = !byGenre.size;
  return [...byGenre.values()];
}

function card(song) {
  const name = `${genreLabel(song.genre)}: ${song.title || "Untitled"}`;
  const button = element("button", { type: "button", class: "house-card", "data-genre": song.genre, onclick: () => toggle(song) },
    icon("play"), icon("pause"), element("strong", {}, genreLabel(song.genre)), element("span", { class: "house-title", dir: "auto" }, song.title || "Untitled"));
  const show = () => {
    const sounds = deckOf(song).playing;
    button.classList.toggle("playing", sounds);
    button.setAttribute("aria-label", `${sounds ? "Pause" : "Play"} ${name}`);
  };
  deckOf(song).addEventListener("change", show);
  events.addEventListener("current", show);
  show();
  return element("li", {}, button);
}
