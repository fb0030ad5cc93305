// What can be done with a song: make another of it, save it, share it, report it, delete it.

import { makeFile, remove, report } from "../lib/api.js";
import { element, toast } from "../lib/dom.js";
import { icon } from "../lib/icons.js";
import { menu } from "../lib/menu.js";
import { mine } from "../lib/storage.js";
import { gone, playLater } from "../player/playing.js";

const SAVES = { mp3: "MP3", mp4: "Film (MP4)", mid: "MIDI", musicxml: "MusicXML", stems: "Stems (one WAV a part)" };

export function songActions(post) {
  const { song } = post;
  const title = song.title || "the song";
  const ask = (text) => post.actions.post({ text, reply_to: song.id, parent: song });
  const button = (name, text, hint, act, key = null) => element("button", { type: "button", class: "action", "data-kind": text, title: key ? `${hint} (key ${key})` : hint, "aria-keyshortcuts": key, "aria-label": `${text}: ${title}`, onclick: act }, icon(name), element("span", {}, text));
  return element("div", { class: "actions", role: "group", "aria-label": "What to do with the song" },
    button("again", "Again", "The same wishes with a new seed", () => ask("/again"), "a"),
    button("vary", "Vary", "The same chords and band, new notes", () => ask("/vary")),
    button("extend", "Extend", "The same beginning, 30 seconds longer", () => ask("/extend")),
    menu({ name: "replace", text: "Replace", label: `Replace a part of ${title}`, title: "One part anew, the others note for note", entries: partNames(song).map((name) => entry(name, () => ask(`/replace ${name}`))) }),
    button("remix", "Remix", "The same seed, with something changed", () => post.actions.remix(post), "x"),
    menu({ name: "download", text: "Save", label: `Save ${title}`, title: "Save a file", entries: () => Object.keys(SAVES).map((kind) => saveEntry(post, kind)).filter(Boolean) }),
    menu({ name: "more", text: "More", label: `More for ${title}`, title: "More", entries: () => moreEntries(post) }));
}

const entry = (text, act, name = null) => element("button", { type: "button", class: "entry", onclick: act }, name && icon(name), text);

// The names by which a reply calls the parts, each once.
function partNames(song) {
  return [...new Set(song.parts.map((part) => part.name.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, " ").trim()))];
}

function saveEntry(post, kind) {
  const { files, makes, id } = post.song;
  if (files[kind]) return element("a", { class: "entry", href: `${files[kind]}?download=1`, download: "" }, SAVES[kind]);
  if (!makes?.includes(kind)) return null;
  return entry(SAVES[kind], () => makeAndSave(post, id, kind));
}

// Lets the server make the file, then saves it.
async function makeAndSave(post, id, kind) {
  toast(`Making the ${SAVES[kind]} file…`);
  try {
    const url = await whenMade(id, kind);
    post.state.files[kind] = url;
    const link = element("a", { href: `${url}?download=1`, download: "" });
    document.body.append(link);
    link.click();
    link.remove();
    toast("The file is ready.");
  } catch (problem) {
    toast(problem.message);
  }
}

async function whenMade(id, kind) {
  for (;;) {
    const answer = await makeFile(id, kind);
    if (answer.status === "done") return answer.url;
    await new Promise((resolve) => setTimeout(resolve, (answer.retry_after || 1) * 1000));
  }
}

function moreEntries(post) {
  const { song } = post;
  const token = mine.find(song.id)?.token;
  return [
    entry("Copy the link", () => share(song), "link"),
    entry("Play next", () => { playLater(song); toast("Comes next."); }, "queue"),
    entry("Copy the player for a page", () => copy(embedCode(song), "Copied: paste it into a page."), "film"),
    entry("Report", () => sendReport(song), "flag"),
    token ? entry("Delete", () => deleteOwn(post, token), "bin") : null,
  ].filter(Boolean);
}

const embedCode = (song) => `<iframe src="${new URL(`${song.url}/embed`, location.href)}" width="480" height="300" title="Riffbird" loading="lazy"></iframe>`;

async function sendReport(song) {
  const { question } = await import("../lib/dialogs.js");
  const reason = await question({ title: "Report this song", text: "The operator reads it.", field: "What is wrong with it?", verb: "Report" });
  if (reason === null) return;
  await report(song.id, reason).then(() => toast("Reported. Thank you."), (problem) => toast(problem.message));
}

async function deleteOwn(post, token) {
  const { song } = post;
  const { question } = await import("../lib/dialogs.js");
  const sure = await question({ title: "Delete this song?", text: "The song, its film and its link are gone for everybody.", verb: "Delete" });
  if (sure === null) return;
  try {
    await remove(song.id, token);
  } catch (problem) {
    if (problem.status !== 404) return toast(problem.message);
  }
  mine.remove(song.id);
  gone(song.id);
  post.actions.removed(post);
  toast("Deleted.");
}

async function share({ url, title }) {
  const link = new URL(url, location.href).href;
  if (navigator.share && matchMedia("(pointer: coarse)").matches) return navigator.share({ title, url: link }).catch(() => {}); // the person closed the sheet
  await copy(link, "Link copied");
}

async function copy(text, done) {
  try {
    await navigator.clipboard.writeText(text);
    toast(done);
  } catch {
    toast(text); // without a secure connection there is no clipboard
  }
}
