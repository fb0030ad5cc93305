"""How fast songs are composed: a note, its parts, a song, a batch, and how the cost grows.

Everything goes through ``composer.decoding.generate.Composer``, which does the same for people. No torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from composer.decoding.generate import Composer
from composer.decoding.parallel import split_work
from composer.model.checkpoint import Checkpoint
from composer.model.config import LOOKBACK_FIELDS, ModelConfig
from composer.planning.plan import Plan
from midi_data.analysis.activity import ACTIVITY_CLASSES
from midi_data.events.encoding import FIELDS, PART_LIMIT, VOCABULARY
from midi_data.process import usable_cores
from midi_data.song import Song
from training.speed.figures import Figure, Runs, cost, rate, ratio, spread, times
from training.speed.parts import GROUPS, Stopwatch, watched
from training.speed.songs import plans, widened

BATCHES = (1, 4, 16, 64)
PITCHES_A_PART = 19
"""About as many pitches, or drums, a part of a song may play: the mean of the shipped network's plans."""
PARTS = {"engine": "the engine's step", **{name: name for name in (*GROUPS, "rest")}, "choosing": "rules and choosing"}
"""Part of a note's time → what it is called; the engine's step is recurrent and heads."""


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is measured: seconds of a whole song and of a short one, runs, and what growth is shown at."""

    song_seconds: float = 45.0
    short_seconds: float = 10.0
    runs: int = 5
    batch_runs: int = 3
    batches: tuple[int, ...] = BATCHES
    lengths: tuple[float, ...] = (10.0, 45.0, 140.0)
    parts: tuple[int, ...] = (1, 4, 8, 16)
    widths: tuple[int, ...] = (256, 512, 1024)


QUICK = Extent(10.0, 10.0, 1, 1, (1, 2), (10.0, 12.0), (1, 3), (16, 32))
"""To see that everything runs; its figures say little."""


def song_figures(band: Composer, extent: Extent) -> tuple[list[Figure], Song]:
    """One note, one song, and a song's parts; and the first song. Each run is another song: some have many notes."""
    wanted = plans(band.checkpoint, extent.song_seconds, extent.runs)
    [first] = band.compose(wanted[:1])
    notes, lengths = composed(band, wanted)
    song, told = f"a song of {extent.song_seconds:g} s composed", "another seed each run"
    figures = [
        rate("notes", "notes a second", "notes/s", 1, notes, "all fields, sampling and rules included"),
        cost("note", "one note", "µs", notes, 1e6),
        rate("song", song, "x real time", 1, lengths, told),
    ]
    return [*figures, *part_figures(band, wanted[0], first.note_count, extent.runs)], first


def composed(band: Composer, wanted: list[Plan]) -> tuple[Runs, Runs]:
    """Seconds of work for each note, and for each second of music, of each song."""
    notes, lengths = [], []
    for plan in wanted:
        songs: list[Song] = []
        [run] = times(lambda plan=plan, songs=songs: songs.extend(band.compose([plan])), 1, warm_up=0)  # type: ignore[misc]
        notes.append(run.shared(songs[0].note_count))
        lengths.append(run.shared(songs[0].duration_seconds))
    return notes, lengths


def part_figures(band: Composer, plan: Plan, notes: int, runs: int) -> list[Figure]:
    """Where a note's time goes: microseconds a note within each group of functions, and in all others together."""
    taken: list[dict[str, float]] = []
    for _ in range(runs):
        watch = Stopwatch()
        with watched(watch):
            total = times(lambda: band.compose([plan]), 1, warm_up=0)[0].clock
        parts = watch.seconds | {"rest": total - sum(watch.seconds.values())}
        if {"recurrent", "heads"} <= parts.keys():
            parts["engine"] = parts["recurrent"] + parts["heads"]
        taken.append({name: 1e6 * seconds / notes for name, seconds in parts.items()})
    return [
        spread(f"part_{name}", f"  of it {label}", "µs", [each[name] for each in taken], "under a stop watch")
        for name, label in PARTS.items()
        if name in taken[0]
    ]


def batch_figures(band: Composer, extent: Extent) -> list[Figure]:
    """Notes a second of the same songs, so many of them side by side: whenever one ends, the next begins.

    As the command line composes them, in one process, and with none waiting; and against one song at a time. Every run
    takes all in turn: what else the machine does meanwhile is shared by all.
    """
    largest = max(extent.batches)
    wanted = plans(band.checkpoint, extent.short_seconds, largest)
    lengths = [song.note_count for song in band.compose(wanted)]
    ways = [way for batch in extent.batches for way in _ways(wanted, batch)]
    taken: list[Runs] = [[] for _ in ways]
    for _ in range(extent.batch_runs):
        for way, runs in zip(ways, taken, strict=True):
            work = partial(band.compose, wanted[: way.songs], processes=way.processes, batch_size=way.at_once)
            runs.extend(times(work, 1, warm_up=0))
    figures = [
        rate(way.name, way.label, "notes/s", sum(lengths[: way.songs]), runs, way.told)
        for way, runs in zip(ways, taken, strict=True)
    ]
    against = [
        ratio(f"{each.name}_against_{extent.batches[0]}", f"  {each.label}, against one", each, figures[0], each.note)
        for each in figures[1:]
    ]
    return [*figures, *against]


@dataclass(frozen=True, slots=True)
class _Way:
    """``songs``, ``at_once`` of them going, in so many ``processes``."""

    name: str
    songs: int
    at_once: int
    processes: int

    @property
    def label(self) -> str:
        return f"{self.at_once} songs side by side" if self.at_once > 1 else "one song at a time"

    @property
    def told(self) -> str:
        processes = f"in {self.processes} processes" if self.processes > 1 else "in one process"
        return f"{processes}, {self.songs} songs"


def _ways(wanted: list[Plan], batch: int) -> list[_Way]:
    """How ``batch`` of the songs ``wanted`` are composed side by side."""
    processes = len(split_work(wanted, usable_cores(), batch)[0])
    ways = [_Way(f"batch_{batch}", len(wanted), batch, processes)]
    if processes > 1:
        ways.append(_Way(f"batch_{batch}_one_process", len(wanted), batch, 1))
    if 1 < batch < len(wanted):
        ways.append(_Way(f"batch_{batch}_none_waiting", batch, batch, processes))
    return ways


def reading_figures(config: ModelConfig, memory: Figure, note: Figure, runs: int) -> list[Figure]:
    """What the weights of one step take to be read once, from memory and from wherever they lie; a note against it."""
    size = bytes_a_step(config)
    block = np.ones(size // 4, dtype=np.float32)
    with threadpool_limits(1, user_api="blas"):
        seconds = times(lambda: block.dot(block), 20 * runs, warm_up=3)
    told = f"{size / 1e6:.2f} MB a step"
    taken = {name: 1e-3 * size / speed for name in ("value", "cpu") if (speed := getattr(memory, name))}
    from_memory = Figure("weights_read", "a step's weights read once, memory", "µs", **taken, note=told)
    warm = cost("weights_read_warm", "a step's weights read once, as they lie in caches", "µs", seconds, 1e6, told)
    return [
        from_memory,
        warm,
        ratio("note_against_reading", "a note against reading from memory", note, from_memory),
        ratio("note_against_warm_reading", "a note against reading as they lie", note, warm),
    ]


def bytes_a_step(config: ModelConfig) -> int:
    """Bytes of weights that one note needs, as ``composer.model.engine`` and ``composer.model.heads`` have them.

    Large products in one byte a weight, the inputs' rows in two, a bar's and the heads' in four, the last product of a
    head in eight: the part's for ``PART_LIMIT`` classes, the pitch's for ``PITCHES_A_PART``.
    """
    own = {"part": PART_LIMIT + ACTIVITY_CLASSES, "pitch": PITCHES_A_PART}
    gates, lags, last = 4 * config.hidden, len(config.lags), len(FIELDS) - 1
    products = gates * config.hidden * (2 * config.layers - 1) + len(FIELDS) * config.head * config.hidden
    inputs = gates * (len(FIELDS) + lags * len(LOOKBACK_FIELDS["next"]) + 2)  # position and matches
    rows, out = gates, 0
    for index, field in enumerate(FIELDS):
        classes = own.get(field, VOCABULARY[field])
        out += config.head * (classes + config.lookback_size(field))
        rows += config.head * (config.lookback_size(field) + last - index + (last if index == 0 else 0))
    return products + 2 * inputs + 4 * rows + 8 * out


def growth(checkpoint: Checkpoint, band: Composer, extent: Extent) -> dict[str, list[dict[str, Any]]]:
    """How composing grows with genre, a song's length, its parts and the network's width: notes and their cost."""
    runs = max(1, extent.runs - 2)
    return {
        "genre": [genre_point(band, genre, extent, runs) for genre in checkpoint.header.genres],
        "length_seconds": [_grown(band, plans(checkpoint, each), each, runs) for each in extent.lengths],
        "parts": [_grown(band, plans(checkpoint, extent.short_seconds, parts=n), n, runs) for n in extent.parts],
        "hidden": [
            _grown(Composer(widened(checkpoint, width)), plans(checkpoint, extent.short_seconds), width, runs)
            for width in extent.widths
        ],
    }


def genre_point(band: Composer, genre: str, extent: Extent, runs: int) -> dict[str, Any]:
    """``runs`` songs of ``genre``: notes and microseconds of the median song, and how far it is ahead of real time."""
    wanted = plans(band.checkpoint, extent.song_seconds, runs, genre=genre)
    by_note, by_second = composed(band, wanted)
    note, song = cost("note", "", "µs", by_note, 1e6), rate("song", "", "x", 1, by_second)
    notes = [second.clock / note.clock for note, second in zip(by_note, by_second, strict=True)]
    return {
        "at": genre, "notes_a_second": median(notes), "note_us": note.value, "note_us_cpu": note.cpu,
        "real_time": song.value, "real_time_low": song.low, "real_time_high": song.high, "songs": runs,
    }  # fmt: skip


def _grown(band: Composer, wanted: list[Plan], at: float, runs: int) -> dict[str, Any]:
    notes = band.compose(wanted)[0].note_count
    taken = times(lambda: band.compose(wanted), runs, warm_up=0)
    figure = cost("note", "", "µs", taken, 1e6 / max(notes, 1))
    return {"at": at, "notes": notes, "note_us": figure.value, "note_us_cpu": figure.cpu}
