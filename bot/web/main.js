// The page: puts its modules together, loads the timeline or one song's thread, and looks for news.

import { Composer } from "./compose/composer.js";
import { difference } from "./compose/difference.js";
import { getComposition, getGenres, getReady, getThread, getTimeline } from "./lib/api.js";
import { at, bringIntoView } from "./lib/dom.js";
import "./lib/menu.js";
import { startShortcuts } from "./lib/shortcuts.js";
import { SETTLED } from "./lib/follow.js";
import { mine } from "./lib/storage.js";
import { startBar } from "./player/bar.js";
import { currentDeck, setOrder, toggle } from "./player/playing.js";
import { Finder } from "./timeline/find.js";
import { TimelineList } from "./timeline/list.js";
import { marked, Sender } from "./timeline/sending.js";

const REFRESH_MILLISECONDS = 15000;
const RECONNECT_MILLISECONDS = 3000;
const MOST_EMPTY_PAGES = 5; // a search may return pages without a song

const songId = location.pathname.match(/^\/songs\/([\w-]+)$/)?.[1] ?? null;
const list = new TimelineList(at("timeline"), {
  post: (wish) => send(wish),
  remix: (post) => composer.remix(post.song, post.node),
  sendNow: (post) => sender.deliver(post),
  discard: (post) => sender.discard(post),
  removed: (post) => removed(post),
});
const sender = new Sender(list);
const composer = new Composer((wish) => send({ ...wish, change: wish.parent ? difference(wish.parent, wish.text).join(", ") : "" }));
const finder = new Finder(() => reload());
let older = null;
let newest = [];
let house = [];
let round = 0; // counts reloads: an answer to an earlier one is dropped
let posted = false; // on this visit: the welcome stays away
const aside = []; // posts under way, while a search hides them

async function send(wish) {
  posted = true;
  at("nothing").hidden = true;
  at("welcome").hidden = true;
  const post = await sender.send(wish);
  bringIntoView(post.node);
  post.node.focus({ preventScroll: true });
}

function removed(post) {
  if (songId === post.song?.id) return location.assign("/");
  list.drop(post);
  showNothing();
}

function showNothing() {
  at("nothing").hidden = !list.empty;
  at("nothing").textContent = finder.active ? "No song is like that." : "No song yet. Write the first post to the band.";
}

async function showOlder() {
  const { query } = finder;
  const asked = round;
  for (let tries = 0, found = 0; !found && tries < MOST_EMPTY_PAGES; tries++) {
    const page = await getTimeline({ ...query, before: older });
    if (asked !== round) return;
    found = page.songs.length;
    for (const song of page.songs) list.add(marked(song), "bottom");
    older = page.next_before;
    if (!older) break;
  }
  at("more").hidden = !older;
  showNothing();
}

async function reload() {
  composer.release();
  aside.push(...list.posts.filter((post) => !SETTLED.includes(post.node.dataset.status)));
  list.clear();
  older = null;
  round += 1;
  at("news").hidden = true;
  await showOlder().catch(trouble);
  if (!finder.active) for (const post of aside.splice(0)) list.find(post.state.id) ?? list.place(post, "top");
}

async function refresh(withSongs) {
  const [ready, page] = await Promise.all([getReady(), withSongs && !songId ? getTimeline(finder.query) : null]);
  if (!at("banner").hidden) sender.sendKept();
  trouble(null);
  const songs = `${ready.waiting} ${ready.waiting === 1 ? "song waits" : "songs wait"}`;
  at("backstage").textContent = ready.workers ? `${ready.workers} ${ready.workers === 1 ? "band plays" : "bands play"}, ${songs}.` : `Nobody is on stage just now; ${songs}.`;
  at("pulse").textContent = ready.waiting ? `${ready.waiting} waiting` : "";
  newest = page?.songs.filter((song) => !list.find(song.id)) ?? [];
  at("news").hidden = !newest.length;
  at("news").textContent = newest.length === 1 ? "Show 1 new song" : `Show ${newest.length} new songs`;
}

function trouble(problem) {
  at("banner").hidden = !problem;
  at("banner").textContent = problem ? `${problem.message} Trying again…` : "";
}

async function refreshLoop(withSongs) {
  if (!document.hidden) await refresh(withSongs).catch(trouble);
  setTimeout(refreshLoop, at("banner").hidden ? REFRESH_MILLISECONDS : RECONNECT_MILLISECONDS, true);
}

async function start() {
  getGenres().then((genres) => [composer, finder].forEach((each) => each.offer(genres)), trouble);
  if (songId) return startSong();
  await showOlder().catch(trouble);
  await sender.resume();
  if (!posted && (!mine.all().length || list.empty)) await showWelcome().catch(trouble);
}

async function showWelcome() {
  const { welcome } = await import("./timeline/welcome.js");
  if (posted) return;
  house = await welcome((text) => {
    composer.fill(text);
    composer.focus();
  });
}

// A permalink: the song within its thread.
async function startSong() {
  document.body.classList.add("single");
  at("back").hidden = false;
  at("heading").textContent = "Song";
  try {
    const state = await getComposition(songId);
    document.title = `${state.title || "Song"} · Riffbird`;
    const { songs } = await getThread(songId).catch(() => ({ songs: [] })); // a song that is not finished has none
    for (const song of songs) list.add(marked(song), "bottom");
    const post = list.add(marked(state), "bottom");
    post.node.setAttribute("aria-current", "true");
    if (!SETTLED.includes(state.status)) sender.watch(post, songId);
    if (list.posts[0] !== post) post.node.scrollIntoView({ block: "start" });
  } catch (problem) {
    at("nothing").textContent = problem.message;
    at("nothing").hidden = false;
  }
}

const focused = () => document.activeElement?.closest?.(".post")?.post ?? null;

function move(step) {
  const { posts } = list;
  const here = posts.indexOf(focused());
  const next = posts[Math.min(posts.length - 1, Math.max(0, here + step))];
  next?.node.focus({ preventScroll: true });
  if (next) bringIntoView(next.node, "start");
}

function playKey() {
  const song = focused()?.song ?? currentDeck()?.song ?? list.songs[0];
  if (song) toggle(song);
}

// A letter takes the focus to an action; Enter then orders it.
const toAction = (kind) => (focused() ?? list.posts[0])?.node.querySelector(`[data-kind=${kind}]`)?.focus();

startShortcuts({
  n: () => composer.focus(),
  j: () => move(1),
  k: () => move(-1),
  p: playKey,
  a: () => toAction("Again"),
  x: () => toAction("Remix"),
  "/": () => at("find-text").focus(),
  "?": () => at("help").showModal(),
});
startBar();
setOrder(() => [...(at("welcome").hidden ? [] : house), ...list.songs]);
at("help-words").append(...[...at("words").children].map((entry) => entry.cloneNode(true)));
at("nav-compose").addEventListener("click", () => composer.focus());
at("nav-help").addEventListener("click", () => at("help").showModal());
at("more").addEventListener("click", () => showOlder().catch(trouble));
at("news").addEventListener("click", () => {
  for (const song of newest) list.add(marked(song), "top");
  at("news").hidden = true;
  scrollTo({ top: 0 });
});
addEventListener("online", () => sender.sendKept());

performance.mark("interactive"); // the composer, the keys and the search answer from here on
start().finally(() => refreshLoop(false));
