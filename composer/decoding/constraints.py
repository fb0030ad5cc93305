"""Musical rules as the classes of a field that may come next, never those that should.

Grammar (events in order), playable range, no empty bar, an ending on the last bar line, nothing hanging over it.
Knows neither network nor sampling. Plain lists and bisection: a song asks five times a note.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType

import numpy as np

from composer.decoding.masks import PartMasks
from midi_data.events.encoding import DURATIONS, EOS, MAX_SHIFT, part_instrument
from midi_data.general_midi import usual_polyphony

Classes = list[int]
"""The classes that may come next, rising."""

JUST_STRUCK_TICKS = 3
"""A string that began to sound so shortly ago is not struck again, nor does a player find another hand."""


class StepContext:
    """Where a song stands before its next event, or within it once the advance is chosen.

    ``tick``: of the event before. ``last``: its (part, pitch), ``None`` at a fresh tick. ``note_bar``: bar of the last
    note (−1: none yet). ``struck``: pitches that each part has begun within ``JUST_STRUCK_TICKS`` of the present event;
    ``ringing``: pitches of each pitched part that ring on after it for more than ``activity.LET_GO_TICKS``.
    """

    def __init__(
        self,
        tick: int,
        last: tuple[int, int] | None,
        note_bar: int,
        struck: Mapping[int, Collection[int]],
        ringing: Mapping[int, Collection[int]] = MappingProxyType({}),
    ) -> None:
        self.tick = tick
        self.last = last
        self.note_bar = note_bar
        self.struck = struck
        self.ringing = ringing


class Constraints:
    """What one song's rules allow, for a band with its habits and bars; remembers what it has worked out."""

    def __init__(self, band: Sequence[int], masks: PartMasks, bar_ticks: Sequence[int]) -> None:
        """``bar_ticks``: first tick of each bar, all of one length, and the song's end."""
        self.end = bar_ticks[-1]
        self._bars = list(bar_ticks)
        self._bar_length = bar_ticks[1] - bar_ticks[0]
        self._grid: list[bool] = masks.grid.tolist()
        self._pitch: dict[int, list[int]] = {part: np.flatnonzero(masks.pitch[part]).tolist() for part in band}
        self._duration: dict[int, list[int]] = {part: np.flatnonzero(masks.duration[part]).tolist() for part in band}
        self._velocity: dict[int, list[int]] = {part: np.flatnonzero(masks.velocity[part]).tolist() for part in band}
        self._voices = dict(masks.voices)
        self._onward: dict[tuple[int, int, int, bool, bool], list[int]] = {}

    def time_shifts(self, context: StepContext, playing: list[int]) -> Classes:
        """Advances that stay before the end, leave no bar empty, keep to the grid, and at 0 leave room for a note.

        ``playing``: the parts of the band that do not rest in the bar of ``context``, rising.
        """
        tick, bars = context.tick, self._bars
        # The next note falls into the last note's bar or the one after.
        limit = bars[min(context.note_bar + 2, len(bars) - 1)]
        still = tick < self.end and self._goes_on(context, playing)
        ending = self.may_end(context)
        # What is allowed depends on the places in bar and quarter only.
        key = (tick % self._bar_length, tick % len(self._grid), limit - tick, still, ending)
        known = self._onward.get(key)
        if known is None:
            known = self._onward[key] = [*[0] * still, *self._later(tick, limit), *[EOS] * ending]
        return known

    def _goes_on(self, context: StepContext, playing: list[int]) -> bool:
        """Whether a part may still play at the tick of the event before: whether ``parts`` would find one."""
        if context.last is None:
            return bool(playing)
        first = context.last[0]
        for part in reversed(playing):
            if part <= first:
                break
            if self._has_voice(context, part):
                return True
        if first not in playing or not self._has_voice(context, first):
            return False
        return bool(self.pitches(context, first, still=True))

    def _has_voice(self, context: StepContext, part: int) -> bool:
        """Whether ``part`` has a hand free: what it holds, or has only just struck, is less than its voices."""
        struck, ringing = context.struck.get(part), context.ringing.get(part)
        if not struck and not ringing:
            return True
        if not struck or not ringing:
            return len(struck or ringing or ()) < self._voices[part]
        return len({*struck, *ringing}) < self._voices[part]

    def may_end(self, context: StepContext) -> bool:
        """Whether the last bar has its note."""
        return context.note_bar >= len(self._bars) - 2

    def _later(self, tick: int, limit: int) -> list[int]:
        """Advances above 0 to ticks on the grid, or where bars begin, that lie before ``limit``; the wait."""
        ahead = range(1, min(MAX_SHIFT, limit - tick))
        grid, size, length = self._grid, len(self._grid), self._bar_length
        found = [n for n in ahead if grid[(tick + n) % size] or (tick + n) % length == 0]
        return [*found, MAX_SHIFT] if tick + MAX_SHIFT < limit else found

    def parts(self, context: StepContext, playing: list[int], *, still: bool) -> Classes:
        """Of the parts ``playing`` those with a voice left; at the same tick only those later in the order."""
        allowed = [part for part in playing if self._has_voice(context, part)]
        if not still or context.last is None:
            return allowed or playing  # all hands are full: rather another voice than none
        first = context.last[0]
        if first in allowed and not self.pitches(context, first, still=True):
            first += 1
        return [part for part in allowed if part >= first]

    def pitches_of(self, part: int) -> Classes:
        """All that a part may play anywhere in the song."""
        return self._pitch[part]

    def pitches(self, context: StepContext, part: int, *, still: bool) -> Classes:
        """The pitches a part uses and does not hold; above the note before when it goes on at the same tick."""
        allowed = self._pitch[part]
        chord = still and context.last is not None and context.last[0] == part
        if chord and context.last:
            allowed = allowed[bisect_right(allowed, context.last[1]) :]
        struck, ringing = context.struck.get(part, ()), context.ringing.get(part, ())
        if not struck and not ringing:
            return allowed
        free = [pitch for pitch in allowed if pitch not in struck and pitch not in ringing]
        return free if chord else free or allowed

    def durations(self, part: int, onset: int) -> Classes:
        """The lengths a part uses that end with the song at the latest; its shortest is always allowed."""
        allowed, left = self._duration[part], self.end - onset
        if DURATIONS[allowed[-1]] <= left:
            return allowed
        return allowed[: max(bisect_right(allowed, bisect_right(DURATIONS, left) - 1), 1)]

    def velocities(self, part: int) -> Classes:
        """The velocities a part uses."""
        return self._velocity[part]

    def fold_eos(self, logits: list[float], context: StepContext) -> None:
        """Count the advance logits of all that lies past the last bar line to the end event, once it may come."""
        first = max(self.end - context.tick, 0)
        if first > MAX_SHIFT or not self.may_end(context):
            return
        beyond = logits[first : EOS + 1]
        top: float = max(beyond)
        together: float = sum([math.exp(each - top) for each in beyond], 0.0)
        logits[EOS] = top + math.log(together)


def stolen(sounding: Mapping[int, tuple[int, int]], part: int, onset: int) -> list[int]:
    """Which of a part's sounding notes (number → (onset, end)) are cut so that one more stays within its polyphony.

    The ones that began first; notes of the same tick are a chord and stay.
    """
    over = len(sounding) + 1 - usual_polyphony(*part_instrument(part))
    earlier = sorted((begun, number) for number, (begun, _) in sounding.items() if begun < onset)
    return [number for _, number in earlier[: max(over, 0)]]
