"""The lookback of ``midi_data.events.features`` for one step at a time, while a song is being written.

Same meaning, same values (a test holds them together); lists and bisection instead of arrays.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from midi_data.events.encoding import MAX_SHIFT
from midi_data.events.features import LAGS, NONE, ONSET_SHIFT, PART_SHIFT

NO_NEXT = (NONE["time_shift"], NONE["part"], NONE["pitch"])
NO_NOTE = (NONE["pitch"], NONE["duration"], NONE["velocity"])
NO_PART = NONE["part"]

LookbackRow = tuple[int, int, int]
_NO_NOTES: list[tuple[int, int, LookbackRow]] = []


class IncrementalLookback:
    """What has been played so far, asked for by tick."""

    def __init__(self, first_ticks: Sequence[int], source_lag: Sequence[int] | None = None) -> None:
        """``first_ticks``: first tick of each bar. ``source_lag``: its last lag in bars (default ``LAGS[-1]``)."""
        self._first_ticks = list(first_ticks)
        self._lags = [[*LAGS[:-1], last] for last in source_lag or [LAGS[-1]] * len(self._first_ticks)]
        self._keys: list[int] = []
        self._rows: list[LookbackRow] = []  # onset, part, pitch
        self._at: dict[int, list[tuple[int, int, LookbackRow]]] = {}  # by onset: (low bits of the key, part, the note)
        self._last: dict[int, LookbackRow] = {}
        self._known: tuple[int, list[int]] = (-1, [])

    def play(self, onset: int, part: int, pitch: int, duration: int, velocity: int) -> None:
        """Remember a note; notes come in the order of events."""
        low = (part << PART_SHIFT) + pitch
        note = (pitch, duration, velocity)
        self._keys.append((onset << ONSET_SHIFT) + low)
        self._rows.append((onset, part, pitch))
        self._at.setdefault(onset, []).append((low, part, note))
        self._last[part] = note

    def bar_of(self, tick: int) -> int:
        """Index of the bar that ``tick`` lies in."""
        return bisect_right(self._first_ticks, tick) - 1

    def next_lookback(self, tick: int, last: int) -> list[LookbackRow]:
        """Each lag's next (advance, part, pitch), standing at ``tick`` after ``last`` (low bits of a key)."""
        looks: list[LookbackRow] = []
        keys, rows = self._keys, self._rows
        for moved in self._moved(tick):
            found = bisect_right(keys, (moved << ONSET_SHIFT) + last) if moved >= 0 else len(keys)
            if found == len(keys):
                looks.append(NO_NEXT)
            else:
                onset, part, pitch = rows[found]
                looks.append((min(onset - moved, MAX_SHIFT), part, pitch))
        return looks

    def part_at(self, tick: int, last: int) -> list[int]:
        """Each lag's part at this tick of the bar; ``last`` is −1 unless the tick is that of the event before."""
        looks: list[int] = []
        for moved in self._moved(tick):
            look = NO_PART
            for low, part, _ in self._at.get(moved, _NO_NOTES):
                if low > last:
                    look = part
                    break
            looks.append(look)
        return looks

    def note_at(self, tick: int, part: int, last: int) -> list[LookbackRow]:
        """Each lag's (pitch, duration, velocity) of ``part`` at this tick of the bar; then its own last note's."""
        looks: list[LookbackRow] = []
        for moved in self._moved(tick):
            look = NO_NOTE
            for low, played, note in self._at.get(moved, _NO_NOTES):
                if played == part and low > last:
                    look = note
                    break
            looks.append(look)
        looks.append(self._last.get(part, NO_NOTE))
        return looks

    def _moved(self, tick: int) -> list[int]:
        """``tick`` moved back by each lag; −1 before the song's beginning. The last answer is kept."""
        known, moved = self._known
        if known == tick:
            return moved
        bar, starts = self.bar_of(tick), self._first_ticks
        into = tick - starts[bar]
        moved = [into + starts[bar - lag] if bar >= lag else -1 for lag in self._lags[bar]]
        self._known = tick, moved
        return moved
