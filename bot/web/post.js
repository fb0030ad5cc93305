// One post of the timeline and the band's reply: its progress, then the song with its player.

import { report } from "./api.js";
import { pieces, withoutSeed } from "./command.js";
import { ago, element, icon, toast } from "./dom.js";
import { Player } from "./player.js";

const DOING = { queued: "Waiting for the stage", composing: "Composing", rendering: "Recording and filming" };

export class Post {
  // state: a composition's JSON, or {text} while it is being sent. actions: {again(words), remix(words), retry(post)}
  constructor(state, actions) {
    this.actions = actions;
    this.text = state.text;
    this.tweet = element("div", { class: "row tweet" });
    this.reply = element("div", { class: "row reply" });
    this.live = element("span", { class: "unseen", role: "status" });
    this.node = element("article", { class: "post", tabindex: "0", "aria-busy": "true" }, this.tweet, this.reply, this.live);
    this.node.post = this;
    this.update(state);
  }

  update(state) {
    const before = this.state?.status;
    this.state = state;
    if (state.id) this.node.dataset.id = state.id;
    this.node.dataset.status = state.status ?? "sending";
    if (before === undefined || before !== state.status) this.build();
    if (this.progress) this.showProgress();
    this.node.setAttribute("aria-busy", String(!["done", "refused", "failed"].includes(state.status)));
    this.node.setAttribute("aria-label", `${state.title || this.text || "Song"}: ${state.status ?? "sending"}`);
  }

  trouble(detail) {
    if (this.doing) this.doing.textContent = `${detail} Still trying…`;
  }

  // The request was not taken in: say why, and offer to send it again where that may help.
  refuse(problem) {
    this.update({ ...this.state, status: "refused", problem: problem.message });
    if (!problem.retryAfter) return;
    const again = element("button", { type: "button", class: "quiet retry", onclick: () => this.actions.retry(this) });
    this.body.append(again);
    let left = problem.retryAfter;
    const count = () => {
      again.disabled = left > 0;
      again.textContent = left > 0 ? `Try again in ${left} s` : "Try again";
      if (left-- > 0) setTimeout(count, 1000);
    };
    count();
  }

  build() {
    this.progress = this.doing = this.player = null;
    this.tweet.replaceChildren(element("div", { class: "avatar you", "aria-hidden": "true" }), element("div", { class: "body" }, this.head(this.state.mine ? "You" : "A listener", "tweeted"), this.words()));
    this.body = element("div", { class: "body" }, this.head("Riffbird", "@riffbird", true), ...this.answer());
    this.reply.replaceChildren(element("img", { class: "avatar", src: "/assets/bird.svg", alt: "", width: 44, height: 44 }), this.body);
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
    return element("p", { class: "words-written" }, ...pieces(shown).map(({ part, command }) => (command ? element("span", { class: "command" }, part) : part)));
  }

  answer() {
    if (this.state.status === "done") return this.song();
    if (["refused", "failed"].includes(this.state.status)) {
      this.live.textContent = this.state.problem;
      return [element("p", { class: "problem" }, this.state.problem), ...(this.state.status === "failed" ? [this.failedActions()] : [])];
    }
    this.doing = element("p", { class: "doing" }, "Sending…");
    this.progress = element("progress", { max: "1", value: "0", "aria-label": "Progress of the song" });
    return [this.doing, this.progress, element("div", { class: "stage waiting", "aria-hidden": "true" }, ...Array.from({ length: 28 }, () => element("i")))];
  }

  showProgress() {
    const { status, progress, position, eta_seconds: eta } = this.state;
    if (!status) return;
    const share = Math.round(progress * 100);
    this.progress.value = progress;
    const waits = position > 1 ? `${position - 1} ahead of you, about ${eta} s` : "you are next";
    this.doing.textContent = status === "queued" ? `${DOING.queued}: ${waits}` : `${DOING[status]}… ${share} %`;
    // Spoken once a stage, not at every percent.
    if (this.live.dataset.stage !== status) this.live.textContent = this.doing.textContent;
    this.live.dataset.stage = status;
  }

  song() {
    const song = this.state;
    this.player = new Player(song);
    if (this.live.dataset.stage) this.live.textContent = `${song.title || "The song"} is ready.`;
    const facts = [song.genre?.replaceAll("-", " "), `${Math.round(song.tempo_bpm)} bpm`, song.key, `${song.bars} bars`, `seed ${song.seed}`];
    return [
      element("h2", { class: "title" }, element("a", { href: song.url }, song.title || "Untitled")),
      element("ul", { class: "facts", "aria-label": "About the song" }, ...facts.filter(Boolean).map((fact) => element("li", {}, fact))),
      ...song.notices.map((notice) => element("p", { class: "notice" }, notice)),
      this.player.node,
      this.buttons(),
    ];
  }

  buttons() {
    const { id, command, files, url, title } = this.state;
    const button = (name, label, act, kind) => element("button", { type: "button", class: "action", "data-kind": kind, title: label, "aria-label": `${label}: ${title || "the song"}`, onclick: act }, icon(name), element("span", {}, kind));
    const saves = Object.keys(files).filter((kind) => ["mid", "mp3", "mp4"].includes(kind));
    const menu = element("details", { class: "downloads" },
      element("summary", { class: "action", title: "Download", "aria-label": `Download ${title || "the song"}` }, icon("download"), element("span", {}, "Save")),
      element("ul", {}, ...saves.map((kind) => element("li", {}, element("a", { href: `${files[kind]}?download=1`, download: "" }, { mid: "MIDI", mp3: "MP3", mp4: "Video (MP4)" }[kind])))));
    return element("div", { class: "actions", role: "group", "aria-label": "What to do with the song" },
      button("again", "Again, with a new seed", () => this.again(), "Again"),
      button("remix", "Remix: same seed, change one thing", () => this.actions.remix(command), "Remix"),
      button("link", "Copy the link", () => share(url, title), "Link"),
      button("flag", "Report to the operator", () => sendReport(id, title), "Report"),
      menu);
  }

  failedActions() {
    return element("div", { class: "actions" }, element("button", { type: "button", class: "quiet", onclick: () => this.again() }, "Ask again"));
  }

  again() {
    this.actions.again(withoutSeed(this.state.command || this.text));
  }
}

async function sendReport(id, title) {
  const reason = prompt(`What is wrong with “${title || "this song"}”?`);
  if (reason === null) return;
  try {
    await report(id, reason.slice(0, 500));
    toast("Reported. Thank you.");
  } catch (problem) {
    toast(problem.message);
  }
}

async function share(url, title) {
  const link = new URL(url, location.href).href;
  try {
    if (navigator.share && matchMedia("(pointer: coarse)").matches) return await navigator.share({ title, url: link });
    await navigator.clipboard.writeText(link);
    toast("Link copied");
  } catch {
    toast(link);
  }
}
