"""State of one song while it is generated: event grammar, bar clock, lookback, and the notes so far.

Per event: ``inputs``, then for each field ``read_lookback``, ``allowed`` and ``append``, in this order.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from composer.decoding.constraints import JUST_STRUCK_TICKS, Classes, Constraints, StepContext
from composer.decoding.masks import PartMasks, instrument_masks
from midi_data.analysis.activity import RELEASE_TICKS, RESTS, Activity
from midi_data.analysis.chords import split_of
from midi_data.bars import POSITION_CLASSES, meter_class
from midi_data.events.encoding import DURATIONS, EOS, FIELDS, MAX_SHIFT, part_instrument
from midi_data.events.features import LAGS, NONE, PART_SHIFT
from midi_data.events.incremental_features import NO_NEXT, Classes3, IncrementalLookback
from midi_data.song import TICKS_PER_QUARTER, Meter

NO_EVENT = tuple(NONE[field] for field in FIELDS)
Event = tuple[int, ...]
NoteEvent = tuple[int, int, int, int, int]
"""(onset in ticks, part, pitch, duration, velocity), the last four as classes."""
_NOTE_FIELDS = {"pitch": 0, "duration": 1, "velocity": 2}


class SongState:
    """Grammar and history of one song; see the module's docstring for the order of calls."""

    def __init__(
        self,
        band: Sequence[int],
        meter: Meter,
        bars: int,
        pitch_dropout: Sequence[frozenset[int]] | None = None,
        primer: Sequence[Event] = (),
        activity: Activity | None = None,
        masks: PartMasks | None = None,
        source_lag: Sequence[int] | None = None,
    ) -> None:
        self.band = tuple(sorted(band))
        self.meter = meter
        self._bar_length = meter.bar_ticks
        self._split = split_of(meter_class(meter), meter.bar_ticks) or meter.bar_ticks
        self.end = bars * self._bar_length
        self.bar_ticks = [bar * meter.bar_ticks for bar in range(bars + 1)]
        self.finished = False
        self._pitch_dropout = pitch_dropout or [frozenset()] * bars
        self.constraints = Constraints(self.band, masks or instrument_masks(self.band), self.bar_ticks)
        bins = np.zeros((bars, len(self.band)), dtype=np.uint8) if activity is None else activity
        resting: list[list[bool]] = (bins == RESTS).tolist()
        self._playing = [[part for part, rests in zip(self.band, row, strict=True) if not rests] for row in resting]
        self._history = IncrementalLookback(self.bar_ticks[:-1], source_lag)
        self._primer: list[Event] = list(primer)[::-1]
        self._previous: Event = NO_EVENT
        self._matched = 0
        self._note_bar = self._tick = self.tick = self.bar = self.bar_after = self.slot = self.slot_after = -1
        self._recent: list[tuple[int, int, int]] = []
        self._ends: dict[int, dict[int, int]] = {part: {} for part in self.band if not part_instrument(part)[1]}
        self._last: tuple[int, int] | None = None
        self._begun = False
        self.next_lookback: list[Classes3] = [NO_NEXT] * len(LAGS)
        self._note_rows: list[Classes3] = []
        self.lookback: list[int] = []
        self._notes: list[Event] = []
        self._released_at = -1
        self._move(0, 0)
        self._event: list[int] = []

    # -- features ----------------------------------------------------------------------------------------------------

    def inputs(self) -> list[int]:
        """Begin an event; inputs of the recurrent layers, one class each (``composer.model.packing.input_starts``).

        The previous event (5), the position in the bar, each lag's next (time shift, part, pitch), and the matched lags
        as bits of one number.
        """
        if self._begun:
            self.next_lookback = self._without_dropped(self._history.next_events(self._tick, self._last_key(0)))
        self._event = []
        return [*self._previous, self.position, *chain.from_iterable(self.next_lookback), self._matched]

    def _without_dropped(self, rows: list[Classes3]) -> list[Classes3]:
        """(time shift, part, pitch) ``rows`` without the pitches of the bar's dropped parts."""
        dropped = self._pitch_dropout[self.bar]
        return [(row[0], row[1], NONE["pitch"]) if row[1] in dropped else row for row in rows] if dropped else rows

    @property
    def strength(self) -> int:
        """Metrical strength of ``tick``: 2 where a chord slot begins, 1 on a quarter of the bar, else 0."""
        place = self.tick % self._bar_length
        if place in (0, self._split):
            return 2
        return 1 if place % TICKS_PER_QUARTER == 0 else 0

    def _slot_of(self, tick: int) -> int:
        """Twice the bar of ``tick``, plus 1 in its second chord slot; ticks past the end count to the last slot."""
        bar, place = divmod(min(tick, self.end - 1), self._bar_length)
        return 2 * bar + (1 if place >= self._split else 0)

    @property
    def same_tick(self) -> bool:
        """Whether the present event has the tick of the previous one."""
        return self._event[0] == 0 and self._last is not None

    @property
    def position(self) -> int:
        """Position class of ``tick`` in its bar."""
        return min(min(self.tick, self.end - 1) % self._bar_length, POSITION_CLASSES - 1)

    def read_lookback(self, field: str) -> list[int]:
        """Lookback classes of ``field``, K or K + 1, also kept as ``lookback``; of notes once the part is chosen."""
        self.lookback = self._lookback_of(field)
        return self.lookback

    def _lookback_of(self, field: str) -> list[int]:
        if field == "time_shift":
            return [row[0] for row in self.next_lookback]
        if field == "part":
            return self._history.parts_at(self.tick, self._last_key(-1) if self.same_tick else -1)
        if field == "pitch":
            self._note_rows = self._read_notes(self._event[1])
        return [row[_NOTE_FIELDS[field]] for row in self._note_rows]

    def _read_notes(self, part: int) -> list[Classes3]:
        """K + 1 (pitch, duration, velocity); the lags' pitches are dropped if the plan says so."""
        rows = self._history.notes_at(self.tick, part, self._last_key(-1) if self.same_tick else -1)
        if part in self._pitch_dropout[self.bar if self.tick == self._tick else self.bar_after]:
            rows[: len(LAGS)] = [(NONE["pitch"], duration, velocity) for _, duration, velocity in rows[: len(LAGS)]]
        return rows

    # -- grammar -----------------------------------------------------------------------------------------------------

    def allowed(self, field: str) -> Classes:
        """The classes of ``field`` that may come next, rising."""
        if field == "time_shift":
            return self.constraints.time_shifts(self.context, self._playing[self.bar])
        if field == "part":
            return self.constraints.parts(self.context, self._playing[self.bar_after], same_tick=self.same_tick)
        if field == "pitch":
            return self.constraints.pitches(self.context, self._event[1], same_tick=self.same_tick)
        if field == "duration":
            return self.constraints.durations(self._event[1], self.tick)
        return self.constraints.velocities(self._event[1])

    def forced(self, field: str) -> int | None:
        """The primer's class of ``field``; None after the primer."""
        return self._primer[-1][FIELDS.index(field)] if self._primer else None

    def append(self, chosen: int) -> None:
        """Append the next field of the present event; the last field completes a note."""
        event = self._event
        event.append(chosen)
        if len(event) == len(FIELDS):
            self._complete_note()
        elif len(event) == 1:
            if chosen == EOS:
                self.finished = True
            elif chosen == MAX_SHIFT:
                self._wait()
            elif chosen:
                self._move(self._tick, self._tick + chosen)

    def retract(self) -> None:
        """Take back the time shift of the present event."""
        self._event = []
        self._move(self._tick, self._tick)

    @property
    def event(self) -> list[int]:
        """The fields of the present event that are chosen."""
        return self._event

    @property
    def previous_part(self) -> int:
        """Part of the previous event; ``NONE`` after a wait and at the beginning."""
        return self._previous[1]

    @property
    def part(self) -> int:
        """Part of the present event; −1 before it is chosen."""
        return self._event[1] if len(self._event) > 1 else -1

    @property
    def pitch(self) -> int:
        """Pitch of the present event; −1 before it is chosen."""
        return self._event[2] if len(self._event) > 2 else -1

    @property
    def slot_ticks(self) -> list[int]:
        """(2 bars + 1,) first tick of each half bar, then the end; second halves of one-slot bars are empty."""
        halves = [start + half for start in self.bar_ticks[:-1] for half in (0, self._split)]
        return [*halves, self.end]

    @property
    def completed_note(self) -> NoteEvent | None:
        """The note that the last field completed, if it did."""
        if len(self._event) < len(FIELDS):
            return None
        _, part, pitch, duration, velocity = self._event
        return self.tick, part, pitch, duration, velocity

    @property
    def event_complete(self) -> bool:
        """Whether the present event has all its fields: a note, a wait or the end."""
        return self.finished or len(self._event) in (0, len(FIELDS)) or self._event[0] == MAX_SHIFT

    @property
    def progress(self) -> float:
        """0 … 1 of the song's ticks."""
        return min(self._tick / self.end, 1.0)

    @property
    def notes(self) -> NDArray[np.int32]:
        """(N, 5) the notes so far in order: onset, part, pitch, duration, velocity."""
        return np.array(self._notes, dtype=np.int32).reshape(-1, 5)

    def _move(self, before: int, tick: int) -> None:
        """Set the ticks of the previous and the present event, and what follows from them."""
        self._tick, self.tick = before, tick
        last = len(self._pitch_dropout) - 1
        self.bar = min(before // self._bar_length, last)
        self.bar_after = min(tick // self._bar_length, last)
        self.slot, self.slot_after = self._slot_of(before), self._slot_of(tick)
        struck: dict[int, set[int]] = {}
        for onset, part, pitch in self._recent:
            if tick - onset < JUST_STRUCK_TICKS:
                struck.setdefault(part, set()).add(pitch)
        # At a tick where this was done before, only the last note's part can have changed.
        for part in (self._last[0],) if self._last and tick == self._released_at else self._ends:
            ends = self._ends.get(part)
            if ends and min(ends.values()) - tick <= RELEASE_TICKS:
                self._ends[part] = {pitch: end for pitch, end in ends.items() if end - tick > RELEASE_TICKS}
        self._released_at = tick
        self.context = StepContext(before, self._last, self._note_bar, struck, self._ends)

    def _last_key(self, none: int) -> int:
        """Part and pitch bits of the previous event's key, or ``none``."""
        return (self._last[0] << PART_SHIFT) + self._last[1] if self._last else none

    def _wait(self) -> None:
        self._previous = (MAX_SHIFT, *NO_EVENT[1:])
        self._last, self._begun, self._matched = None, True, 0
        self._move(self._tick + MAX_SHIFT, self._tick + MAX_SHIFT)
        if self._primer:
            self._primer.pop()

    def _complete_note(self) -> None:
        _, part, pitch, duration, velocity = self._event
        onset = self.tick
        self._recent = [each for each in self._recent if onset - each[0] < JUST_STRUCK_TICKS]
        self._recent.append((onset, part, pitch))
        if part in self._ends:
            self._ends[part][pitch] = onset + DURATIONS[duration]
        self._history.add_note(onset, part, pitch, duration, velocity)
        self._notes.append((onset, part, pitch, duration, velocity))
        self._matched = sum(1 << lag for lag, row in enumerate(self._note_rows[: len(LAGS)]) if row[0] == pitch)
        self._previous = tuple(self._event)
        self._last, self._begun = (part, pitch), True
        self._note_bar = onset // self._bar_length
        self._move(onset, onset)
        if self._primer:
            self._primer.pop()
