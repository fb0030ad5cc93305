// Calls the HTTP API.

export class Problem extends Error {
  constructor(detail, status, retryAfter) {
    super(detail);
    this.status = status;
    this.retryAfter = retryAfter;
  }

  // The same request may succeed later: the server is away or busy, or this client was too quick.
  get passing() {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

const UNREACHABLE = "The band cannot be reached just now.";

async function call(path, options) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new Problem(UNREACHABLE, 0, 5);
  }
  const body = (await answer.json().catch(() => ({}))) ?? {};
  if (answer.ok) return body;
  const detail = typeof body.detail === "string" ? body.detail : UNREACHABLE;
  throw new Problem(detail, answer.status, Number(answer.headers.get("Retry-After")) || null);
}

const song = (id) => `/compositions/${encodeURIComponent(id)}`;
// Makes a further format (stems, musicxml …) of a song: {status, url, retry_after}; done once status is "done".
export const makeFile = (id, format) => call(`${song(id)}/song.${format}`, { method: "POST" });

const json = (body, headers = {}) => ({ method: "POST", headers: { "Content-Type": "application/json", ...headers }, body: JSON.stringify(body) });

export const getGenres = () => call("/genres");
export const getInstruments = () => call("/instruments");
export const getReady = () => call("/ready");
export const getNotes = (url) => call(url);
export const getComposition = (id) => call(song(id));
export const getThread = (id) => call(`${song(id)}/thread`);
export const report = (id, reason) => call(`${song(id)}/report`, json({ reason }));

// query: {before, limit, genre, q, ids, house}; empty values are left out.
export function getTimeline(query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const search = new URLSearchParams(given);
  return call(given.length ? `/timeline?${search}` : "/timeline");
}

// fields: {text, reply_to}. files: {like or primer: File}. key: repeating the request with it makes no second song.
export function compose(fields, files, key) {
  const headers = { "Idempotency-Key": key };
  if (!Object.keys(files ?? {}).length) return call("/compositions", json(fields, headers));
  return call("/compositions", { method: "POST", headers: { ...headers, "Content-Type": `multipart/form-data; boundary=${key}` }, body: formBody(fields, files, key) });
}

// FormData draws a boundary for each request; a repeated request must have the same bytes.
function formBody(fields, files, boundary) {
  const head = (name, more = "") => `--${boundary}\r\nContent-Disposition: form-data; name="${name}"${more}\r\n`;
  return new Blob([
    ...Object.entries(fields).map(([name, value]) => `${head(name)}\r\n${value}\r\n`),
    ...Object.entries(files).flatMap(([name, file]) => [`${head(name, '; filename="song.mid"')}Content-Type: audio/midi\r\n\r\n`, file, "\r\n"]),
    `--${boundary}--\r\n`,
  ]);
}

export function remove(id, token) {
  return call(song(id), { method: "DELETE", headers: { Authorization: `Bearer ${token}` } });
}

export function moderation(key, action) {
  const headers = { Authorization: `Bearer ${key}` };
  return call("/moderation", action ? json(action, headers) : { headers });
}
