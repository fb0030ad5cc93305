"""Musical rules as masks over the classes of a field: what may come next, never what should.

Grammar (events in order), playable range, no empty bar, an ending on the last bar line, nothing hanging over it.
Pure functions of a ``Standing``; knows neither network nor sampling.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from midi_data.events import DURATIONS, END, VOCABULARY, WAIT, WAIT_TICKS, part_instrument
from midi_data.general_midi import playable_range, usual_polyphony

Mask = NDArray[np.bool_]

QUIETEST_CLASS = 1
"""Velocity class 0 cannot be heard in a band."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a song stands before its next event.

    ``tick``: of the event before. ``last``: its (part, pitch), ``None`` at a fresh tick. ``chord``: how many notes
    that part has begun at this tick. ``note_bar``: bar of the last note (−1: none yet). ``bar_ticks``: first tick of
    each bar, and the song's end.
    """

    tick: int
    last: tuple[int, int] | None
    chord: int
    note_bar: int
    bar_ticks: Sequence[int]

    @property
    def end(self) -> int:
        """The tick at which the song ends."""
        return self.bar_ticks[-1]


def pitch_range(part: int) -> tuple[int, int]:
    """Lowest and highest pitch class of a part (drum keys stand 128 higher), both included."""
    program, is_drum = part_instrument(part)
    low, high = playable_range(program, is_drum)
    return low + 128 * is_drum, high + 128 * is_drum


def advances(standing: Standing, band: Sequence[int]) -> Mask:
    """Advances that stay before the end, leave no bar empty, and at 0 leave room for another note at this tick."""
    allowed = np.zeros(VOCABULARY["advance"], dtype=np.bool_)
    bars = standing.bar_ticks
    # The next note falls into the last note's bar or the one after.
    limit = bars[min(standing.note_bar + 2, len(bars) - 1)]
    allowed[: max(min(limit - standing.tick, WAIT), 0)] = True
    allowed[0] = standing.tick < standing.end and bool(parts(standing, band, still=True).any())
    allowed[WAIT] = standing.tick + WAIT_TICKS < limit
    allowed[END] = standing.note_bar >= len(bars) - 2
    return allowed


def parts(standing: Standing, band: Sequence[int], *, still: bool) -> Mask:
    """Parts of the band; at the same tick only those that come later in the order of events."""
    allowed = np.zeros(VOCABULARY["part"], dtype=np.bool_)
    allowed[list(band)] = True
    if still and standing.last:
        last, pitch = standing.last
        allowed[:last] = False
        room = standing.chord < usual_polyphony(*part_instrument(last)) and pitch < pitch_range(last)[1]
        allowed[last] &= room
    return allowed


def pitches(standing: Standing, part: int, *, still: bool) -> Mask:
    """The part's playable range; above the note before when the part goes on at the same tick."""
    allowed = np.zeros(VOCABULARY["pitch"], dtype=np.bool_)
    low, high = pitch_range(part)
    if still and standing.last and standing.last[0] == part:
        low = max(low, standing.last[1] + 1)
    allowed[low : high + 1] = True
    return allowed


def durations(onset: int, end: int) -> Mask:
    """Lengths that end with the song at the latest; the shortest is always allowed."""
    allowed: Mask = np.asarray(DURATIONS) <= end - onset
    allowed[0] = True
    return allowed


def velocities() -> Mask:
    """All that can be heard."""
    return np.arange(VOCABULARY["velocity"]) >= QUIETEST_CLASS


def stolen(sounding: Mapping[int, tuple[int, int]], part: int, onset: int) -> list[int]:
    """Which of a part's sounding notes (number → (onset, end)) are cut so that one more stays within its polyphony.

    The ones that began first; notes of the same tick are a chord and stay.
    """
    over = len(sounding) + 1 - usual_polyphony(*part_instrument(part))
    earlier = sorted((begun, number) for number, (begun, _) in sounding.items() if begun < onset)
    return [number for _, number in earlier[: max(over, 0)]]
