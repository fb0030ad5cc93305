"""One song in the making: what the network is shown, what may come next, and the notes written so far.

Knows the grammar of events and the bar clock; the network's arithmetic and the drawing of classes happen elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from composer.decoding.constraints import JUST_STRUCK_TICKS, Classes, Constraints, StepContext, stolen
from composer.decoding.masks import PartMasks, instrument_masks
from midi_data.analysis.activity import LET_GO_TICKS, RESTS, Activity
from midi_data.analysis.chords import split_of
from midi_data.bars import POSITION_CLASSES, meter_class
from midi_data.events.encoding import (
    DURATIONS,
    EOS,
    FIELDS,
    MAX_SHIFT,
    VELOCITY_STEP,
    part_instrument,
    part_name,
)
from midi_data.events.features import LAGS, NONE, PART_SHIFT
from midi_data.events.incremental_features import NO_NEXT, Classes3, IncrementalLookback
from midi_data.song import TICKS_PER_QUARTER, Meter, Note, Song, Tempo, Track

NOTHING = tuple(NONE[field] for field in FIELDS)
Event = tuple[int, ...]
_NOTE_FIELDS = {"pitch": 0, "duration": 1, "velocity": 2}


class _Written(NamedTuple):
    onset: int
    part: int
    pitch: int
    duration: int
    velocity: int


class SongState:
    """Writes one song event by event: ``inputs`` → (``looks``, ``allowed``, ``choose``) for each field → ``finish``."""

    def __init__(
        self,
        band: Sequence[int],
        meter: Meter,
        bars: int,
        pitch_dropout: Sequence[frozenset[int]] | None = None,
        forced: Sequence[Event] = (),
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
        told = np.zeros((bars, len(self.band)), dtype=np.uint8) if activity is None else activity
        resting: list[list[bool]] = (told == RESTS).tolist()
        self._playing = [[part for part, rests in zip(self.band, row, strict=True) if not rests] for row in resting]
        self._lookback = IncrementalLookback(self.bar_ticks[:-1], source_lag)
        self._forced: list[Event] = list(forced)[::-1]
        self._previous: Event = NOTHING
        self._matched = 0
        self._note_bar = self._tick = self.tick = self.bar = self.bar_after = self.slot = self.slot_after = -1
        self._recent: list[tuple[int, int, int]] = []
        self._ends: dict[int, dict[int, int]] = {part: {} for part in self.band if not part_instrument(part)[1]}
        self._last: tuple[int, int] | None = None
        self._begun = False
        self.next_lookback: list[Classes3] = [NO_NEXT] * len(LAGS)
        self._looks: list[Classes3] = []
        self.lookback: list[int] = []
        self._written: list[Event] = []  # onset, part, pitch, duration, velocity
        self._let_go_at = -1
        self._stand(0, 0)
        self._event: list[int] = []

    @property
    def progress(self) -> float:
        """0 … 1 of the song's ticks."""
        return min(self._tick / self.end, 1.0)

    def inputs(self) -> list[int]:
        """The recurrent layers' inputs as in ``composer.model.network.StepInputs``, told apart by place.

        Classes of the event before (5), the position in the bar, each lag's next (advance, part, pitch), and which
        lags were matched, as bits of one number.
        """
        if self._begun:
            self.next_lookback = self._drop_pitches(self._lookback.next_events(self._tick, self._last_key(0)))
        self._event = []
        return [*self._previous, self.position, *chain.from_iterable(self.next_lookback), self._matched]

    def _drop_pitches(self, looks: list[Classes3]) -> list[Classes3]:
        """(advance, part, pitch) looks, without the pitches of the parts that are not shown theirs in this bar."""
        pitch_dropout = self._pitch_dropout[self.bar]
        return (
            [(look[0], look[1], NONE["pitch"]) if look[1] in pitch_dropout else look for look in looks]
            if pitch_dropout
            else looks
        )

    @property
    def strength(self) -> int:
        """Metrical strength of ``tick``: 2 where a chord slot begins, 1 on a quarter of the bar, else 0."""
        place = self.tick % self._bar_length
        if place in (0, self._split):
            return 2
        return 1 if place % TICKS_PER_QUARTER == 0 else 0

    def _slot_of(self, tick: int) -> int:
        """Twice the bar of ``tick``, and 1 in its second chord slot; ticks past the end count to the last."""
        bar, place = divmod(min(tick, self.end - 1), self._bar_length)
        return 2 * bar + (1 if place >= self._split else 0)

    @property
    def still(self) -> bool:
        """Whether the present event stands at the tick of the one before."""
        return self._event[0] == 0 and self._last is not None

    @property
    def position(self) -> int:
        """Position class at ``tick``."""
        return min(min(self.tick, self.end - 1) % self._bar_length, POSITION_CLASSES - 1)

    def looks(self, field: str) -> list[int]:
        """What each lag held in this field; ``pitch``, ``duration``, ``velocity`` once the part is chosen.

        Kept as ``lookback``.
        """
        self.lookback = self._seen(field)
        return self.lookback

    @property
    def note_lookback(self) -> list[int]:
        """What each lag held of pitch, duration and velocity, one lag after the other; once ``pitch`` was looked at."""
        return list(chain.from_iterable(self._looks))

    def _seen(self, field: str) -> list[int]:
        if field == "time_shift":
            return [look[0] for look in self.next_lookback]
        if field == "part":
            last = self._last_key(-1) if self.still else -1
            return self._lookback.parts_at(self.tick, last)
        if field == "pitch":
            self._read_note_lookback(self._event[1])
        return [look[_NOTE_FIELDS[field]] for look in self._looks]

    def _read_note_lookback(self, part: int) -> None:
        self._looks = self._lookback.notes_at(self.tick, part, self._last_key(-1) if self.still else -1)
        if part in self._pitch_dropout[self.bar if self.tick == self._tick else self.bar_after]:
            # Rhythm goes on where the harmony moves: what is new has other pitches, not other places.
            self._looks[: len(LAGS)] = [(NONE["pitch"], long, loud) for _, long, loud in self._looks[: len(LAGS)]]

    def allowed(self, field: str) -> Classes:
        """The classes that may come next in this field, rising."""
        if field == "time_shift":
            return self.constraints.time_shifts(self.context, self._playing[self.bar])
        if field == "part":
            return self.constraints.parts(self.context, self._playing[self.bar_after], still=self.still)
        if field == "pitch":
            return self.constraints.pitches(self.context, self._event[1], still=self.still)
        if field == "duration":
            return self.constraints.durations(self._event[1], self.tick)
        return self.constraints.velocities(self._event[1])

    def forced(self, field: str) -> int | None:
        """The class that a primer prescribes here, if any is left."""
        return self._forced[-1][FIELDS.index(field)] if self._forced else None

    def choose(self, chosen: int) -> None:
        """Take ``chosen`` as the present event's next field; the last one writes the note."""
        event = self._event
        event.append(chosen)
        if len(event) == len(FIELDS):
            self._play()
        elif len(event) == 1:
            if chosen == EOS:
                self.finished = True
            elif chosen == MAX_SHIFT:
                self._wait()
            elif chosen:
                self._stand(self._tick, self._tick + chosen)

    @property
    def part_before(self) -> int:
        """The part of the event before; the class of nothing after a wait or at the beginning."""
        return self._previous[1]

    @property
    def part(self) -> int:
        """The part of the present event; −1 before it is chosen."""
        return self._event[1] if len(self._event) > 1 else -1

    @property
    def note_played(self) -> tuple[int, int, int, int, int] | None:
        """(onset, part, pitch, duration, velocity) where the last choice completed a note."""
        if len(self._event) < len(FIELDS):
            return None
        _, part, pitch, duration, velocity = self._event
        return self.tick, part, pitch, duration, velocity

    @property
    def event_complete(self) -> bool:
        """Whether the present event needs no more fields."""
        return self.finished or len(self._event) in (0, len(FIELDS)) or self._event[0] == MAX_SHIFT

    def _stand(self, before: int, tick: int) -> None:
        """The event before was at ``before``; the present one is at ``tick``: what follows from both."""
        self._tick, self.tick = before, tick
        last = len(self._pitch_dropout) - 1
        self.bar = min(before // self._bar_length, last)
        self.bar_after = min(tick // self._bar_length, last)
        self.slot = self._slot_of(before)
        self.slot_after = self._slot_of(tick)
        struck: dict[int, set[int]] = {}
        for onset, part, pitch in self._recent:
            if tick - onset < JUST_STRUCK_TICKS:
                struck.setdefault(part, set()).add(pitch)
        # At a tick where this was done before, only the note just played may have to go.
        for part in (self._last[0],) if self._last and tick == self._let_go_at else self._ends:
            ends = self._ends.get(part)
            if ends and min(ends.values()) - tick <= LET_GO_TICKS:
                self._ends[part] = {pitch: end for pitch, end in ends.items() if end - tick > LET_GO_TICKS}
        self._let_go_at = tick
        self.context = StepContext(before, self._last, self._note_bar, struck, self._ends)

    def _last_key(self, nothing: int) -> int:
        return (self._last[0] << PART_SHIFT) + self._last[1] if self._last else nothing

    def _wait(self) -> None:
        self._previous = (MAX_SHIFT, *NOTHING[1:])
        self._last, self._begun, self._matched = None, True, 0
        self._stand(self._tick + MAX_SHIFT, self._tick + MAX_SHIFT)
        if self._forced:
            self._forced.pop()

    def _play(self) -> None:
        _, part, pitch, duration, velocity = self._event
        onset = self.tick
        self._recent = [each for each in self._recent if onset - each[0] < JUST_STRUCK_TICKS]
        self._recent.append((onset, part, pitch))
        if part in self._ends:
            self._ends[part][pitch] = onset + DURATIONS[duration]
        self._lookback.add_note(onset, part, pitch, duration, velocity)
        self._written.append((onset, part, pitch, duration, velocity))
        self._matched = 0
        for lag, look in enumerate(self._looks[: len(LAGS)]):
            if look[0] == pitch:
                self._matched += 1 << lag
        self._previous = tuple(self._event)
        self._last, self._begun = (part, pitch), True
        self._note_bar = onset // self._bar_length
        self._stand(onset, onset)
        if self._forced:
            self._forced.pop()

    @property
    def written(self) -> NDArray[np.int32]:
        """(N, 5): onset, part, pitch, duration, velocity of the notes written so far, in order."""
        return np.array(self._written, dtype=np.int32).reshape(-1, 5)


def song_of(
    written: NDArray[np.int32], band: Sequence[int], meter: Meter, bars: int, tempo_bpm: float, title: str
) -> Song:
    """The song written, its notes cut where the same string is struck again or the part runs out of voices."""
    band, end = sorted(band), bars * meter.bar_ticks
    events = [_Written(*row) for row in written.tolist()]
    notes = {part: played([each for each in events if each.part == part], part, end) for part in band}
    tracks = tuple(
        Track(*part_instrument(part), tuple(notes[part]), part_name(part, band)) for part in band if notes[part]
    )
    return Song(tracks, (Tempo(0, tempo_bpm),), (meter,), title, end=end)


def played(written: Sequence[_Written], part: int, end: int) -> list[Note]:
    """One part's notes as sounded: ends before the song's end, no pitch struck while it rings, polyphony kept."""
    ends = [min(w.onset + DURATIONS[w.duration], end) for w in written]
    ringing: dict[int, tuple[int, int]] = {}
    for number, note in enumerate(written):
        ringing = {n: span for n, span in ringing.items() if ends[n] > note.onset}
        again = [n for n in ringing if written[n].pitch == note.pitch and written[n].onset < note.onset]
        for n in {*again, *stolen(ringing, part, note.onset)}:
            ends[n] = note.onset
        ringing[number] = (note.onset, ends[number])
    drum = 128 * part_instrument(part)[1]
    notes = [
        Note(w.onset, w.pitch - drum, ends[n] - w.onset, w.velocity * VELOCITY_STEP + VELOCITY_STEP // 2)
        for n, w in enumerate(written)
    ]
    return sorted(notes)
