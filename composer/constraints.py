"""Musical rules as masks over the classes of a field: what may come next, never what should.

Grammar (events in order), playable range, no empty bar, an ending on the last bar line, nothing hanging over it.
Pure functions of a ``Standing``; knows neither network nor sampling.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from composer.habits import Habits
from midi_data.events import DURATIONS, END, VOCABULARY, WAIT, WAIT_TICKS, part_instrument
from midi_data.general_midi import usual_polyphony

Mask = NDArray[np.bool_]


JUST_STRUCK_TICKS = 3
"""A string that began to sound so shortly ago is not struck again, nor does a player find another hand."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a song stands before its next event.

    ``tick``: of the event before. ``last``: its (part, pitch), ``None`` at a fresh tick. ``note_bar``: bar of the last
    note (−1: none yet). ``bar_ticks``: first tick of each bar, and the song's end. ``struck``: pitches that each part
    has begun within ``JUST_STRUCK_TICKS`` of the present event.
    """

    tick: int
    last: tuple[int, int] | None
    note_bar: int
    bar_ticks: Sequence[int]
    struck: Mapping[int, Collection[int]] = field(default_factory=dict)

    @property
    def end(self) -> int:
        """The tick at which the song ends."""
        return self.bar_ticks[-1]


def advances(standing: Standing, band: Sequence[int], habits: Habits, resting: Collection[int] = ()) -> Mask:
    """Advances that stay before the end, leave no bar empty, keep to the grid, and at 0 leave room for another note."""
    allowed = np.zeros(VOCABULARY["advance"], dtype=np.bool_)
    bars = standing.bar_ticks
    # The next note falls into the last note's bar or the one after.
    limit = bars[min(standing.note_bar + 2, len(bars) - 1)]
    allowed[: max(min(limit - standing.tick, WAIT), 0)] = True
    allowed[1:WAIT] &= habits.grid[(standing.tick + np.arange(1, WAIT)) % len(habits.grid)]
    # Bars begin where they begin, whatever the grid says.
    beginnings = [tick - standing.tick for tick in bars if 0 < tick - standing.tick < min(WAIT, limit - standing.tick)]
    allowed[beginnings] = True
    allowed[0] = standing.tick < standing.end and bool(parts(standing, band, habits, still=True, resting=resting).any())
    allowed[WAIT] = standing.tick + WAIT_TICKS < limit
    allowed[END] = standing.note_bar >= len(bars) - 2
    return allowed


def parts(
    standing: Standing, band: Sequence[int], habits: Habits, *, still: bool, resting: Collection[int] = ()
) -> Mask:
    """Parts of the band that do not rest and have a voice left; at the same tick only those later in the order."""
    allowed = np.zeros(VOCABULARY["part"], dtype=np.bool_)
    allowed[list(band)] = True
    allowed[list(resting)] = False
    first = standing.last[0] if still and standing.last else 0
    allowed[:first] = False
    for part, pitches_struck in standing.struck.items():
        allowed[part] &= len(pitches_struck) < usual_polyphony(*part_instrument(part))
    if still and standing.last:
        allowed[first] &= bool(pitches(standing, first, habits, still=True).any())
    elif not allowed.any():  # all hands are full: rather another voice than none
        allowed[[part for part in band if part not in resting]] = True
    return allowed


def pitches(standing: Standing, part: int, habits: Habits, *, still: bool) -> Mask:
    """The pitches a part uses; above the note before when the part goes on at the same tick."""
    allowed = habits.pitch[part].copy()
    chord = still and standing.last is not None and standing.last[0] == part
    if chord and standing.last:
        allowed[: standing.last[1] + 1] = False
    free = allowed.copy()
    free[list(standing.struck.get(part, ()))] = False
    return free if chord or free.any() else allowed


def durations(onset: int, end: int) -> Mask:
    """Lengths that end with the song at the latest; the shortest is always allowed."""
    allowed: Mask = np.asarray(DURATIONS) <= end - onset
    allowed[0] = True
    return allowed


def stolen(sounding: Mapping[int, tuple[int, int]], part: int, onset: int) -> list[int]:
    """Which of a part's sounding notes (number → (onset, end)) are cut so that one more stays within its polyphony.

    The ones that began first; notes of the same tick are a chord and stay.
    """
    over = len(sounding) + 1 - usual_polyphony(*part_instrument(part))
    earlier = sorted((begun, number) for number, (begun, _) in sounding.items() if begun < onset)
    return [number for _, number in earlier[: max(over, 0)]]


def ended(logits: NDArray[np.floating], standing: Standing) -> NDArray[np.floating]:
    """Advance logits with all that lies past the last bar line counted to the end event; others as they are."""
    first = max(standing.end - standing.tick, 0)
    if first > WAIT or standing.note_bar < len(standing.bar_ticks) - 2:
        return logits
    folded = logits.copy()
    folded[END] = np.logaddexp.reduce(logits[first:])
    return folded
