"""Chord progressions that come back: the chord that followed the last time that a song played the chords just played.

Songs come back to a progression after any number of bars, twelve in a blues, eight or sixteen in other forms.
"""

from __future__ import annotations

from midi_data.chords import CHORD_CLASSES

PROGRESSION_SLOTS = (4, 8, 16)
"""Numbers of chord slots that are compared, two a bar. Longer ones come back less often and are right more often."""
NONE_YET = CHORD_CLASSES
"""Stands for a progression that has not been played before."""


class Progressions:
    """The chords of a song so far, slot by slot, read by the chords that were played last."""

    def __init__(self) -> None:
        self._chords: list[int] = []
        self._following: dict[tuple[int, ...], int] = {}
        """(slot of the bar, chords …) → the chord that followed last."""

    def next_chords(self) -> list[int]:
        """The chord that may follow for each of ``PROGRESSION_SLOTS``, as it did at the same place of a bar."""
        found = [self._following.get(key, NONE_YET) for key in self._keys()]
        return found + [NONE_YET] * (len(PROGRESSION_SLOTS) - len(found))

    def add_chord(self, chord: int) -> None:
        """Add the chord of the next slot; bars have two."""
        self._following |= dict.fromkeys(self._keys(), chord)
        self._chords.append(chord)

    def _keys(self) -> list[tuple[int, ...]]:
        played, slot = len(self._chords), len(self._chords) % 2
        return [(slot, *self._chords[-count:]) for count in PROGRESSION_SLOTS if count <= played]
