// Finding songs: words of the title, a genre, or only those of this device. The address shows what is asked for.

import { at, element, genreLabel } from "../lib/dom.js";
import { mine } from "../lib/storage.js";

const TYPING_MILLISECONDS = 250;
const MOST_IDS = 50;

export class Finder {
  constructor(onChange) {
    this.onChange = onChange;
    const given = new URLSearchParams(location.search);
    at("find-text").value = given.get("q") ?? "";
    this.genre = given.get("genre") ?? "";
    at("find-mine").setAttribute("aria-pressed", String(given.has("mine")));
    at("find").addEventListener("submit", (event) => {
      event.preventDefault();
      this.changed();
    });
    at("find-text").addEventListener("input", () => {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.changed(), TYPING_MILLISECONDS);
    });
    at("find-genre").addEventListener("change", () => {
      this.genre = at("find-genre").value;
      this.changed();
    });
    at("find-mine").addEventListener("click", () => {
      at("find-mine").setAttribute("aria-pressed", String(!this.onlyMine));
      this.changed();
    });
  }

  offer(genres) {
    at("find-genre").append(...genres.map(({ name }) => element("option", { value: name }, genreLabel(name))));
    at("find-genre").value = this.genre;
  }

  get onlyMine() {
    return at("find-mine").getAttribute("aria-pressed") === "true";
  }

  get active() {
    return Boolean(this.text || this.genre || this.onlyMine);
  }

  get text() {
    return at("find-text").value.trim().slice(0, 80);
  }

  // The timeline's query. House songs have a row of their own, but are found here too.
  get query() {
    const ids = this.onlyMine ? mine.all().slice(-MOST_IDS).map((record) => record.id).join(",") || "none" : null;
    return { q: this.text, genre: this.genre, ids, house: this.active ? null : "false" };
  }

  changed() {
    clearTimeout(this.timer);
    const search = new URLSearchParams();
    if (this.text) search.set("q", this.text);
    if (this.genre) search.set("genre", this.genre);
    if (this.onlyMine) search.set("mine", "");
    history.replaceState(null, "", `${search}` ? `?${search}` : location.pathname);
    this.onChange();
  }
}
