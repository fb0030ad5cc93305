"""What the expression network reads before it chooses a note's exact velocity and length.

A composed note has a velocity class (eight MIDI velocities wide) and a duration class. The exact values inside the
classes depend on how the part has been played so far: a sequenced part repeats the same few values, a played one varies
with the beat. Parts of one song agree: a program writes the same velocity everywhere. ``ExpressionHistory`` walks
through one part note by note; training and composing share it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from midi_data.bars import POSITION_CLASSES
from midi_data.events.encoding import DURATIONS, VELOCITY_STEP, VOCABULARY, duration_class

OFFSET_LIMIT = 16
"""Ticks around the nominal length of a duration class that a length code spells: −16 … 15."""
LENGTH_CODES = 2 * OFFSET_LIMIT
RESIDUALS = VELOCITY_STEP
"""Velocities of one class: the residual is the exact velocity minus the lowest of its class."""
DRUM_FAMILY = 16
NO_GENRE = 0
"""Genre class of a genre that the network was not trained on."""

FEATURES: dict[str, int] = {
    "velocity": VOCABULARY["velocity"],
    "duration": VOCABULARY["duration"],
    "position": POSITION_CLASSES,
    "pitch": VOCABULARY["pitch"],
    "family": DRUM_FAMILY + 1,
    "same_onset": 2,
    "previous_velocity": VOCABULARY["velocity"] + 1,
    "previous_residual": RESIDUALS + 1,
    "class_residual": RESIDUALS + 1,
    "pitch_residual": RESIDUALS + 1,
    "bar_residual": RESIDUALS + 1,
    "previous_length": LENGTH_CODES + 1,
    "class_length": LENGTH_CODES + 1,
    "song_residual": RESIDUALS + 1,
}
"""Classes of each feature, genre left out; the last class of a history feature is "none yet"."""


def length_code(ticks: int, duration: int, *, is_drum: bool) -> int:
    """The code (0–31) of an exact length in ``ticks``.

    Pitched notes: offset from the nominal length of ``duration`` (class), clipped. Drums: the duration class of
    ``ticks``, since a composed stroke has no length of its own.
    """
    if is_drum:
        return duration_class(ticks)
    return min(max(ticks - DURATIONS[duration], -OFFSET_LIMIT), OFFSET_LIMIT - 1) + OFFSET_LIMIT


def length_of(code: int, duration: int, *, is_drum: bool) -> int:
    """The length in ticks that ``length_code`` spells."""
    return DURATIONS[code] if is_drum else DURATIONS[duration] + code - OFFSET_LIMIT


def allowed_lengths(duration: int, *, is_drum: bool) -> list[int]:
    """The codes of all lengths that belong to ``duration`` (class); for drums those of every class."""
    if is_drum:
        return list(range(len(DURATIONS)))
    nominal = DURATIONS[duration]
    return [
        code
        for code in range(LENGTH_CODES)
        if nominal + code - OFFSET_LIMIT >= 1 and duration_class(nominal + code - OFFSET_LIMIT) == duration
    ]


def note_groups(counts: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """The notes of a song's parts in the order in which exact values are chosen: (note number, first part, stop part).

    ``counts``: notes of each part, at least 1, falling. First notes come one by one, so that each part knows how those
    before it begin; then all parts that play on choose at once.
    """
    yield from ((0, part, part + 1) for part in range(len(counts)))
    for number in range(1, counts[0] if counts else 0):
        yield number, 0, sum(count > number for count in counts)


class ExpressionHistory:
    """Features of one part's notes in order of (onset, pitch). Call ``features``, then ``add``, for each note."""

    def __init__(self, program: int, song_residuals: dict[int, int], *, is_drum: bool) -> None:
        """``song_residuals``: velocity class → residual last chosen in any part; the parts of a song share it."""
        self._is_drum, self._by_song = is_drum, song_residuals
        self._family = DRUM_FAMILY if is_drum else program // 8
        self._onset = -1
        self._previous = (VOCABULARY["velocity"], RESIDUALS, LENGTH_CODES)
        self._by_class: dict[int, int] = {}
        self._by_pitch: dict[tuple[int, int], int] = {}
        self._by_tick: dict[tuple[int, int], int] = {}
        self._lengths: dict[int, int] = {}

    def features(
        self, onset: int, pitch: int, velocity: int, duration: int, position: int, bar_ticks: int
    ) -> tuple[int, ...]:
        """(F,) classes in the order of ``FEATURES``.

        ``onset``, ``position`` (into the bar) and ``bar_ticks`` in ticks; ``velocity`` and ``duration`` are classes.
        """
        voice = pitch + 128 * self._is_drum
        before, residual, length = self._previous
        return (
            velocity,
            duration,
            min(position, POSITION_CLASSES - 1),
            voice,
            self._family,
            int(onset == self._onset),
            before,
            residual,
            self._by_class.get(velocity, RESIDUALS),
            self._by_pitch.get((pitch, velocity), RESIDUALS),
            self._by_tick.get((pitch, onset - bar_ticks), RESIDUALS),
            length,
            self._lengths.get(pitch if self._is_drum else duration, LENGTH_CODES),
            self._by_song.get(velocity, RESIDUALS),
        )

    def add(self, onset: int, pitch: int, velocity: int, duration: int, residual: int, length: int) -> None:
        """Record the exact values that were chosen: ``residual`` 0–7, ``length`` code 0–31."""
        self._onset = onset
        self._previous = (velocity, residual, length)
        self._by_song[velocity] = self._by_class[velocity] = residual
        self._by_pitch[pitch, velocity] = residual
        self._by_tick[pitch, onset] = residual
        self._lengths[pitch if self._is_drum else duration] = length
