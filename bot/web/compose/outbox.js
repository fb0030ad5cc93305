// Posts that the server has not taken in yet. They are kept in this browser until they are accepted or refused.

import { compose } from "../lib/api.js";
import { outbox } from "../lib/storage.js";

const asDataUrl = (file) => new Promise((resolve, reject) => {
  const reader = new FileReader();
  reader.onload = () => resolve(reader.result);
  reader.onerror = () => reject(reader.error);
  reader.readAsDataURL(file);
});

// Not fetch(url): the page's content policy allows no data: connections.
function asFile({ name, data }) {
  const bytes = Uint8Array.from(atob(data.slice(data.indexOf(",") + 1)), (each) => each.charCodeAt(0));
  return new File([bytes], name, { type: "audio/midi" });
}

// fields: {text, reply_to}. files: {like or primer: File}.
export async function keep(id, fields, files) {
  const kept = {};
  for (const [use, file] of Object.entries(files)) kept[use] = { name: file.name, data: await asDataUrl(file) };
  outbox.put({ id, fields, files: kept });
}

export const waiting = () => outbox.all();
export const forget = (id) => outbox.remove(id);

// Sends a kept post; it leaves the outbox when the server accepts or refuses it. Throws the Problem.
export async function deliver(id, fields, files = null) {
  const kept = outbox.find(id);
  const attached = files ?? Object.fromEntries(Object.entries(kept?.files ?? {}).map(([use, file]) => [use, asFile(file)]));
  const given = Object.fromEntries(Object.entries(fields).filter(([, value]) => value));
  try {
    const accepted = await compose(given, attached, id);
    forget(id);
    return accepted;
  } catch (problem) {
    if (!problem.passing) forget(id);
    throw problem;
  }
}
