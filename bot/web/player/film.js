// The song's film, full-screen: it goes on from where the song is, and hands the place back when it closes.

import { element } from "../lib/dom.js";
import { volume } from "./deck.js";

export function showFilm(deck) {
  deck.pause();
  const video = element("video", { src: deck.song.files.mp4, controls: true, playsinline: true, autoplay: true, poster: deck.song.files.png, "aria-label": `Film of ${deck.song.title || "the song"}` });
  const screen = element("div", { class: "screen" }, video, element("form", { method: "dialog" }, element("button", { class: "quiet" }, "Close the film")));
  const dialog = element("dialog", { class: "film", "aria-label": "Film" }, screen);
  video.volume = volume.level;
  video.currentTime = deck.time < deck.duration - 0.5 ? deck.time : 0;
  document.body.append(dialog);
  dialog.showModal();
  // Not the dialog: the standard forbids it. A browser may refuse; the dialog then shows the film in the page.
  screen.requestFullscreen?.().catch(() => {});
  document.addEventListener("fullscreenchange", function left() {
    if (document.fullscreenElement) return;
    document.removeEventListener("fullscreenchange", left);
    dialog.close();
  });
  dialog.addEventListener("close", () => {
    deck.jump(Math.min(video.currentTime, deck.duration));
    video.pause();
    if (document.fullscreenElement) document.exitFullscreen();
    dialog.remove();
  });
}
