// Questions in a dialog of the page.

import { element } from "./dom.js";

// Resolves to the written text ("" without a field), or to null if the person cancels.
export function question({ title, text, verb, field = null }) {
  const input = field && element("textarea", { rows: 3, maxlength: 500, id: "question-field" });
  const cancel = element("button", { type: "button", class: "quiet" }, "Cancel");
  const confirm = element("button", { class: "main-button", value: "yes" }, verb);
  const dialog = element("dialog", { "aria-labelledby": "question-title" },
    element("h2", { id: "question-title" }, title),
    text ? element("p", {}, text) : null,
    element("form", { method: "dialog" }, ...(field ? [element("label", { for: "question-field" }, field), input] : []), element("div", { class: "dialog-foot" }, cancel, confirm)));
  cancel.addEventListener("click", () => dialog.close());
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener("close", () => {
    resolve(dialog.returnValue === "yes" ? (input?.value.trim() ?? "") : null);
    dialog.remove();
  }));
}
