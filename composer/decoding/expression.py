"""Exact velocities and lengths for a composed song: the last step of decoding.

The note network chooses classes (velocities eight wide, 30 lengths). Here each part's exact values are drawn from the
expression network, note by note, all parts side by side. Onsets, pitches and classes stay as they are.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from composer.exact import RandomStream, softmax_weights_array
from composer.model.expression import Expression
from midi_data.bars import BarGrid
from midi_data.events.encoding import DRUM_DURATION, DURATIONS, VELOCITY_STEP, Ints, duration_class
from midi_data.events.expression_features import (
    LENGTH_CODES,
    RESIDUALS,
    ExpressionHistory,
    allowed_lengths,
    length_of,
)
from midi_data.song import Note, Song, Track

DRAW_BITS = 24
"""Bits of a random number; a sum of weights has at most 37, so that products fit into 64."""
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
    genre, state = network.genre_rows(genres), network.start(len(parts))
    for step in range(len(parts[0].notes)):
        playing = [part for part in parts if step < len(part.notes)]
        state = (state[0][: len(playing)], state[1][: len(playing)])
        features: Ints = np.array([part.features(step) for part in playing])  # (B, F)
        logits, state = network.step(features, genre, state)
        uniform = stream.integers(2 * len(playing), DRAW_BITS).reshape(2, -1)
        audible = np.array([part.lowest_residual(step) for part in playing])[:, None] <= np.arange(RESIDUALS)
        residuals = draw(logits[:, :RESIDUALS], audible, uniform[0])
        allowed = _ALLOWED[[part.length_row(step) for part in playing]]  # (B, 32)
        lengths = draw(logits[:, RESIDUALS:] + network.length_given[residuals], allowed, uniform[1])
        for part, residual, length in zip(playing, residuals.tolist(), lengths.tolist(), strict=True):
            part.take(step, residual, length)
    done = {id(part.track): replace(part.track, notes=tuple(sorted(part.exact))) for part in parts}
    return replace(song, tracks=tuple(done[id(track)] for track in song.tracks))


def draw(logits: NDArray[np.float32], allowed: NDArray[np.bool_], uniform: Ints) -> Ints:
    """(B,) classes drawn from the softmax of ``logits`` (B, V) where ``allowed`` (B, V).

    ``uniform`` (B,) integers in [0, 2^``DRAW_BITS``).
    """
    weights = softmax_weights_array(np.where(allowed, logits.astype(np.float64), -np.inf)).cumsum(axis=1)
    chosen: Ints = (weights << DRAW_BITS <= (uniform * weights[:, -1])[:, None]).sum(axis=1)
    return chosen


_DRUM_ROW = len(DURATIONS)
_ALLOWED = np.zeros((_DRUM_ROW + 1, LENGTH_CODES), dtype=np.bool_)
"""Length codes of each duration class, and in the last row of drum strokes."""
for _row in range(_DRUM_ROW + 1):
    _ALLOWED[_row, allowed_lengths(_row % _DRUM_ROW, is_drum=_row == _DRUM_ROW)] = True


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

    def lowest_residual(self, step: int) -> int:
        """Velocity 0 means "note off", so the lowest class begins at 1."""
        return int(self.notes[step].velocity < VELOCITY_STEP)

    def length_row(self, step: int) -> int:
        """The row of ``_ALLOWED`` of the note's length."""
        return _DRUM_ROW if self.track.is_drum else self._classes(step)[1]

    def take(self, step: int, residual: int, length: int) -> None:
        """Record the exact values of note ``step``: velocity residual and length code."""
        note, (velocity, duration) = self.notes[step], self._classes(step)
        self._history.add(note.onset, note.pitch, velocity, duration, residual, length)
        ticks = length_of(length, duration, is_drum=self.track.is_drum)
        ticks = min(ticks, self._room[step])
        self.exact.append(replace(note, duration=ticks, velocity=velocity * VELOCITY_STEP + residual))
