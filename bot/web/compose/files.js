// A MIDI file for a post: to imitate ("like") or to go on from ("primer"), by drag and drop or a file dialog.

import { at, element, toast } from "../lib/dom.js";
import { icon } from "../lib/icons.js";

const LIMIT_BYTES = 2 ** 20;
export const USES = { like: "Like this file", primer: "Go on from this file" };

export class FilePicker {
  constructor(form, onChange) {
    this.onChange = onChange;
    this.chosen = null; // {use, file}
    this.overlay = element("div", { class: "drop", hidden: true }, ...Object.entries(USES).map(([use, label]) => this.dropZone(use, label)));
    form.append(this.overlay);
    addEventListener("dragover", (event) => this.drag(event));
    addEventListener("dragleave", (event) => !event.relatedTarget && this.hide());
    addEventListener("drop", (event) => this.carriesFile(event) && (event.preventDefault(), this.hide()));
  }

  carriesFile(event) {
    return [...(event.dataTransfer?.types ?? [])].includes("Files");
  }

  drag(event) {
    if (!this.carriesFile(event)) return;
    event.preventDefault(); // else the browser opens the file
    if (this.overlay.hidden) this.overlay.scrollIntoView({ block: "nearest" });
    this.overlay.hidden = false;
  }

  hide() {
    this.overlay.hidden = true;
  }

  dropZone(use, label) {
    const zone = element("div", { class: "drop-zone", "data-use": use }, icon("file"), label);
    zone.addEventListener("drop", (event) => {
      event.preventDefault();
      this.choose(use, event.dataTransfer.files[0]);
    });
    return zone;
  }

  async choose(use, file) {
    if (!file) return;
    const magic = new TextDecoder("latin1").decode(await file.slice(0, 4).arrayBuffer());
    if (magic !== "MThd") return toast(`${file.name} is no MIDI file: one begins with MThd.`);
    if (file.size > LIMIT_BYTES) return toast(`${file.name} has ${Math.ceil(file.size / 1024)} KB: a MIDI file has at most 1024 KB.`);
    this.chosen = { use, file };
    this.show();
  }

  show() {
    const { use, file } = this.chosen ?? {};
    at("file").hidden = !this.chosen;
    at("file").replaceChildren(...(this.chosen
      ? [icon("file"), element("span", { class: "file-name", dir: "auto" }, `${USES[use]}: ${file.name}`), element("button", { type: "button", class: "quiet", onclick: () => this.clear() }, "Remove file")]
      : []));
    this.onChange();
  }

  clear() {
    this.chosen = null;
    this.show();
  }

  // The chosen file by its field name, for the request; nothing stays chosen.
  take() {
    const files = this.chosen ? { [this.chosen.use]: this.chosen.file } : {};
    if (this.chosen) this.clear();
    return files;
  }
}

// Two labelled file inputs, for those who do not drag.
export function fileControls(picker) {
  const inputs = Object.entries(USES).map(([use, label]) => {
    const input = element("input", { type: "file", accept: ".mid,.midi,audio/midi", class: "unseen", onchange: () => {
      picker.choose(use, input.files[0]);
      input.value = "";
    } });
    return element("label", { class: "file-button" }, icon("file"), element("span", {}, `${label}…`), input);
  });
  return { node: element("div", { class: "line" }, ...inputs, element("span", { class: "hint" }, "or drag a MIDI file here")), show() {} };
}
