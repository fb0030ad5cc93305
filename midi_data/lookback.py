"""The lookback of ``midi_data.steps`` for one step at a time, while a song is being written.

Same meaning, same values (a test holds them together); lists and bisection instead of arrays.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from midi_data.events import WAIT
from midi_data.steps import LAGS, NONE, ONSET_SHIFT, PART_SHIFT

NOTHING_NEXT = (NONE["advance"], NONE["part"], NONE["pitch"])
NOTHING_NOTE = (NONE["pitch"], NONE["duration"], NONE["velocity"])


class Lookback:
    """What has been played so far, asked for by tick. ``first_ticks``: where each bar of the song begins."""

    def __init__(self, first_ticks: Sequence[int]) -> None:
        self._first_ticks = list(first_ticks)
        self._keys: list[int] = []
        self._rows: list[tuple[int, int, int, int, int]] = []
        self._last: dict[int, tuple[int, int, int]] = {}

    def play(self, onset: int, part: int, pitch: int, duration: int, velocity: int) -> None:
        """Remember a note; notes come in the order of events."""
        self._keys.append((onset << ONSET_SHIFT) + (part << PART_SHIFT) + pitch)
        self._rows.append((onset, part, pitch, duration, velocity))
        self._last[part] = (pitch, duration, velocity)

    def bar_of(self, tick: int) -> int:
        """Index of the bar that ``tick`` lies in."""
        return bisect_right(self._first_ticks, tick) - 1

    def following(self, tick: int, last: int) -> list[tuple[int, int, int]]:
        """Each lag's next (advance, part, pitch), standing at ``tick`` after ``last`` (low bits of a key)."""
        looks = []
        for moved in self._moved(tick):
            found = bisect_right(self._keys, (moved << ONSET_SHIFT) + last) if moved >= 0 else len(self._keys)
            if found == len(self._keys):
                looks.append(NOTHING_NEXT)
            else:
                onset, part, pitch, _, _ = self._rows[found]
                looks.append((min(onset - moved, WAIT), part, pitch))
        return looks

    def part_at(self, tick: int, last: int) -> list[int]:
        """Each lag's part at this tick of the bar; ``last`` is −1 unless the tick is that of the event before."""
        looks = []
        for moved in self._moved(tick):
            row = self._row_after(moved, last)
            looks.append(row[1] if row and row[0] == moved else NONE["part"])
        return looks

    def note_at(self, tick: int, part: int, last: int) -> list[tuple[int, int, int]]:
        """Each lag's (pitch, duration, velocity) of ``part`` at this tick of the bar; then its own last note's."""
        low = max((part << PART_SHIFT) - 1, last)
        looks = []
        for moved in self._moved(tick):
            row = self._row_after(moved, low)
            looks.append(row[2:5] if row and row[0] == moved and row[1] == part else NOTHING_NOTE)
        looks.append(self._last.get(part, NOTHING_NOTE))
        return looks

    def _row_after(self, tick: int, low: int) -> tuple[int, int, int, int, int] | None:
        if tick < 0:
            return None
        found = bisect_right(self._keys, (tick << ONSET_SHIFT) + low)
        return self._rows[found] if found < len(self._keys) else None

    def _moved(self, tick: int) -> list[int]:
        bar, starts = self.bar_of(tick), self._first_ticks
        return [tick - starts[bar] + starts[bar - lag] if bar >= lag else -1 for lag in LAGS]
