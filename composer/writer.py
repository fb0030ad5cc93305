"""One song in the making: what the network is shown, what may come next, and the notes written so far.

Knows the grammar of events and the bar clock; the network's arithmetic and the drawing of classes happen elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from composer import constraints
from composer.conditions import clock
from composer.constraints import JUST_STRUCK_TICKS, Mask, Standing
from composer.habits import Habits, free_habits
from midi_data.arrangement import RESTS, Levels
from midi_data.bars import BarGrid
from midi_data.events import DURATIONS, END, FIELDS, VELOCITY_STEP, WAIT, WAIT_TICKS, Ints, part_instrument, part_name
from midi_data.lookback import NOTHING_NEXT, NOTHING_NOTE, Lookback
from midi_data.song import Meter, Note, Song, Tempo, Track
from midi_data.steps import LAGS, NONE, PART_SHIFT

NOTHING = tuple(NONE[field] for field in FIELDS)
Event = tuple[int, ...]


@dataclass(slots=True)
class _Written:
    onset: int
    part: int
    pitch: int
    duration: int
    velocity: int


class SongWriter:
    """Writes one song event by event: ``inputs`` → (``looks``, ``allowed``, ``choose``) for each field → ``finish``."""

    def __init__(
        self,
        band: Sequence[int],
        meter: Meter,
        bars: int,
        form: Sequence[int] | None = None,
        hidden: Sequence[frozenset[int]] | None = None,
        forced: Sequence[Event] = (),
        levels: Levels | None = None,
        habits: Habits | None = None,
    ) -> None:
        self.band = tuple(sorted(band))
        self.meter = meter
        self.end = bars * meter.bar_ticks
        self.bar_ticks = [bar * meter.bar_ticks for bar in range(bars + 1)]
        self.finished = False
        self._hidden = hidden or [frozenset()] * bars
        self._habits = habits or free_habits(self.band)
        told = np.zeros((bars, len(self.band)), dtype=np.uint8) if levels is None else levels
        self._resting = [[part for part, level in zip(self.band, row, strict=True) if level == RESTS] for row in told]
        self._grid_clock = clock_table(meter, bars, form, told)
        self._lookback = Lookback(self.bar_ticks[:-1])
        self._forced = list(forced)[::-1]
        self._previous: Event = NOTHING
        self._matched = [0] * len(LAGS)
        self._tick, self._note_bar = 0, -1
        self._recent: list[tuple[int, int, int]] = []
        self._last: tuple[int, int] | None = None
        self._begun = False
        self._event: list[int] = []
        self._looks: list[tuple[int, int, int]] = []
        self._written: list[_Written] = []

    @property
    def progress(self) -> float:
        """0 … 1 of the song's ticks."""
        return min(self._tick / self.end, 1.0)

    def inputs(self) -> tuple[Event, list[int], list[tuple[int, int, int]], list[int]]:
        """(previous, clock, next, matched): the recurrent layers' inputs, as in ``composer.network.StepInputs``."""
        following = [NOTHING_NEXT] * len(LAGS)
        if self._begun:
            gone = self._hidden_at(self._tick)
            seen = self._lookback.following(self._tick, self._last_key(0))
            following = [NOTHING_NEXT if look[1] in gone else look for look in seen]
        self._next = following
        self._event = []
        return self._previous, self._grid_clock[self._tick], following, self._matched

    @property
    def chosen(self) -> list[int]:
        """The fields of the present event chosen so far."""
        return self._event

    @property
    def still(self) -> bool:
        """Whether the present event stands at the tick of the one before."""
        return self._event[0] == 0 and self._last is not None

    @property
    def tick(self) -> int:
        """Tick of the present event; before its advance is chosen, of the one before."""
        return self._tick + (min(self._event[0], WAIT_TICKS) if self._event and self._event[0] != END else 0)

    @property
    def bar(self) -> int:
        """The bar of the event before."""
        return min(self._tick // self.meter.bar_ticks, len(self._hidden) - 1)

    @property
    def bar_after(self) -> int:
        """The bar at ``tick``."""
        return min(self.tick // self.meter.bar_ticks, len(self._hidden) - 1)

    @property
    def position(self) -> int:
        """Position class at ``tick``."""
        return self._grid_clock[min(self.tick, self.end - 1)][0]

    def looks(self, field: str) -> list[int]:
        """What each lag held in this field; ``pitch``, ``duration``, ``velocity`` once the part is chosen."""
        if field == "advance":
            return [look[0] for look in self._next]
        floor = self._last_key(-1) if self.still else -1
        gone = self._hidden_at(self.tick)
        if field == "part":
            return [NONE["part"] if part in gone else part for part in self._lookback.part_at(self.tick, floor)]
        if field == "pitch":
            self._looks = self._lookback.note_at(self.tick, self._event[1], floor)
            if self._event[1] in gone:
                self._looks[: len(LAGS)] = [NOTHING_NOTE] * len(LAGS)
        return [look[FIELDS.index(field) - 2] for look in self._looks]

    @property
    def standing(self) -> Standing:
        """Where the song stands before the present event."""
        tick = self.tick
        struck: dict[int, set[int]] = {}
        for onset, part, pitch in self._recent:
            if tick - onset < JUST_STRUCK_TICKS:
                struck.setdefault(part, set()).add(pitch)
        return Standing(self._tick, self._last, self._note_bar, self.bar_ticks, struck)

    def allowed(self, field: str) -> Mask:
        """The classes that may come next in this field."""
        standing = self.standing
        if field == "advance":
            return constraints.advances(standing, self.band, self._habits, self._resting[self.bar])
        if field == "part":
            resting = self._resting[self.bar_after]
            return constraints.parts(standing, self.band, self._habits, still=self.still, resting=resting)
        if field == "pitch":
            return constraints.pitches(standing, self._event[1], self._habits, still=self.still)
        if field == "duration":
            return constraints.durations(self.tick, self.end)
        return self._habits.velocity[self._event[1]]

    def forced(self, field: str) -> int | None:
        """The class that a primer prescribes here, if any is left."""
        return self._forced[-1][FIELDS.index(field)] if self._forced else None

    def choose(self, chosen: int) -> None:
        """Take ``chosen`` as the present event's next field; the last one writes the note."""
        self._event.append(chosen)
        if len(self._event) == 1 and chosen == END:
            self.finished = True
        elif len(self._event) == 1 and chosen == WAIT:
            self._wait()
        elif len(self._event) == len(FIELDS):
            self._play()

    @property
    def event_complete(self) -> bool:
        """Whether the present event needs no more fields."""
        return self.finished or len(self._event) in (0, len(FIELDS)) or self._event[0] == WAIT

    def _hidden_at(self, tick: int) -> frozenset[int]:
        """The parts that cannot look back in the bar of ``tick``."""
        return self._hidden[min(tick // self.meter.bar_ticks, len(self._hidden) - 1)]

    def _last_key(self, nothing: int) -> int:
        return (self._last[0] << PART_SHIFT) + self._last[1] if self._last else nothing

    def _wait(self) -> None:
        self._tick += WAIT_TICKS
        self._previous = (WAIT, *NOTHING[1:])
        self._last, self._begun, self._matched = None, True, [0] * len(LAGS)
        if self._forced:
            self._forced.pop()

    def _play(self) -> None:
        _, part, pitch, duration, velocity = self._event
        onset = self.tick
        self._recent = [each for each in self._recent if onset - each[0] < JUST_STRUCK_TICKS]
        self._recent.append((onset, part, pitch))
        self._lookback.play(onset, part, pitch, duration, velocity)
        self._written.append(_Written(onset, part, pitch, duration, velocity))
        self._matched = [int(look[0] == pitch) for look in self._looks[: len(LAGS)]]
        self._previous = tuple(self._event)
        self._tick, self._last, self._begun = onset, (part, pitch), True
        self._note_bar = onset // self.meter.bar_ticks
        if self._forced:
            self._forced.pop()

    def song(self, tempo_bpm: float, title: str) -> Song:
        """The song written, its notes cut where the same string is struck again or the part runs out of voices."""
        notes: dict[int, list[Note]] = {part: [] for part in self.band}
        for part in self.band:
            notes[part] = played([w for w in self._written if w.part == part], part, self.end)
        tracks = tuple(
            Track(part_instrument(part)[0], part_instrument(part)[1], tuple(notes[part]), part_name(part, self.band))
            for part in self.band
            if notes[part]
        )
        return Song(tracks, (Tempo(0, tempo_bpm),), (self.meter,), title, end=self.end)


def played(written: Sequence[_Written], part: int, end: int) -> list[Note]:
    """One part's notes as sounded: ends before the song's end, no pitch struck while it rings, polyphony kept."""
    ends = [min(w.onset + DURATIONS[w.duration], end) for w in written]
    ringing: dict[int, tuple[int, int]] = {}
    for number, note in enumerate(written):
        ringing = {n: span for n, span in ringing.items() if ends[n] > note.onset}
        again = [n for n in ringing if written[n].pitch == note.pitch and written[n].onset < note.onset]
        for n in {*again, *constraints.stolen(ringing, part, note.onset)}:
            ends[n] = note.onset
        ringing[number] = (note.onset, ends[number])
    drum = 128 * part_instrument(part)[1]
    notes = [
        Note(w.onset, w.pitch - drum, ends[n] - w.onset, w.velocity * VELOCITY_STEP + VELOCITY_STEP // 2)
        for n, w in enumerate(written)
    ]
    return sorted(notes)


def clock_table(meter: Meter, bars: int, form: Sequence[int] | None, levels: Levels) -> list[list[int]]:
    """The clock classes at every tick of a song of ``bars`` bars."""
    end = bars * meter.bar_ticks
    told = None if form is None else np.asarray(form)
    table: Ints = clock(BarGrid.of((meter,), end), np.arange(end), form=told, levels=levels)
    rows: list[list[int]] = table.tolist()
    return rows
