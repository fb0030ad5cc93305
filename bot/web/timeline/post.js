// One post and the band's reply: its progress, then the song with its player and actions.

import { pieces } from "../compose/command.js";
import { ago, element, genreLabel } from "../lib/dom.js";
import { SETTLED } from "../lib/follow.js";
import { deckOf } from "../player/playing.js";
import { PlayerView } from "../player/view.js";
import { songActions } from "./actions.js";

const DOING = { queued: "Waiting for the stage", composing: "Composing", rendering: "Recording and filming" };
const DID = { again: "asked again", vary: "asked for a variation", extend: "asked for more", replace: "replaced a part", remix: "remixed" };

export class Post {
  // state: a composition's JSON, or {text} while it is being sent.
  // actions: {post({text, reply_to, parent}), remix(post), discard(post), sendNow(post), removed(post)}
  constructor(state, actions) {
    this.actions = actions;
    this.text = state.text;
    this.asked = element("div", { class: "row asked" });
    this.reply = element("div", { class: "row reply" });
    this.live = element("span", { class: "unseen", role: "status" });
    this.node = element("article", { class: "post", tabindex: "0", "aria-busy": "true" }, this.asked, this.reply, this.live);
    this.node.post = this;
    this.update(state);
  }

  get song() {
    return this.state.status === "done" ? this.state : null;
  }

  update(state) {
    const before = this.state?.status;
    this.state = state;
    this.text = state.text || this.text;
    if (state.id) this.node.dataset.id = state.id;
    this.node.dataset.status = state.status ?? "sending";
    if (before === undefined || before !== state.status) this.build();
    if (this.progress) this.showProgress();
    this.node.setAttribute("aria-busy", String(!SETTLED.includes(state.status)));
    this.node.setAttribute("aria-label", `${state.title || this.text || "Song"}: ${state.status ?? "sending"}`);
  }

  trouble(detail) {
    if (this.doing) this.doing.textContent = `${detail} Still trying…`;
  }

  // The request is kept and sent again in `seconds`.
  keepTrying(problem, seconds) {
    const now = element("button", { type: "button", class: "quiet", onclick: () => this.actions.sendNow(this) }, "Send now");
    const discard = element("button", { type: "button", class: "quiet", onclick: () => this.actions.discard(this) }, "Discard");
    const left = element("span", {}, "");
    this.answerWith(element("p", { class: "problem" }, `${problem.message} Your post is kept and is sent again by itself `, left, "."), element("div", { class: "line" }, now, discard));
    left.textContent = seconds > 1 ? `in ${seconds} s` : "now";
    this.node.dataset.status = "kept";
  }

  refuse(problem) {
    this.update({ ...this.state, status: "refused", problem: problem.message });
  }

  build() {
    this.progress = this.doing = this.player = null;
    const who = this.state.house ? "The house" : this.state.mine ? "You" : "A listener";
    this.asked.replaceChildren(element("div", { class: `avatar ${this.state.house ? "house" : "you"}`, "aria-hidden": "true" }), element("div", { class: "body" }, this.head(who, DID[this.state.action] ?? "posted"), this.words(), this.origin()));
    this.body = element("div", { class: "body" }, this.head("Riffbird", "@riffbird", true), ...this.answer());
    this.reply.replaceChildren(element("img", { class: "avatar", src: "/assets/bird.svg", alt: "", width: 44, height: 44 }), this.body);
  }

  answerWith(...content) {
    this.progress = this.doing = null;
    this.body.replaceChildren(this.head("Riffbird", "@riffbird", true), ...content);
  }

  head(name, handle, band = false) {
    const { finished_at: finished, url } = this.state;
    const date = finished ? new Date(finished) : new Date();
    const time = element("time", { datetime: date.toISOString(), title: date.toLocaleString() }, finished ? ago(date) : "now");
    const when = band && url ? element("a", { class: "permalink", href: url, "aria-label": `Permalink, ${time.textContent}` }, time) : time;
    return element("p", { class: "head" }, element("strong", {}, name), element("span", { class: "handle" }, handle), element("span", { class: "handle", "aria-hidden": "true" }, "·"), when);
  }

  words() {
    const shown = this.text || this.state.command || "";
    return element("p", { class: "words-written", dir: "auto" }, ...pieces(shown).map(({ part, command }) => (command ? element("span", { class: "command" }, part) : part)));
  }

  // What is different from the song that this one came from.
  origin() {
    const { parent, change, action } = this.state;
    if (!parent && !change) return null;
    const from = parent && element("a", { href: `/songs/${parent}` }, "the song it came from");
    return element("p", { class: "change", dir: "auto" }, change || action || "", from && (change || action) ? " · " : null, from);
  }

  answer() {
    if (this.state.status === "done") return this.finished();
    if (["refused", "failed"].includes(this.state.status)) return [element("p", { class: "problem", dir: "auto" }, this.state.problem ?? "That did not work.")];
    this.doing = element("p", { class: "doing" }, "Sending…");
    this.progress = element("progress", { max: 1, value: 0, "aria-label": "Progress of the song" });
    const stage = element("div", { class: "stage waiting", "aria-hidden": "true" }, ...Array.from({ length: 24 }, () => element("i")));
    return [this.doing, ...this.notices(), stage, this.progress];
  }

  notices() {
    return (this.state.notices ?? []).map((notice) => element("p", { class: "notice", dir: "auto" }, notice));
  }

  showProgress() {
    const { status, progress, position, eta_seconds: eta } = this.state;
    if (!status) return;
    this.progress.value = progress ?? 0;
    const share = Math.round((progress ?? 0) * 100);
    this.doing.textContent = status === "queued"
      ? `${DOING.queued}${position > 1 ? `: ${position - 1} before you` : ""}${eta ? `, about ${eta} s` : ""}…`
      : `${DOING[status]}… ${share} %`;
    // Spoken once a stage, not at every percent.
    if (this.live.dataset.stage !== status) this.live.textContent = this.doing.textContent;
    this.live.dataset.stage = status;
  }

  finished() {
    const song = this.state;
    this.player = new PlayerView(song);
    if (this.live.dataset.stage) this.live.textContent = `${song.title || "The song"} is ready.`;
    const facts = [genreLabel(song.genre), `${Math.round(song.tempo_bpm)} bpm`, song.key, `${song.bars} bars`, `seed ${song.seed}`, song.house ? "by the house" : null];
    return [
      element("h2", { class: "title", dir: "auto" }, element("a", { href: song.url }, song.title || "Untitled")),
      element("ul", { class: "facts", "aria-label": "About the song" }, ...facts.filter(Boolean).map((fact) => element("li", {}, fact))),
      ...this.notices(),
      this.player.node,
      songActions(this),
    ];
  }

  get deck() {
    return this.song && deckOf(this.song);
  }
}
