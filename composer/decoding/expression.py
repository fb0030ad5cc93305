"""Exact velocities and lengths for a composed song: the last step of decoding.

The note network chooses classes (velocities eight wide, 30 lengths). Here each part's exact values are drawn from the
expression network, note by note, all parts side by side. Onsets, pitches and classes stay as they are.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from composer.decoding.parameters import EXPRESSION_MIN_P
from composer.decoding.sampling import draw
from composer.exact import RandomStream, softmax_weights
from composer.model.expression import Expression
from midi_data.bars import BarGrid
from midi_data.events.encoding import DRUM_DURATION, DURATIONS, VELOCITY_STEP, duration_class
from midi_data.events.expression_features import RESIDUALS, ExpressionHistory, allowed_lengths, length_of, note_groups
from midi_data.song import Note, Song, Track

_STREAM = 2
"""Separates these random numbers from those of the plan (1) and of the notes."""
_LENGTHS = [allowed_lengths(duration, is_drum=False) for duration in range(len(DURATIONS))]
"""Length codes of each duration class."""


def add_expression(song: Song, genres: Mapping[str, float], seed: Sequence[int], network: Expression) -> Song:
    """``song`` with exact velocities and lengths.

    ``genres`` maps names to weights. A note keeps its duration class, never grows past the part's next onset after its
    composed end (a drum stroke: the next one of its key), and never ends after the song.
    """
    if not song.tracks:
        return song
    stream, starts = RandomStream(*seed, _STREAM), BarGrid.of(song.meters, song.end).first_tick.tolist()
    residuals: dict[int, int] = {}
    parts = [_Part(track, residuals, starts, song.end) for track in song.tracks]
    longest_first = sorted((part for part in parts if part.notes), key=lambda part: -len(part.notes))
    genre, (outputs, cell) = network.genre_row(genres), network.start(len(parts))
    given: list[list[float]] = network.length_given.tolist()
    for number, first, stop in note_groups([len(part.notes) for part in longest_first]):
        playing, rows = longest_first[first:stop], slice(first, stop)
        features = np.array([part.features(number) for part in playing])  # (B, F)
        logits, (outputs[rows], cell[rows]) = network.step(features, genre, (outputs[rows], cell[rows]))
        for part, row in zip(playing, logits.tolist(), strict=True):
            part.draw(number, row, given, stream)
    return replace(song, tracks=tuple(replace(part.track, notes=tuple(sorted(part.exact))) for part in parts))


def _note_room(notes: Sequence[Note], end: int) -> list[int]:
    """Longest length of each note: to the part's first onset after its composed end, so that polyphony stays."""
    onsets = [*(note.onset for note in notes), end]
    return [onsets[bisect_left(onsets, min(note.end, end))] - note.onset for note in notes]


def _stroke_room(strokes: Sequence[Note], end: int) -> list[int]:
    """Longest length of each stroke of a drum kit: to the next one of the same key."""
    room, following = [], dict[int, int]()
    for stroke in reversed(strokes):
        room.append(max(following.get(stroke.pitch, end) - stroke.onset, 1))
        following[stroke.pitch] = stroke.onset
    return room[::-1]


class _Part:
    """One track: the classes of its notes, its history, and the ``exact`` notes drawn so far."""

    def __init__(self, track: Track, song_residuals: dict[int, int], starts: Sequence[int], end: int) -> None:
        """``song_residuals``: as in ``ExpressionHistory``. ``starts``: first tick of each bar; ``end`` of the song."""
        self.track, self.notes, self.exact = track, sorted(track.notes), list[Note]()
        self._starts, self._history = starts, ExpressionHistory(track.program, song_residuals, is_drum=track.is_drum)
        durations = (DRUM_DURATION if track.is_drum else note.duration for note in self.notes)
        self._durations = [duration_class(each) for each in durations]
        self._room = _stroke_room(self.notes, end) if track.is_drum else _note_room(self.notes, end)

    def features(self, number: int) -> tuple[int, ...]:
        """(F,) classes as ``midi_data.events.expression_features.FEATURES`` names them."""
        note, starts = self.notes[number], self._starts
        bar = bisect_right(starts, note.onset) - 1
        into, bar_ticks = note.onset - starts[bar], starts[bar] - starts[bar - 1] if bar else 0
        velocity = note.velocity // VELOCITY_STEP
        return self._history.features(note.onset, note.pitch, velocity, self._durations[number], into, bar_ticks)

    def draw(self, number: int, logits: list[float], length_given: list[list[float]], stream: RandomStream) -> None:
        """Draw the exact values of note ``number``: velocity residual, then length.

        ``logits`` (40,) of both; ``length_given`` (8, 32) is added to the lengths' for each residual.
        """
        note, is_drum, duration = self.notes[number], self.track.is_drum, self._durations[number]
        velocity = note.velocity // VELOCITY_STEP
        lowest = int(velocity == 0)  # velocity 0 means "note off"
        residual = lowest + _drawn(logits[lowest:RESIDUALS], stream)
        codes, given = range(len(DURATIONS)) if is_drum else _LENGTHS[duration], length_given[residual]
        code = codes[_drawn([logits[RESIDUALS + each] + given[each] for each in codes], stream)]
        self._history.add(note.onset, note.pitch, velocity, duration, residual, code)
        ticks = min(length_of(code, duration, is_drum=is_drum), self._room[number])
        self.exact.append(Note(note.onset, note.pitch, ticks, velocity * VELOCITY_STEP + residual))


def _drawn(logits: list[float], stream: RandomStream) -> int:
    """An index from the softmax of ``logits``, without unlikely ones."""
    return draw(softmax_weights(logits, min_p=EXPRESSION_MIN_P), stream) if len(logits) > 1 else 0
