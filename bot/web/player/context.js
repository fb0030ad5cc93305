// The page's one AudioContext; made on first use, since browsers want a click before it.

let shared = null;

export function context() {
  shared ??= new AudioContext();
  if (shared.state === "suspended") shared.resume();
  return shared;
}
