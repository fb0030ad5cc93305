// Follows a composition until it is settled: by server-sent events, or by reading its status.

import { getComposition } from "./api.js";

export const SETTLED = ["done", "refused", "failed"];
const STREAMS = 3; // a browser opens six connections to a host, and other calls need some of them
const RETRY_MILLISECONDS = 1500;
let open = 0;

// Calls onState with each new state; onTrouble with a sentence while the connection is gone.
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
    onTrouble("The band cannot be reached just now.");
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
      if (problem.status === 404) return onState({ id, status: "failed", problem: "This song is gone.", notices: [], progress: 1 });
      onTrouble(problem.message);
      followLater(id, onState, onTrouble);
    }
  }, RETRY_MILLISECONDS);
}
