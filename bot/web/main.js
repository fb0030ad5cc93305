// The page: timeline, new posts, a song's page, keyboard.

import { ask, follow, getComposition, getGenres, getReady, getTimeline } from "./api.js";
import { Composer } from "./composer.js";
import { randomId } from "./dom.js";
import { Post } from "./post.js";

const at = (id) => document.getElementById(id);
const KEPT = "riffbird-pending"; // unfinished songs, so that a reload finds them
const MINE = "riffbird-mine";
const REFRESH_MILLISECONDS = 15000;

const timeline = at("timeline");
const songId = location.pathname.match(/^\/songs\/([\w-]+)$/)?.[1] ?? null;
const composer = new Composer((words) => send(words));
const actions = { again: (words) => send(words), remix: (words) => composer.remix(words), retry: (post) => deliver(post) };
let older = null;
let newest = [];

function ids(name, change) {
  let known = [];
  try {
    known = JSON.parse(localStorage.getItem(name) ?? "[]");
  } catch {
    known = []; // not JSON
  }
  if (change) localStorage.setItem(name, JSON.stringify(change(known).slice(-200)));
  return known;
}

const pending = (change) => ids(KEPT, change);

// Marks what this browser sent; the server has no accounts.
function mine(song) {
  return { ...song, mine: ids(MINE).includes(song.id) };
}

function send(words) {
  const post = new Post({ text: words, mine: true }, actions);
  post.key = randomId();
  timeline.prepend(post.node);
  at("nothing").hidden = true;
  post.node.scrollIntoView({ block: "nearest" });
  return deliver(post);
}

async function deliver(post) {
  post.update({ text: post.text, notices: [], mine: true });
  try {
    const accepted = await ask(post.text, post.key);
    for (const list of [KEPT, MINE]) ids(list, (known) => [...known.filter((id) => id !== accepted.id), accepted.id]);
    post.update({ ...post.state, ...accepted, status: "queued", progress: 0 });
    watch(post, accepted.id);
  } catch (problem) {
    post.refuse(problem);
  }
}

function watch(post, id) {
  follow(id, (state) => {
    post.update(mine({ ...state, text: post.text || state.text }));
    if (["done", "refused", "failed"].includes(state.status)) pending((known) => known.filter((kept) => kept !== id));
  }, (detail) => post.trouble(detail));
}

function shown(id) {
  return timeline.querySelector(`[data-id="${CSS.escape(id)}"]`);
}

async function resume() {
  for (const id of pending()) {
    if (shown(id)) continue;
    try {
      const state = await getComposition(id);
      const post = new Post(mine(state), actions);
      timeline.prepend(post.node);
      if (["done", "refused", "failed"].includes(state.status)) pending((known) => known.filter((kept) => kept !== id));
      else watch(post, id);
    } catch (problem) {
      if (problem.status === 404) pending((known) => known.filter((kept) => kept !== id));
    }
  }
}

async function showOlder() {
  const page = await getTimeline(older);
  timeline.append(...page.songs.filter((song) => !shown(song.id)).map((song) => new Post(mine(song), actions).node));
  older = page.next_before;
  at("more").hidden = !older;
  at("nothing").hidden = timeline.children.length > 0;
}

async function refresh() {
  const [ready, page] = await Promise.all([getReady(), songId ? null : getTimeline()]);
  trouble(null);
  at("backstage").textContent = ready.workers
    ? `${ready.workers} ${ready.workers === 1 ? "band plays" : "bands play"}, ${ready.waiting} ${ready.waiting === 1 ? "song waits" : "songs wait"}.`
    : `Nobody is on stage just now; ${ready.waiting} songs wait.`;
  at("pulse").textContent = ready.waiting ? `${ready.waiting} waiting` : "";
  newest = page?.songs.filter((song) => !shown(song.id)) ?? [];
  at("news").hidden = !newest.length;
  at("news").textContent = newest.length === 1 ? "Show 1 new song" : `Show ${newest.length} new songs`;
}

function trouble(problem) {
  at("banner").hidden = !problem;
  at("banner").textContent = problem ? `${problem.message} Trying again…` : "";
}

async function refreshLoop() {
  if (!document.hidden) await refresh().catch(trouble);
  setTimeout(refreshLoop, at("banner").hidden ? REFRESH_MILLISECONDS : 3000);
}

async function start() {
  getGenres().then((genres) => composer.offer(genres), trouble);
  if (songId) return startSong();
  await showOlder().catch(trouble);
  await resume();
}

async function startSong() {
  document.body.classList.add("single");
  at("back").hidden = false;
  at("heading").textContent = "Song";
  try {
    const state = await getComposition(songId);
    document.title = `${state.title || "Song"} · Riffbird`;
    const post = new Post(mine(state), actions);
    timeline.append(post.node);
    if (state.status !== "done") watch(post, songId);
  } catch (problem) {
    at("nothing").textContent = problem.message;
    at("nothing").hidden = false;
  }
}

function focusedPost() {
  return document.activeElement?.closest?.(".post") ?? null;
}

function move(step) {
  const posts = [...timeline.querySelectorAll(".post")];
  const here = posts.indexOf(focusedPost());
  const next = posts[Math.min(posts.length - 1, Math.max(0, here + step))];
  next?.focus();
  next?.scrollIntoView({ block: "center", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
}

function write() {
  composer.form.scrollIntoView({ block: "center" });
  composer.text.focus({ preventScroll: true });
}

const KEYS = {
  n: write,
  j: () => move(1),
  k: () => move(-1),
  p: () => (focusedPost() ?? timeline.querySelector(".post"))?.post.player?.toggle(),
  a: () => focusedPost()?.dataset.status === "done" && focusedPost().post.again(),
  x: () => focusedPost()?.dataset.status === "done" && composer.remix(focusedPost().post.state.command),
  "?": () => at("keys").showModal(),
};

document.addEventListener("keydown", (event) => {
  const writing = event.target.closest("input, textarea, select, dialog");
  if (writing || event.ctrlKey || event.metaKey || event.altKey || !KEYS[event.key]) return;
  event.preventDefault();
  KEYS[event.key]();
});
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll(".downloads[open]")) if (!menu.contains(event.target)) menu.open = false;
});
at("nav-compose").addEventListener("click", write);
at("nav-keys").addEventListener("click", () => at("keys").showModal());
at("more").addEventListener("click", () => showOlder().catch(trouble));
at("news").addEventListener("click", () => {
  timeline.prepend(...newest.filter((song) => !shown(song.id)).map((song) => new Post(mine(song), actions).node));
  at("news").hidden = true;
  scrollTo({ top: 0 });
});

start().finally(refreshLoop);
