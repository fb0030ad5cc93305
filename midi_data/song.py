"""``Song`` > ``Track`` > ``Note``, with tempos and meters on a common tick grid. Standard library only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from midi_data.keys import Key
from midi_data.notices import Notice

TICKS_PER_QUARTER = 24
"""Ticks of onsets and durations a quarter: a 32nd has 3, an eighth triplet 8."""

DEFAULT_TEMPO_BPM = 120.0
DENOMINATORS = (1, 2, 4, 8, 16, 32, 64)
LONGEST_METER = 64
"""Most beats of a bar."""
DRUM_PROGRAM = 0
"""Program of the standard drum kit; a drum track's program is the number of its kit."""


@dataclass(frozen=True, slots=True, order=True)
class Note:
    """One note. ``onset`` and ``duration`` in ticks, ``pitch`` 0–127 (for drums the General MIDI key)."""

    onset: int
    pitch: int
    duration: int
    velocity: int

    def __post_init__(self) -> None:
        if self.onset < 0:
            raise ValueError(f"onset is 0 or more ticks, not {self.onset}")
        if not 0 <= self.pitch <= 127:
            raise ValueError(f"pitch is 0-127, not {self.pitch}")
        if self.duration < 1:
            raise ValueError(f"duration is 1 or more ticks, not {self.duration}")
        if not 1 <= self.velocity <= 127:
            raise ValueError(f"velocity is 1-127, not {self.velocity}")

    @property
    def end(self) -> int:
        """The first tick at which the note no longer sounds."""
        return self.onset + self.duration


@dataclass(frozen=True, slots=True)
class Track:
    """One part. ``program``: General MIDI, 0-based, for drums the kit; ``notes`` sorted by (onset, pitch)."""

    program: int
    is_drum: bool
    notes: tuple[Note, ...] = ()
    name: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.program <= 127:
            raise ValueError(f"program is 0-127, not {self.program}")


@dataclass(frozen=True, slots=True, order=True)
class Tempo:
    """From ``onset`` (ticks) on, ``bpm`` quarter notes a minute."""

    onset: int
    bpm: float

    def __post_init__(self) -> None:
        if not self.bpm > 0:
            raise ValueError(f"tempo is above 0 beats a minute, not {self.bpm}")


@dataclass(frozen=True, slots=True, order=True)
class Meter:
    """From ``onset`` (ticks) on, bars of ``numerator``/``denominator``."""

    onset: int
    numerator: int
    denominator: int

    def __post_init__(self) -> None:
        if not 1 <= self.numerator <= LONGEST_METER or self.denominator not in DENOMINATORS:
            raise ValueError(
                f"a meter has 1-{LONGEST_METER} beats of 1/1-1/64, not {self.numerator}/{self.denominator}"
            )

    @property
    def bar_ticks(self) -> int:
        """Length of one bar in ticks, at least 1 (rounded down where 24 ticks a quarter cannot hold it)."""
        return max(1, self.numerator * 4 * TICKS_PER_QUARTER // self.denominator)

    @property
    def beat_ticks(self) -> int:
        """Length of the written beat (1/denominator) in ticks, at least 1."""
        return max(1, 4 * TICKS_PER_QUARTER // self.denominator)


@dataclass(frozen=True, slots=True, order=True)
class Marker:
    """``text`` at ``onset`` (ticks): the name of a section, or a chord symbol."""

    onset: int
    text: str


@dataclass(frozen=True, slots=True)
class Song:
    """A piece. ``end`` (ticks) is a bar line at or after the last note's end.

    ``key``: as written in its file or decided when composed. ``sections`` and ``chord_symbols`` are written into files
    and not read back. ``notices``: what reading the file changed or lost; no part of equality.
    """

    tracks: tuple[Track, ...]
    tempos: tuple[Tempo, ...] = (Tempo(0, DEFAULT_TEMPO_BPM),)
    meters: tuple[Meter, ...] = (Meter(0, 4, 4),)
    title: str = ""
    end: int = field(default=0)
    key: Key | None = None
    sections: tuple[Marker, ...] = ()
    chord_symbols: tuple[Marker, ...] = ()
    notices: tuple[Notice, ...] = field(default=(), compare=False)

    def __post_init__(self) -> None:
        for name, onsets in (("tempo", [t.onset for t in self.tempos]), ("meter", [m.onset for m in self.meters])):
            if not onsets or onsets[0] != 0:
                raise ValueError(f"a song has a {name} at tick 0")
            if any(a >= b for a, b in pairwise(onsets)):
                raise ValueError(f"{name} changes rise in onset")
        object.__setattr__(self, "end", max(self.end, self.last_note_end))

    @property
    def last_note_end(self) -> int:
        """Tick at which the last note ends; 0 in a song without notes."""
        return max((note.end for track in self.tracks for note in track.notes), default=0)

    @property
    def note_count(self) -> int:
        """Number of notes in all tracks."""
        return sum(len(track.notes) for track in self.tracks)

    @property
    def duration_seconds(self) -> float:
        """Seconds from tick 0 to ``end``."""
        return self.seconds_at(self.end)

    @property
    def tempo_bpm(self) -> float:
        """The tempo that rules longest (the first among equals)."""
        edges = [*(t.onset for t in self.tempos), max(self.end, self.tempos[-1].onset + 1)]
        lengths: dict[float, int] = {}
        for tempo, begin, end in zip(self.tempos, edges, edges[1:], strict=False):
            lengths[tempo.bpm] = lengths.get(tempo.bpm, 0) + end - begin
        return max(lengths, key=lambda bpm: lengths[bpm])

    def seconds_at(self, tick: float) -> float:
        """Seconds from the beginning to ``tick`` along the tempo map."""
        seconds, here = 0.0, self.tempos[0]
        for following in self.tempos[1:]:
            if following.onset >= tick:
                break
            seconds += (following.onset - here.onset) * seconds_per_tick(here.bpm)
            here = following
        return seconds + (tick - here.onset) * seconds_per_tick(here.bpm)

    def bars(self) -> Iterator[tuple[int, Meter]]:
        """(first tick, meter) of each bar up to ``end``. A meter change cuts the running bar short."""
        for index, meter in enumerate(self.meters):
            stop = self.meters[index + 1].onset if index + 1 < len(self.meters) else max(self.end, meter.onset)
            for tick in range(meter.onset, min(stop, max(self.end, 1)), meter.bar_ticks):
                yield tick, meter

    @property
    def bar_count(self) -> int:
        """Number of bars up to ``end``; a partial last bar counts."""
        return sum(1 for _ in self.bars())


def seconds_per_tick(bpm: float) -> float:
    """Seconds one tick lasts at ``bpm`` quarter notes a minute."""
    return 60.0 / (bpm * TICKS_PER_QUARTER)
