// The form for a post: a line of text, the controls that write into it, a file, and the song that it answers.

import { at, bringIntoView, element } from "../lib/dom.js";
import { hasVerb, readFlag, readKey, readWord, withVerb, writeFlag, writeWord } from "./command.js";
import { difference } from "./difference.js";
import { FilePicker } from "./files.js";

const LONGEST = 280;
const TITLES = ["Dancing robots", "Midnight train", "Rain on tin roofs", "The last arcade", "Coffee at dawn", "Wolves in the wires", "Seven wrong turns", "Paper dragons"];
const pick = (list) => list[Math.floor(Math.random() * list.length)];

export class Composer {
  // onSend({text, reply_to, files, parent}): called with what is to be posted.
  constructor(onSend) {
    this.onSend = onSend;
    this.form = at("composer");
    this.text = at("text");
    this.home = element("div", { class: "composer-home" });
    this.form.before(this.home);
    this.home.append(this.form);
    this.genres = [];
    this.parent = null;
    this.wishesWanted = false; // the last order: the controls are loaded when they are first wanted
    this.files = new FilePicker(this.form, () => this.show());
    this.form.addEventListener("submit", (event) => this.submit(event));
    this.text.addEventListener("input", () => this.show());
    this.text.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        this.form.requestSubmit();
      }
    });
    at("more-wishes").addEventListener("click", () => this.toggleWishes());
    at("surprise").addEventListener("click", () => this.surprise());
    at("reply-cancel").addEventListener("click", () => this.release(true));
    this.form.addEventListener("keydown", (event) => event.key === "Escape" && this.escape(event));
    for (const button of at("nudges").children) button.addEventListener("click", () => this.nudge(button.dataset.word, Number(button.dataset.factor)));
    this.show();
  }

  get length() {
    return [...withVerb(this.text.value.trim())].length;
  }

  get empty() {
    return !this.text.value.trim() && !this.files.chosen;
  }

  // The controls read and write the words through these.
  read(letter) {
    return readWord(this.text.value, letter);
  }

  get key() {
    return readKey(this.text.value);
  }

  write(letter, value) {
    this.text.value = writeWord(this.text.value, letter, value);
    this.show();
  }

  flag(letter) {
    return readFlag(this.text.value, letter);
  }

  setFlag(letter, on) {
    this.text.value = writeFlag(this.text.value, letter, on);
    this.show();
  }

  offer(genres) {
    this.genres = genres;
    this.wishes?.offer(genres);
    this.show();
  }

  submit(event) {
    event.preventDefault();
    if (this.empty || this.length > LONGEST) return this.text.focus();
    const post = { text: withVerb(this.text.value.trim()), reply_to: this.parent?.id ?? null, files: this.files.take(), parent: this.parent };
    this.fill("");
    this.release();
    this.openWishes(false);
    this.onSend(post);
  }

  fill(words) {
    this.text.value = words;
    this.show();
  }

  async toggleWishes() {
    await this.openWishes(!this.wishesWanted);
  }

  async openWishes(open) {
    this.wishesWanted = open;
    if (open && !this.wishes) {
      const { Wishes } = await import("./wishes.js").catch((problem) => {
        this.wishesWanted = false;
        throw problem;
      });
      if (!this.wishesWanted) return; // closed, or posted, meanwhile
      this.wishes ??= new Wishes(at("wishes"), this);
      this.wishes.offer(this.genres);
    }
    at("wishes").hidden = !open;
    at("more-wishes").setAttribute("aria-expanded", String(open));
    at("more-wishes").textContent = open ? "Fewer wishes" : "More wishes";
    this.show();
  }

  // Puts the form under a song's post, filled with the words that repeat it.
  async remix(song, place) {
    this.parent = song;
    place.after(this.form);
    this.fill(song.command);
    at("reply").hidden = false;
    at("reply-title").textContent = song.title || "Untitled";
    this.text.focus({ preventScroll: true });
    await this.openWishes(true);
    bringIntoView(this.form, "nearest");
  }

  release(focus = false) {
    const place = this.form.previousElementSibling;
    if (this.parent && focus) this.fill("");
    this.parent = null;
    at("reply").hidden = true;
    if (this.form.parentElement !== this.home) this.home.append(this.form);
    if (focus) (place?.querySelector("[data-kind=Remix]") ?? this.text).focus();
    this.show();
  }

  escape(event) {
    if (this.parent) {
      event.preventDefault();
      return this.release(true);
    }
    if (this.wishesWanted) {
      event.preventDefault();
      this.openWishes(false);
      at("more-wishes").focus();
    }
  }

  // "Slower": the parent's tempo times a factor; "Calmer": its randomness plus a step.
  nudge(letter, by) {
    const was = Number.parseFloat(this.read(letter)?.replace(",", ".")) || (letter === "t" ? this.parent.tempo_bpm : this.parent.randomness);
    const value = letter === "t" ? Math.min(300, Math.max(40, Math.round(was * by))) : Math.min(1, Math.max(0, Math.round((was + by) * 100) / 100));
    this.write(letter, value);
  }

  surprise() {
    const genre = pick(this.genres)?.name ?? "heavy-metal";
    this.fill(`${pick(TITLES)} /compose /g ${genre} /r ${(Math.round(Math.random() * 16) / 20 + 0.1).toFixed(2)}`);
    this.text.focus();
  }

  focus() {
    this.release();
    bringIntoView(this.form, "center");
    this.text.focus({ preventScroll: true });
  }

  show() {
    this.text.style.height = "auto";
    this.text.style.height = `${this.text.scrollHeight}px`;
    if (!at("wishes").hidden) this.wishes?.show();
    if (this.parent) at("difference").textContent = `${difference(this.parent, withVerb(this.text.value)).join(", ")}.`;
    const typed = this.text.value.trim();
    at("preview").hidden = !typed || hasVerb(typed);
    at("preview-words").textContent = withVerb(typed);
    this.count();
  }

  count() {
    const left = LONGEST - this.length;
    at("count").hidden = left > 20;
    at("count").dataset.state = left < 0 ? "over" : "near";
    at("count").textContent = left < 0 ? `${-left} characters too many` : `${left} characters left`;
    at("send").disabled = left < 0 || this.empty;
  }
}
