"""Motifs: what followed the last time that a part played the intervals it has just played.

A melody comes back in other bars than those of the lookback, and on other notes. The latest earlier place where the
part played the same intervals says how it may go on: its next interval from here, and that note's duration and
velocity.
"""

from __future__ import annotations

from midi_data.events.encoding import DRUM_PITCH, VOCABULARY

MOTIF_INTERVALS = (2, 4, 8)
"""Numbers of intervals that are compared, in semitones. Longer motifs come back less often and are right more often."""
NO_NOTE = (VOCABULARY["pitch"], VOCABULARY["duration"], VOCABULARY["velocity"])
"""Classes for "none"."""

NoteClasses = tuple[int, int, int]
"""Pitch, duration, velocity."""


class Motifs:
    """The notes of all parts so far, read by the intervals that a part played last."""

    def __init__(self) -> None:
        self._following: dict[tuple[int, ...], NoteClasses] = {}
        """(part, intervals …) → the interval, duration and velocity that followed last."""
        self._last: dict[int, tuple[int, tuple[int, ...], list[tuple[int, ...]]]] = {}
        """By part: its last pitch, its last intervals, and their key in ``_following`` for each number of intervals."""

    def next_notes(self, part: int) -> list[NoteClasses]:
        """What may follow for each of ``MOTIF_INTERVALS``: pitch, duration, velocity."""
        if part not in self._last:
            return [NO_NOTE] * len(MOTIF_INTERVALS)
        pitch, _, keys = self._last[part]
        found = [NO_NOTE] * len(MOTIF_INTERVALS)
        for place, key in enumerate(keys):
            if key in self._following:
                interval, duration, velocity = self._following[key]
                if _is_alike(pitch, pitch + interval):
                    found[place] = pitch + interval, duration, velocity
        return found

    def add_note(self, part: int, pitch: int, duration: int, velocity: int) -> None:
        """Add a note; notes come in the order of events."""
        intervals: tuple[int, ...] = ()
        if part in self._last:
            before, held, keys = self._last[part]
            for key in keys:
                self._following[key] = pitch - before, duration, velocity
            intervals = (*held, pitch - before)[-max(MOTIF_INTERVALS) :]
        keys = [(part, *intervals[-count:]) for count in MOTIF_INTERVALS if count <= len(intervals)]
        self._last[part] = pitch, intervals, keys


def _is_alike(pitch: int, other: int) -> bool:
    """Whether both are drum keys or both are pitches."""
    return 0 <= other < VOCABULARY["pitch"] and (pitch < DRUM_PITCH) == (other < DRUM_PITCH)
