// Genre chips, a second genre, and the fader between the two.

import { element, genreLabel } from "../lib/dom.js";
import { readBlend, writeBlend } from "./command.js";

export function genreControls(words) {
  const chips = element("div", { class: "chips", role: "group", "aria-label": "Genre" });
  const second = element("select", { id: "blend", onchange: () => set(current().first, second.value, 0.5) });
  const fader = element("input", { id: "fader", type: "range", min: 0, max: 1, step: 0.05, value: 0.5, oninput: () => set(current().first, current().second, Number(fader.value)) });
  const ends = [element("span", { class: "end", "aria-hidden": "true" }), element("span", { class: "end", "aria-hidden": "true" })];
  const faderRow = element("div", { class: "fader" }, element("label", { class: "unseen", for: "fader" }, "Share of the second genre"), ends[0], fader, ends[1]);
  const blendRow = element("div", { class: "line" }, element("label", { for: "blend" }, "Blend with"), second, faderRow);
  let genres = [];

  const canonical = (name) => genres.find((genre) => genre.name === name || genre.aliases.includes(name))?.name;
  function current() {
    const [first, other] = readBlend(words.read("g")).map(({ name, weight }) => ({ name: canonical(name), weight })).filter(({ name }) => name);
    return { first: first?.name ?? null, second: other?.name ?? "", share: other?.weight ?? 0.5 };
  }

  function set(first, other, share) {
    words.write("g", first && writeBlend(first, other === first ? "" : other, Math.min(0.95, Math.max(0.05, share))));
  }

  function offer(offered) {
    genres = offered;
    chips.replaceChildren(...genres.map((genre) => element("button", {
      type: "button", class: "chip", "data-genre": genre.name, title: genre.description, "aria-pressed": "false",
      onclick: () => set(current().first === genre.name ? null : genre.name, current().second, current().share),
    }, genreLabel(genre.name))));
    second.replaceChildren(element("option", { value: "" }, "nothing"), ...genres.map((genre) => element("option", { value: genre.name }, genreLabel(genre.name))));
    show();
  }

  function show() {
    const { first, second: other, share } = current();
    for (const chip of chips.children) chip.setAttribute("aria-pressed", String(chip.dataset.genre === first));
    second.disabled = !first;
    second.value = other;
    for (const option of second.options) option.disabled = option.value === first;
    faderRow.hidden = !other;
    fader.value = String(share);
    fader.style.setProperty("--share", `${share * 100}%`);
    fader.setAttribute("aria-valuetext", `${Math.round((1 - share) * 100)} % ${genreLabel(first)}, ${Math.round(share * 100)} % ${genreLabel(other)}`);
    ends[0].textContent = `${genreLabel(first)} ${Math.round((1 - share) * 100)} %`;
    ends[1].textContent = `${Math.round(share * 100)} % ${genreLabel(other)}`;
  }

  return { node: element("div", {}, chips, blendRow), offer, show };
}
