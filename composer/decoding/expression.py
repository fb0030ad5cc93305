"""Exact velocities and lengths for a composed song: the last step of decoding.

The note network chooses classes (velocities eight wide, 30 lengths). Here each part's exact values are drawn from the
expression network, note by note, all parts side by side. Onsets, pitches and classes stay as they are.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from composer.decoding.parameters import EXPRESSION_MIN_P
from composer.decoding.sampling import draw
from composer.exact import RandomStream, softmax_weights
from composer.model.expression import Expression
from midi_data.bars import BarGrid
from midi_data.events.encoding import DRUM_DURATION, DURATIONS, VELOCITY_STEP, Ints, duration_class
from midi_data.events.expression_features import (
    RESIDUALS,
    ExpressionHistory,
    allowed_lengths,
    length_of,
)
from midi_data.song import Note, Song, Track

_STREAM = 2
"""Separates these random numbers from those of the plan (1) and of the notes."""


def add_expression(song: Song, genres: Mapping[str, float], seed: Sequence[int], network: Expression) -> Song:
    """``song`` with exact velocities and lengths.

    ``genres`` maps names to weights. A note keeps its duration class, never grows past the part's next onset after its
    composed end, and never ends after the song.
    """
    if not song.tracks:
        return song
    stream = RandomStream(*seed, _STREAM)
    parts = [_Part(track, BarGrid.of(song.meters, song.end), song.end) for track in song.tracks]
    parts.sort(key=lambda part: -len(part.notes))  # parts with the most notes stay at the front of the batch
    genre, state = network.genre_row(genres), network.start(len(parts))
    given: list[list[float]] = network.length_given.tolist()
    for step in range(len(parts[0].notes)):
        playing = [part for part in parts if step < len(part.notes)]
        state = (state[0][: len(playing)], state[1][: len(playing)])
        features: Ints = np.array([part.features(step) for part in playing])  # (B, F)
        logits, state = network.step(features, genre, state)
        for part, row in zip(playing, logits.tolist(), strict=True):
            part.draw(step, row, given, stream)
    done = {id(part.track): replace(part.track, notes=tuple(sorted(part.exact))) for part in parts}
    return replace(song, tracks=tuple(done[id(track)] for track in song.tracks))


_DRUM_ROW = len(DURATIONS)
_LENGTHS: list[list[int]] = [
    np.asarray(allowed_lengths(row % _DRUM_ROW, is_drum=row == _DRUM_ROW)).tolist() for row in range(_DRUM_ROW + 1)
]
"""Length codes of each duration class, and in the last row of drum strokes."""


def _drawn(logits: list[float], classes: list[int], stream: RandomStream) -> int:
    """One of ``classes`` from the softmax of their ``logits``, without unlikely ones."""
    if len(classes) == 1:
        return classes[0]
    return classes[draw(softmax_weights(logits, min_p=EXPRESSION_MIN_P), stream)]


class _Part:
    """One track: the classes of its notes, its history, and the exact notes drawn so far."""

    def __init__(self, track: Track, grid: BarGrid, end: int) -> None:
        self.track, self.notes = track, sorted(track.notes)
        self.exact: list[Note] = []
        self._history = ExpressionHistory(track.program, is_drum=track.is_drum)
        starts = grid.first_tick.tolist()
        bars = [bisect_left(starts, note.onset + 1) - 1 for note in self.notes]
        self._bars = [(starts[bar], starts[bar] - starts[bar - 1] if bar else 0) for bar in bars]
        # A note may grow up to the first onset of the part after its composed end: polyphony stays as composed.
        onsets = [*(note.onset for note in self.notes), end]
        self._room = [onsets[bisect_left(onsets, min(note.end, end))] - note.onset for note in self.notes]

    def _classes(self, step: int) -> tuple[int, int]:
        note = self.notes[step]
        return note.velocity // VELOCITY_STEP, duration_class(DRUM_DURATION if self.track.is_drum else note.duration)

    def features(self, step: int) -> tuple[int, ...]:
        """(F,) classes as ``midi_data.events.expression_features.FEATURES`` names them."""
        note, (start, previous_bar) = self.notes[step], self._bars[step]
        velocity, duration = self._classes(step)
        return self._history.features(note.onset, note.pitch, velocity, duration, note.onset - start, previous_bar)

    def draw(self, step: int, logits: list[float], length_given: list[list[float]], stream: RandomStream) -> None:
        """Draw the exact values of note ``step``: velocity residual, then length.

        ``logits`` (40,) of both; ``length_given`` (8, 32) is added to the lengths' for each residual.
        """
        # Velocity 0 means "note off", so the lowest class begins at 1.
        first = int(self.notes[step].velocity < VELOCITY_STEP)
        residual = _drawn(logits[first:RESIDUALS], list(range(first, RESIDUALS)), stream)
        codes, given = _LENGTHS[_DRUM_ROW if self.track.is_drum else self._classes(step)[1]], length_given[residual]
        length = _drawn([logits[RESIDUALS + code] + given[code] for code in codes], codes, stream)
        self._take(step, residual, length)

    def _take(self, step: int, residual: int, length: int) -> None:
        """Record the exact values of note ``step``: velocity residual and length code."""
        note, (velocity, duration) = self.notes[step], self._classes(step)
        self._history.add(note.onset, note.pitch, velocity, duration, residual, length)
        ticks = length_of(length, duration, is_drum=self.track.is_drum)
        ticks = min(ticks, self._room[step])
        self.exact.append(replace(note, duration=ticks, velocity=velocity * VELOCITY_STEP + residual))
