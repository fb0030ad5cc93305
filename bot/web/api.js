// Calls the HTTP API.

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
  const body = (await answer.json().catch(() => ({}))) ?? {};
  if (answer.ok) return body;
  throw new Problem(body.detail ?? UNREACHABLE, answer.status, Number(answer.headers.get("Retry-After")) || null);
}

export const getGenres = () => call("/genres");
export const getReady = () => call("/ready");
export const getNotes = (url) => call(url);
export const getComposition = (id) => call(`/compositions/${encodeURIComponent(id)}`);
export const getTimeline = (before) => call(before ? `/timeline?before=${before}` : "/timeline");

export function ask(text, key) {
  return call("/compositions", json({ text }, { "Idempotency-Key": key }));
}

const json = (body, headers = {}) => ({ method: "POST", headers: { "Content-Type": "application/json", ...headers }, body: JSON.stringify(body) });

export const report = (id, reason) => call(`/compositions/${encodeURIComponent(id)}/report`, json({ reason }));

export function moderation(key, action) {
  const headers = { Authorization: `Bearer ${key}` };
  return call("/moderation", action ? json(action, headers) : { headers });
}

const SETTLED = ["done", "refused", "failed"];
const STREAMS = 3; // a browser opens six connections to a host, and other calls need some of them
const RETRY_MILLISECONDS = 1500;
let open = 0;

// Calls onState with each new state until the composition is settled; onTrouble while the connection is gone.
export function follow(id, onState, onTrouble) {
  if (open >= STREAMS) return followLater(id, onState, onTrouble);
  const source = new EventSource(`/compositions/${encodeURIComponent(id)}/events`);
  open += 1;
  const close = () => {
    source.close();
    open -= 1;
  };
  source.addEventListener("state", (event) => {
    const state = JSON.parse(event.data);
    if (SETTLED.includes(state.status)) close();
    onState(state);
  });
  source.addEventListener("trouble", (event) => onTrouble(JSON.parse(event.data).detail));
  source.addEventListener("error", () => {
    onTrouble(UNREACHABLE);
    if (source.readyState !== EventSource.CLOSED) return; // the browser connects again by itself
    close();
    followLater(id, onState, onTrouble);
  });
}

// Reads the status once after a pause, then opens a stream if one is free.
function followLater(id, onState, onTrouble) {
  setTimeout(async () => {
    try {
      const state = await getComposition(id);
      onState(state);
      if (!SETTLED.includes(state.status)) follow(id, onState, onTrouble);
    } catch (problem) {
      if (problem.status === 404) return onState({ id, status: "failed", problem: "This song is gone.", progress: 1 });
      onTrouble(problem.message);
      followLater(id, onState, onTrouble);
    }
  }, RETRY_MILLISECONDS);
}
