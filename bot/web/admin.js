// The operator's page: shows reports, bans, pauses and the log, and sends decisions. The key stays in this tab.

import { moderation } from "./lib/api.js";
import { at, element } from "./lib/dom.js";

const KEY = "riffbird-operator";

async function run(action) {
  try {
    show(await moderation(sessionStorage.getItem(KEY), action));
    at("banner").hidden = true;
  } catch (problem) {
    at("banner").textContent = problem.message;
    at("banner").hidden = false;
    if (problem.status === 401) sessionStorage.removeItem(KEY);
  }
}

const when = (seconds) => new Date(seconds * 1000).toLocaleString();
const button = (action, target) => element("button", { type: "button", class: "quiet", onclick: () => run({ action, target }) }, action);
const song = (id) => element("a", { href: `/songs/${encodeURIComponent(id)}` }, id);

function list(id, items) {
  at(id).replaceChildren(...(items.length ? items.map((parts) => element("li", {}, ...parts)) : [element("li", {}, "none")]));
}

function show(state) {
  at("sign-in").hidden = true;
  at("decisions").hidden = false;
  list("reports", state.reports.map((each) => [
    `${when(each.at)} `, song(each.song), ` ${each.reason} `,
    button("hide", each.song), button("delete", each.song), button("dismiss", each.song),
  ]));
  list("bans", Object.entries(state.bans).flatMap(([place, names]) => names.map((name) => [`${place}:${name} `, button("unban", `${place}:${name}`)])));
  list("paused", state.paused.map((place) => [`${place} `, button("resume", place)]));
  list("log", state.log.map((each) => [`${when(each.at)} ${each.by}: ${each.action} ${each.target} ${each.note}`]));
}

at("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem(KEY, at("key").value);
  run();
});
at("act").addEventListener("submit", (event) => {
  event.preventDefault();
  run({ action: at("action").value, target: at("target").value, note: at("note").value });
});
if (sessionStorage.getItem(KEY)) run();
