// "More wishes": every word of a request as a control. Each control reads and writes the post's text.

import { element } from "../lib/dom.js";
import { bandControls } from "./band.js";
import { chordControls } from "./chords.js";
import { fileControls } from "./files.js";
import { genreControls } from "./genre.js";
import { keyControl, numberControls, samplingControl } from "./exact.js";
import { sliderControls } from "./sliders.js";

const group = (legend, ...controls) => element("fieldset", { class: "wish" }, element("legend", {}, legend), ...controls.map((control) => control.node));

export class Wishes {
  constructor(place, words) {
    this.genre = genreControls(words);
    const sliders = sliderControls(words);
    const [key, chords, band, numbers, sampling, file] = [keyControl(words), chordControls(words), bandControls(words), numberControls(words), samplingControl(words), fileControls(words.files)];
    this.controls = [this.genre, sliders, key, chords, band, numbers, sampling, file];
    place.replaceChildren(group("Genre", this.genre), group("Tempo, randomness, length", sliders), group("Key and chords", key, chords), group("Band", band), group("From a file", file), group("Exactly", numbers, sampling));
  }

  offer(genres) {
    this.genre.offer(genres);
  }

  show() {
    for (const control of this.controls) control.show();
  }
}
