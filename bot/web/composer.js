// The form for a new post: text, chips and sliders show and change the same words.

import { readWord, writeWord } from "./command.js";
import { element } from "./dom.js";

const LONGEST = 280;
const TITLES = ["Dancing robots", "Midnight train", "Rain on tin roofs", "The last arcade", "Coffee at dawn", "Wolves in the wires", "Seven wrong turns", "Paper dragons"];
const at = (id) => document.getElementById(id);

export class Composer {
  constructor(onSend) {
    this.form = at("composer");
    this.text = at("text");
    this.genres = [];
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      const words = this.text.value.trim();
      if (!words || this.length > LONGEST) return this.text.focus();
      this.fill("");
      onSend(words);
    });
    this.text.addEventListener("input", () => this.show());
    this.text.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.form.requestSubmit();
    });
    for (const [id, letter] of [["tempo", "t"], ["randomness", "r"]]) {
      at(id).addEventListener("input", () => this.write(letter, at(id).value));
    }
    for (const [id, letter] of [["tempo", "t"], ["randomness", "r"]]) {
      at(`${id}-reset`).addEventListener("click", () => this.write(letter, null));
    }
    at("surprise").addEventListener("click", () => this.surprise());
    this.show();
  }

  get length() {
    return [...this.text.value].length;
  }

  offer(genres) {
    this.genres = genres;
    at("genres").replaceChildren(...genres.map((genre) => element("button", {
      type: "button", class: "chip", "data-genre": genre.name, title: genre.description, "aria-pressed": "false",
      onclick: () => this.write("g", this.genre?.name === genre.name ? null : genre.name),
    }, genre.name.replaceAll("-", " "))));
    this.show();
  }

  get genre() {
    const asked = readWord(this.text.value, "g")?.toLowerCase().replaceAll("_", "-");
    return this.genres.find((genre) => genre.name === asked || genre.aliases.includes(asked)) ?? null;
  }

  write(letter, value) {
    this.text.value = writeWord(this.text.value, letter, value);
    this.show();
  }

  fill(words) {
    this.text.value = words;
    this.show();
  }

  remix(words) {
    this.fill(words);
    this.form.scrollIntoView({ block: "center" });
    this.text.focus({ preventScroll: true });
    this.form.classList.remove("lit");
    requestAnimationFrame(() => this.form.classList.add("lit"));
  }

  surprise() {
    const pick = (list) => list[Math.floor(Math.random() * list.length)];
    const genre = pick(this.genres)?.name ?? "heavy-metal";
    this.fill(`${pick(TITLES)} /compose /g ${genre} /r ${(Math.round(Math.random() * 16) / 20 + 0.1).toFixed(2)}`);
    this.text.focus();
  }

  show() {
    this.text.style.height = "auto";
    this.text.style.height = `${Math.max(60, this.text.scrollHeight)}px`;
    for (const chip of at("genres").children) chip.setAttribute("aria-pressed", String(chip.dataset.genre === this.genre?.name));
    showSlider("tempo", readWord(this.text.value, "t"), "any", "drawn by the band", " bpm");
    showSlider("randomness", readWord(this.text.value, "r"), "0.5", "0.5, as usual", "");
    this.count();
  }

  count() {
    const left = LONGEST - this.length;
    at("ring").style.strokeDasharray = `${Math.min(100, (this.length / LONGEST) * 100)} 100`;
    at("count").dataset.state = left < 0 ? "over" : left <= 20 ? "near" : "fine";
    at("count-label").textContent = left <= 20 ? String(left) : "";
    at("count").title = `${left} characters left`;
    at("send").disabled = left < 0 || !this.text.value.trim();
  }
}

function showSlider(id, word, unset, spoken, unit) {
  const slider = at(id);
  const value = word === null ? NaN : Number(word.replace(",", "."));
  const set = Number.isFinite(value);
  if (set) slider.value = String(value);
  slider.classList.toggle("unset", !set);
  const [low, high] = [Number(slider.min), Number(slider.max)];
  slider.style.setProperty("--share", `${((Number(slider.value) - low) / (high - low)) * 100}%`);
  slider.setAttribute("aria-valuetext", set ? `${slider.value}${unit}` : spoken);
  at(`${id}-value`).textContent = set ? slider.value : unset;
  at(`${id}-reset`).hidden = !set;
}
