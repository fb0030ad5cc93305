"""Speed of composing: a note, its parts, a song, batches, and how cost grows. No torch.

Everything goes through ``composer.decoding.generate.Composer``, as in the product.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any

from composer.decoding.generate import Composer
from composer.model.checkpoint import Checkpoint
from composer.planning.plan import Plan
from midi_data.song import Song
from training.speed.figures import Figure, Runs, cost, rate, ratio, times
from training.speed.songs import plans, widened

BATCHES = (1, 4, 16, 64)


@dataclass(frozen=True, slots=True)
class Scope:
    """Seconds of a long and of a short song, runs, and the points of the growth tables."""

    song_seconds: float = 45.0
    short_seconds: float = 10.0
    runs: int = 5
    batch_runs: int = 3
    batches: tuple[int, ...] = BATCHES
    lengths: tuple[float, ...] = (10.0, 45.0, 140.0)
    parts: tuple[int, ...] = (1, 4, 8, 16)
    widths: tuple[int, ...] = (256, 512, 1024)


QUICK = Scope(10.0, 10.0, 1, 1, (1, 2), (10.0, 12.0), (1, 3), (16, 32))
"""For tests: its figures mean little."""


def song_figures(composer: Composer, scope: Scope) -> tuple[list[Figure], Song]:
    """Figures of a note, a song and parts of a note, and the first song. Each run has another seed."""
    wanted = plans(composer.checkpoint, scope.song_seconds, scope.runs)
    [first] = composer.compose(wanted[:1])
    notes, lengths = compose_each(composer, wanted)
    song, note_text = f"a song of {scope.song_seconds:g} s composed", "another seed each run"
    figures = [
        rate("notes", "notes a second", "notes/s", 1, notes, "all fields, sampling and rules included"),
        cost("note", "one note", "µs", notes, 1e6),
        rate("song", song, "x real time", 1, lengths, note_text),
    ]
    return figures, first


def compose_each(composer: Composer, wanted: list[Plan]) -> tuple[Runs, Runs]:
    """Runs a note and runs a second of music, one for each song."""
    notes, lengths = [], []
    for plan in wanted:
        songs: list[Song] = []
        [run] = times(lambda plan=plan, songs=songs: songs.extend(composer.compose([plan])), 1, warm_up=0)  # type: ignore[misc]
        notes.append(run.shared(songs[0].note_count))
        lengths.append(run.shared(songs[0].duration_seconds))
    return notes, lengths


def batch_figures(composer: Composer, scope: Scope) -> list[Figure]:
    """Notes a second of the same songs in batches of several sizes, and ratios to one song at a time.

    Each size is measured with songs that wait and without. Every run takes all setups in turn, so that other load
    affects all of them.
    """
    largest = max(scope.batches)
    wanted = plans(composer.checkpoint, scope.short_seconds, largest)
    lengths = [song.note_count for song in composer.compose(wanted)]
    setups = [setup for batch in scope.batches for setup in _batch_setups(wanted, batch)]
    taken: list[Runs] = [[] for _ in setups]
    for _ in range(scope.batch_runs):
        for setup, runs in zip(setups, taken, strict=True):
            work = partial(composer.compose, wanted[: setup.songs], batch_size=setup.at_once)
            runs.extend(times(work, 1, warm_up=0))
    figures = [
        rate(setup.name, setup.label, "notes/s", sum(lengths[: setup.songs]), runs, setup.note_text)
        for setup, runs in zip(setups, taken, strict=True)
    ]
    against = [
        ratio(f"{each.name}_against_{scope.batches[0]}", f"  {each.label}, against one", each, figures[0], each.note)
        for each in figures[1:]
    ]
    return [*figures, *against]


@dataclass(frozen=True, slots=True)
class _BatchSetup:
    """``songs``, ``at_once`` in a batch."""

    name: str
    songs: int
    at_once: int

    @property
    def label(self) -> str:
        return f"{self.at_once} songs side by side" if self.at_once > 1 else "one song at a time"

    @property
    def note_text(self) -> str:
        return f"{self.songs} songs"


def _batch_setups(wanted: list[Plan], batch: int) -> list[_BatchSetup]:
    """How ``batch`` of the songs ``wanted`` are composed in batches."""
    setups = [_BatchSetup(f"batch_{batch}", len(wanted), batch)]
    if 1 < batch < len(wanted):
        setups.append(_BatchSetup(f"batch_{batch}_none_waiting", batch, batch))
    return setups


def growth(checkpoint: Checkpoint, composer: Composer, scope: Scope) -> dict[str, list[dict[str, Any]]]:
    """Notes and cost a note by genre, length of a song, number of parts and width of the network."""
    runs = max(1, scope.runs - 2)
    return {
        "genre": [genre_point(composer, genre, scope, runs) for genre in checkpoint.header.genres],
        "length_seconds": [_growth_point(composer, plans(checkpoint, each), each, runs) for each in scope.lengths],
        "parts": [
            _growth_point(composer, plans(checkpoint, scope.short_seconds, parts=n), n, runs) for n in scope.parts
        ],
        "hidden": [
            _growth_point(Composer(widened(checkpoint, width)), plans(checkpoint, scope.short_seconds), width, runs)
            for width in scope.widths
        ],
    }


def genre_point(composer: Composer, genre: str, scope: Scope, runs: int) -> dict[str, Any]:
    """``runs`` songs of ``genre``: notes and microseconds of the median song, and its speed in real time."""
    wanted = plans(composer.checkpoint, scope.song_seconds, runs, genre=genre)
    by_note, by_second = compose_each(composer, wanted)
    note, song = cost("note", "", "µs", by_note, 1e6), rate("song", "", "x", 1, by_second)
    notes = [second.clock / note.clock for note, second in zip(by_note, by_second, strict=True)]
    return {
        "at": genre, "notes_a_second": median(notes), "note_us": note.value, "note_us_cpu": note.cpu,
        "real_time": song.value, "real_time_low": song.low, "real_time_high": song.high, "songs": runs,
    }  # fmt: skip


def _growth_point(composer: Composer, wanted: list[Plan], at: float, runs: int) -> dict[str, Any]:
    notes = composer.compose(wanted)[0].note_count
    taken = times(lambda: composer.compose(wanted), runs, warm_up=0)
    figure = cost("note", "", "µs", taken, 1e6 / max(notes, 1))
    return {"at": at, "notes": notes, "note_us": figure.value, "note_us_cpu": figure.cpu}
