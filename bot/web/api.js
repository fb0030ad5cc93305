// Talks to the HTTP API. Knows no elements.

export class Problem extends Error {
  constructor(detail, status, retryAfter) {
    super(detail);
    this.status = status;
    this.retryAfter = retryAfter;
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
  const body = await answer.json().catch(() => ({}));
  if (answer.ok) return body;
  throw new Problem(body.detail ?? UNREACHABLE, answer.status, Number(answer.headers.get("Retry-After")) || null);
}

export const getGenres = () => call("/genres");
export const getReady = () => call("/ready");
export const getNotes = (url) => call(url);
export const getComposition = (id) => call(`/compositions/${encodeURIComponent(id)}`);
export const getTimeline = (before) => call(before ? `/timeline?before=${before}` : "/timeline");

export function ask(text, key) {
  const headers = { "Content-Type": "application/json", "Idempotency-Key": key };
  return call("/compositions", { method: "POST", headers, body: JSON.stringify({ text }) });
}

// Calls onState with each new state until the composition is settled; onTrouble while the connection is gone.
export function follow(id, onState, onTrouble) {
  const source = new EventSource(`/compositions/${encodeURIComponent(id)}/events`);
  source.addEventListener("state", (event) => {
    const state = JSON.parse(event.data);
    if (["done", "refused", "failed"].includes(state.status)) source.close();
    onState(state);
  });
  source.addEventListener("trouble", (event) => onTrouble(JSON.parse(event.data).detail));
  source.addEventListener("error", () => {
    if (source.readyState !== EventSource.CLOSED) return onTrouble(UNREACHABLE);
    // The browser gave up (an HTTP error): ask again in a while, unless the song is gone for good.
    setTimeout(() => getComposition(id).then(() => follow(id, onState, onTrouble), (problem) => {
      if (problem.status === 404) onState({ id, status: "failed", problem: "This song is gone.", progress: 1 });
      else follow(id, onState, onTrouble);
    }), 2000);
    onTrouble(UNREACHABLE);
  });
}
