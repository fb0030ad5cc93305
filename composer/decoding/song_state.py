"""State of one song while it is generated: event grammar, bar clock, lookback, and the notes so far.

Per event: ``inputs``, then for each field ``read_lookback``, ``allowed`` and ``append``, in this order.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from composer.decoding.constraints import Classes, Constraints, StepContext
from composer.decoding.masks import PartMasks, instrument_masks
from composer.decoding.parameters import JUST_STRUCK_TICKS
from composer.model.config import LOOKBACK_FIELDS
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
NOTE_FIELDS = LOOKBACK_FIELDS["note"]


class SongState:
    """Grammar and history of one song; see the module's docstring for the order of calls.

    ``tick``, ``bar_after``, ``slot_after`` (twice the bar, plus 1 in its second chord slot), ``position`` (class of
    ``tick`` in its bar): of the present event. ``same_tick``: whether it has the tick of the previous one, once its
    time shift is chosen. ``bar``, ``slot``, ``previous``: of the previous event. ``event``: the present event's fields
    that are chosen; ``part``: its part, −1 before it is chosen. ``lookback``: classes that ``read_lookback`` returned
    last. ``played``: the notes so far in order. ``event_complete``: whether the present event has all its fields: a
    note, a wait or the end. ``finished``: whether the song has ended.
    """

    def __init__(
        self,
        band: Sequence[int],
        meter: Meter,
        bars: int,
        pitch_dropout: Sequence[frozenset[int]] | None = None,
        activity: Activity | None = None,
        masks: PartMasks | None = None,
        source_lag: Sequence[int] | None = None,
    ) -> None:
        self.bar_ticks = meter.bar_ticks
        self._split = split_of(meter_class(meter), meter.bar_ticks) or meter.bar_ticks
        self.end = bars * self.bar_ticks
        starts = [bar * meter.bar_ticks for bar in range(bars + 1)]
        self._pitch_dropout = pitch_dropout or [frozenset()] * bars
        self.constraints = Constraints(masks or instrument_masks(band), starts)
        bins = np.zeros((bars, len(band)), dtype=np.uint8) if activity is None else activity
        self._playing: list[list[int]] = [np.array(sorted(band))[row != RESTS].tolist() for row in bins]
        self._history = IncrementalLookback(starts[:-1], source_lag)
        self.previous: Event = NO_EVENT
        self.event: list[int] = []
        self.part = -1
        self.event_complete = self.finished = False
        self.lookback: Sequence[int] = ()
        self._matched, self._note_bar, self._released_at = 0, -1, -1
        self.same_tick = False
        self._recent: list[tuple[int, int, int]] = []
        self._ends: dict[int, dict[int, int]] = {part: {} for part in band if not part_instrument(part)[1]}
        self._last: tuple[int, int] | None = None
        self._begun = False
        self.next_lookback: list[Classes3] = [NO_NEXT] * len(LAGS)
        self._note_lookback: dict[str, Sequence[int]] = {"pitch": ()}
        self.played: list[Event] = []
        self._move(0, 0)

    # -- features ----------------------------------------------------------------------------------------------------

    def inputs(self) -> list[int]:
        """Begin an event; inputs of the recurrent layers, one class each (``composer.model.packing.pack_inputs``).

        The previous event (5), the position in the bar, each lag's next (time shift, part, pitch), and the matched lags
        as bits of one number.
        """
        if self._begun:
            rows, dropped = self._history.next_events(self._tick, self._last_key(0)), self._pitch_dropout[self.bar]
            if dropped:
                rows = [(*row[:2], NONE["pitch"]) if row[1] in dropped else row for row in rows]
            self.next_lookback = rows
        self.event, self.part, self.event_complete = [], -1, False
        return [*self.previous, self.position, *chain.from_iterable(self.next_lookback), self._matched]

    @property
    def strength(self) -> int:
        """Metrical strength of ``tick``: 2 where a chord slot begins, 1 on a quarter of the bar, else 0."""
        place = self.tick % self.bar_ticks
        return 2 if place in (0, self._split) else int(place % TICKS_PER_QUARTER == 0)

    def slot_of(self, tick: int) -> int:
        """Chord slot of ``tick``; ticks past the end count to the last slot."""
        bar, place = divmod(min(tick, self.end - 1), self.bar_ticks)
        return 2 * bar + (place >= self._split)

    def slot_tick(self, slot: int) -> int:
        """First tick of ``slot``; the second slot of a bar with one chord is empty."""
        return slot // 2 * self.bar_ticks + slot % 2 * self._split

    def read_lookback(self, field: str) -> Sequence[int]:
        """Lookback classes of ``field``, K or L (``features.NOTE_LOOKBACK``); of notes once the part is chosen."""
        if field == "time_shift":
            self.lookback = [row[0] for row in self.next_lookback]
        elif field == "part":
            self.lookback = self._history.parts_at(self.tick, self._last_key(-1) if self.same_tick else -1)
        else:
            if field == "pitch":
                self._note_lookback = dict(
                    zip(NOTE_FIELDS, zip(*self._read_notes(self.part), strict=True), strict=True)
                )
            self.lookback = self._note_lookback[field]
        return self.lookback

    def _read_notes(self, part: int) -> list[Classes3]:
        """L (pitch, duration, velocity); the lags' pitches are dropped if the plan says so."""
        rows = self._history.notes_at(self.tick, part, self._last_key(-1) if self.same_tick else -1)
        if part in self._pitch_dropout[self.bar if self.tick == self._tick else self.bar_after]:
            rows[: len(LAGS)] = [(NONE["pitch"], *row[1:]) for row in rows[: len(LAGS)]]
        return rows

    # -- grammar -----------------------------------------------------------------------------------------------------

    def allowed(self, field: str) -> Classes:
        """The classes of ``field`` that may come next, rising."""
        if field == "time_shift":
            return self.constraints.time_shifts(self.context, self._playing[self.bar])
        if field == "part":
            return self.constraints.parts(self.context, self._playing[self.bar_after], same_tick=self.same_tick)
        if field == "pitch":
            return self.constraints.pitches(self.context, self.part, same_tick=self.same_tick)
        if field == "duration":
            return self.constraints.durations(self.part, self.tick)
        return self.constraints.velocities_of[self.part]

    def append(self, chosen: int) -> NoteEvent | None:
        """Append the next field of the present event. The note that the last field completes, else ``None``."""
        event = self.event
        event.append(chosen)
        if len(event) == len(FIELDS):
            return self._complete_note()
        if len(event) == 2:
            self.part = chosen
        elif len(event) == 1:
            self.same_tick = chosen == 0 and self._last is not None
            if chosen == EOS:
                self.event_complete = self.finished = True
            elif chosen == MAX_SHIFT:
                self._wait()
            elif chosen:
                self._move(self._tick, self._tick + chosen)
        return None

    def retract(self) -> None:
        """Take back the time shift of the present event."""
        self.event, self.part = [], -1
        self._move(self._tick, self._tick)

    @property
    def field(self) -> str:
        """The field that is chosen next."""
        return FIELDS[len(self.event)]

    @property
    def progress(self) -> float:
        """0 … 1 of the song's ticks."""
        return min(self._tick / self.end, 1.0)

    @property
    def notes(self) -> NDArray[np.int32]:
        """(N, 5) the notes so far in order: onset, part, pitch, duration, velocity."""
        return np.array(self.played, dtype=np.int32).reshape(-1, 5)

    def _move(self, before: int, tick: int) -> None:
        """Set the ticks of the previous and the present event, and what follows from them."""
        self._tick, self.tick = before, tick
        self.slot, self.slot_after = self.slot_of(before), self.slot_of(tick)
        self.bar, self.bar_after = self.slot // 2, self.slot_after // 2
        self.position = min(min(tick, self.end - 1) % self.bar_ticks, POSITION_CLASSES - 1)
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
        self._end_event((MAX_SHIFT, *NO_EVENT[1:]), None, self._tick + MAX_SHIFT, 0)

    def _complete_note(self) -> NoteEvent:
        _, part, pitch, duration, velocity = self.event
        note = onset, *_ = self.tick, part, pitch, duration, velocity
        self._recent = [each for each in self._recent if onset - each[0] < JUST_STRUCK_TICKS]
        self._recent.append((onset, part, pitch))
        if part in self._ends:
            self._ends[part][pitch] = onset + DURATIONS[duration]
        self._history.add_note(*note)
        self.played.append(note)
        self._note_bar = onset // self.bar_ticks
        matched = sum(1 << lag for lag, seen in enumerate(self._note_lookback["pitch"][: len(LAGS)]) if seen == pitch)
        self._end_event(tuple(self.event), (part, pitch), onset, matched)
        return note

    def _end_event(self, event: Event, last: tuple[int, int] | None, tick: int, matched: int) -> None:
        """Make ``event`` the previous one. ``last``: its part and pitch; ``matched``: lags that had its pitch."""
        self.previous, self._last, self._matched = event, last, matched
        self._begun = self.event_complete = True
        self._move(tick, tick)
