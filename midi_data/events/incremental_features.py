"""The lookback of ``midi_data.events.features`` one step at a time, for a song that is being generated.

Same values as the arrays (held together by a test), computed with lists and bisection.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from midi_data.events.encoding import MAX_SHIFT
from midi_data.events.features import LAGS, NONE, ONSET_SHIFT, PART_SHIFT
from midi_data.events.motifs import NO_NOTE, Motifs

NO_NEXT = (NONE["time_shift"], NONE["part"], NONE["pitch"])
NO_PART = NONE["part"]

Classes3 = tuple[int, int, int]
_NO_NOTES: list[tuple[int, int, Classes3]] = []


class IncrementalLookback:
    """The notes played so far, read by tick.

    ``last``: part and pitch of the previous event as the low bits of a key (``features.PART_SHIFT``).
    """

    def __init__(self, first_ticks: Sequence[int], source_lag: Sequence[int] | None = None) -> None:
        """``first_ticks``: first tick of each bar. ``source_lag``: its last lag in bars (default ``LAGS[-1]``)."""
        self._first_ticks = list(first_ticks)
        self._lags = [[*LAGS[:-1], last] for last in source_lag or [LAGS[-1]] * len(self._first_ticks)]
        self._keys: list[int] = []
        self._rows: list[Classes3] = []  # onset, part, pitch
        self._at: dict[int, list[tuple[int, int, Classes3]]] = {}  # by onset: (low bits of the key, part, the note)
        self._last: dict[int, Classes3] = {}
        self._motifs = Motifs()
        self._moved_back: tuple[int, list[int]] = (-1, [])

    def add_note(self, onset: int, part: int, pitch: int, duration: int, velocity: int) -> None:
        """Add a note; notes come in the order of events."""
        low = (part << PART_SHIFT) + pitch
        note = (pitch, duration, velocity)
        self._keys.append((onset << ONSET_SHIFT) + low)
        self._rows.append((onset, part, pitch))
        self._at.setdefault(onset, []).append((low, part, note))
        self._last[part] = note
        self._motifs.add_note(part, *note)

    def bar_of(self, tick: int) -> int:
        """Index of the bar that contains ``tick``."""
        return bisect_right(self._first_ticks, tick) - 1

    def next_events(self, tick: int, last: int) -> list[Classes3]:
        """K (time shift, part, pitch) of the events that followed ``last`` at ``tick`` of each lag's bar."""
        found: list[Classes3] = []
        keys, rows = self._keys, self._rows
        for moved in self._lagged(tick):
            index = bisect_right(keys, (moved << ONSET_SHIFT) + last) if moved >= 0 else len(keys)
            if index == len(keys):
                found.append(NO_NEXT)
            else:
                onset, part, pitch = rows[index]
                found.append((min(onset - moved, MAX_SHIFT), part, pitch))
        return found

    def parts_at(self, tick: int, last: int) -> list[int]:
        """K parts at ``tick`` of each lag's bar, after ``last`` if the previous event has the same tick, else −1."""
        found: list[int] = []
        for moved in self._lagged(tick):
            found_part = NO_PART
            for low, part, _ in self._at.get(moved, _NO_NOTES):
                if low > last:
                    found_part = part
                    break
            found.append(found_part)
        return found

    def notes_at(self, tick: int, part: int, last: int) -> list[Classes3]:
        """L (pitch, duration, velocity): of ``part`` at ``tick`` of each lag's bar; its last note; its motifs."""
        found: list[Classes3] = []
        for moved in self._lagged(tick):
            found_note = NO_NOTE
            for low, played, note in self._at.get(moved, _NO_NOTES):
                if played == part and low > last:
                    found_note = note
                    break
            found.append(found_note)
        return [*found, self._last.get(part, NO_NOTE), *self._motifs.next_notes(part)]

    def _lagged(self, tick: int) -> list[int]:
        """``tick`` moved back by each lag; −1 before the song. Cached for one tick."""
        known, moved = self._moved_back
        if known == tick:
            return moved
        bar, starts = self.bar_of(tick), self._first_ticks
        into = tick - starts[bar]
        moved = [into + starts[bar - lag] if bar >= lag else -1 for lag in self._lags[bar]]
        self._moved_back = tick, moved
        return moved
