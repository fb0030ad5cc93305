"""Hard constraints: the classes of a field that may come next.

Order of events, playable ranges, polyphony, no empty bar, an ending on the last bar line. Plain lists and bisection,
because five fields a note are constrained.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from composer.decoding.masks import PartMasks
from composer.exact import log_sum
from midi_data.events.encoding import DURATIONS, EOS, MAX_SHIFT

Classes = list[int]
"""Classes that may come next, rising."""


class StepContext(NamedTuple):
    """Where a song is before its next event, or within it once the time shift is chosen.

    ``tick``: of the previous event. ``last``: its (part, pitch); None after a wait and at the beginning. ``note_bar``:
    bar of the last note, −1 before the first. ``struck``: pitches that each part began within ``JUST_STRUCK_TICKS`` of
    the present event. ``ringing``: pitches of each pitched part that sound on for more than ``activity.RELEASE_TICKS``.
    """

    tick: int
    last: tuple[int, int] | None
    note_bar: int
    struck: Mapping[int, Collection[int]]
    ringing: Mapping[int, Collection[int]] = MappingProxyType({})


class Constraints:
    """The constraints of one song: its masks and bars. Caches the allowed time shifts, and the parts of one tick."""

    def __init__(self, masks: PartMasks, bar_ticks: Sequence[int]) -> None:
        """``bar_ticks``: first tick of each bar, all of one length, then the end of the song."""
        self.end = bar_ticks[-1]
        self._bars = list(bar_ticks)
        self._bar_length = bar_ticks[1] - bar_ticks[0]
        self._grid: list[bool] = masks.grid.tolist()
        used: dict[str, dict[int, list[int]]] = {
            field: {part: np.flatnonzero(mask).tolist() for part, mask in getattr(masks, field).items()}
            for field in ("pitch", "duration", "velocity")
        }
        self.pitches_of, self._duration, self.velocities_of = used.values()
        """Part → its pitches, or velocities, in the song."""
        self._voices = dict(masks.voices)
        self._time_shifts: dict[tuple[int, int, int, bool, bool], list[int]] = {}
        self._same_tick: tuple[StepContext | None, list[int], Classes] = (None, [], [])

    def time_shifts(self, context: StepContext, playing: list[int]) -> Classes:
        """Time shifts that stay before the end, leave no bar empty and keep to the grid; 0 if a part may still play.

        ``playing``: the parts that do not rest in the bar of ``context``, rising.
        """
        tick, bars = context.tick, self._bars
        # The next note falls into the last note's bar or the one after.
        limit = bars[min(context.note_bar + 2, len(bars) - 1)]
        same_tick = tick < self.end and bool(self.parts(context, playing, same_tick=True))
        ending = self.may_end(context)
        # The result depends on the position in the bar and in the quarter only.
        key = (tick % self._bar_length, tick % len(self._grid), limit - tick, same_tick, ending)
        if key not in self._time_shifts:
            self._time_shifts[key] = [*[0] * same_tick, *self._later(tick, limit), *[EOS] * ending]
        return self._time_shifts[key]

    def may_end(self, context: StepContext) -> bool:
        """Whether the last bar has a note."""
        return context.note_bar >= len(self._bars) - 2

    def _later(self, tick: int, limit: int) -> list[int]:
        """Time shifts above 0 to ticks on the grid or on bar lines before ``limit``; the wait."""
        shifts = range(1, min(MAX_SHIFT, limit - tick))
        grid, size, length = self._grid, len(self._grid), self._bar_length
        found = [n for n in shifts if grid[(tick + n) % size] or (tick + n) % length == 0]
        return [*found, MAX_SHIFT] if tick + MAX_SHIFT < limit else found

    def parts(self, context: StepContext, playing: list[int], *, same_tick: bool) -> Classes:
        """Parts of ``playing`` with a free voice; at the tick of the previous event only those that come later.

        A part has one if it sounds, or has just struck, fewer pitches than its voices.
        If no part has a free voice at a new tick, all of ``playing``.
        """
        if same_tick and self._same_tick[0] is context and self._same_tick[1] is playing:
            return self._same_tick[2]  # as it was asked for the time shift
        struck, ringing, voices = context.struck, context.ringing, self._voices
        allowed = [
            part
            for part in playing
            if len(struck.get(part, ())) + len(ringing.get(part, ())) < voices[part]
            or len({*struck.get(part, ()), *ringing.get(part, ())}) < voices[part]
        ]
        if not same_tick or context.last is None:
            return allowed or playing
        first = context.last[0]
        if first in allowed and not self.pitches(context, first, same_tick=True):
            first += 1
        self._same_tick = context, playing, [part for part in allowed if part >= first]
        return self._same_tick[2]

    def pitches(self, context: StepContext, part: int, *, same_tick: bool) -> Classes:
        """Pitches of ``part`` that do not sound; above the previous one in a chord.

        If all sound, all of them, except within a chord.
        """
        allowed = self.pitches_of[part]
        chord = same_tick and context.last is not None and context.last[0] == part
        if chord and context.last:
            allowed = allowed[bisect_right(allowed, context.last[1]) :]
        struck, ringing = context.struck.get(part, ()), context.ringing.get(part, ())
        if not struck and not ringing:
            return allowed
        free = [pitch for pitch in allowed if pitch not in struck and pitch not in ringing]
        return free if chord else free or allowed

    def durations(self, part: int, onset: int) -> Classes:
        """Durations of ``part`` that end with the song at the latest; at least its shortest."""
        allowed, left = self._duration[part], self.end - onset
        if DURATIONS[allowed[-1]] <= left:
            return allowed
        return allowed[: max(bisect_right(allowed, bisect_right(DURATIONS, left) - 1), 1)]

    def fold_eos(self, logits: list[float], context: StepContext) -> None:
        """Move the probability of all time shifts beyond the song's end to the end event, once it is allowed.

        ``logits``: (V,) of the time shift, changed in place.
        """
        first = max(self.end - context.tick, 0)
        if first > MAX_SHIFT or not self.may_end(context):
            return
        logits[EOS] = log_sum(logits[first : EOS + 1])
