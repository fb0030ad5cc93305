// A button that opens a list: `details` with Escape, a click elsewhere and a chosen entry closing it.

import { element } from "./dom.js";
import { icon } from "./icons.js";

// entries: elements, or a function that returns them when the menu opens.
export function menu({ name, label, text, entries, title }) {
  const list = element("ul", { class: "menu-list" });
  const fill = () => list.replaceChildren(...(typeof entries === "function" ? entries() : entries).map((entry) => element("li", {}, entry)));
  const summary = element("summary", { class: "action", title, "aria-label": label }, icon(name), element("span", {}, text));
  const node = element("details", { class: "menu", "data-kind": text }, summary, list);
  // `toggle` comes later than `click`: a Tab pressed in between would miss entries filled by it.
  if (typeof entries !== "function") fill();
  else summary.addEventListener("click", () => node.open || fill());
  list.addEventListener("click", () => close(node));
  return node;
}

function close(node, focus = false) {
  node.open = false;
  if (focus) node.querySelector("summary").focus();
}

document.addEventListener("click", (event) => {
  for (const node of document.querySelectorAll("details.menu[open]")) if (!node.contains(event.target)) close(node);
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const node = event.target.closest?.("details.menu[open]") ?? document.querySelector("details.menu[open]");
  if (!node) return;
  event.preventDefault();
  close(node, node.contains(event.target));
});
