"""The page at the end of a lesson: one HTML file with everything in it, pictures included.

Shows what was measured on the way, composes a few songs more and holds them against the pieces. Trains nothing.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from composer.model.checkpoint import Checkpoint
from midi_data.analysis.excerpts import excerpt, sounding_bars, spread_excerpts
from midi_data.events.encoding import FIELDS, EventSequence, encode
from training.evaluation.discriminators.features import measure
from training.evaluation.distances import Comparison, compare, jensen_shannon, wasserstein
from training.finetune.finetune import FineTuning
from training.finetune.training_curves import CURVES_FILE

SONGS = 12
FIRST_SEED = 1000
BARS = (16, 8)
FEWEST = 4
"""Halves of fewer pieces say nothing."""
REPORT_FILE = "report.html"
STYLE = (
    "body{font:16px/1.5 sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem}img{max-width:100%}"
    "table{border-collapse:collapse}td,th{padding:.15rem .8rem;text-align:right;border-bottom:1px solid #ddd}"
    "td:first-child,th:first-child{text-align:left}.warning{background:#fff3cd;padding:.5rem 1rem}"
)
Rows = Sequence[Sequence[object]]


def write_report(training: FineTuning, best: Checkpoint) -> Path:
    """Write ``report.html`` into the training's folder: ``best`` is what the lesson ends with."""
    genre = training.lesson.genre
    songs = [encode(song) for song in training.listening.compose(best, SONGS, FIRST_SEED)]
    songs = [song for song in songs if len(song)]
    sections = [
        f"<h1>{escape(genre)}</h1>",
        _outcome(training, best),
        _copying(training, songs),
        _table("Nats a note on held-out pieces", ("field", "before", "after", "change"), _fields(training, best)),
        _picture(training.folder / CURVES_FILE, "curves"),
        _table("Songs of the genres it knew, composed by the base", ("genre", "nll before", "change"), _old(training)),
        _table(
            "Distance to the corpus, beside the distance between two halves of it",
            ("statistic", "to songs", "between halves", "ratio"),
            _distances(training, songs),
        ),
        _table(
            "Each song's nearest training piece", ("song", "piece", "shared figures", "of"), _nearest(training, songs)
        ),
        _table("What it learned from", ("genre", "pieces", "hours", "notes"), _amounts(best)),
        _table("Licences of the new pieces", ("source: licence", "pieces"), _licences(best, genre)),
        "<h2>Heard on the way</h2>",
        *(_picture(path, path.stem) for path in sorted((training.folder / "samples").glob("*.png"))[-1:]),
    ]
    page = training.folder / REPORT_FILE
    page.write_text(
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(genre)}</title>'
        f"<style>{STYLE}</style>{''.join(sections)}</html>",
        encoding="utf-8",
    )
    return page


def _outcome(training: FineTuning, best: Checkpoint) -> str:
    genre, lesson = training.lesson.genre, training.lesson
    nll = best.header.valid[genre]["nll"]
    kept = (
        "Only its own rows moved: all other genres are what they were."
        if lesson.replay is None
        else f"Songs that the base composed changed by {best.header.recipe['old_genres_change']:+.2%} in nll, "
        "in the genre that lost most."
    )
    return (
        f"<p>Taught to {escape(lesson.base.label)} from {len(lesson.train)} pieces ({len(lesson.valid)} held out), "
        f"beginning as {escape(lesson.nearest)}: {training.nll_at_start:.3f} nats a note before, {nll:.3f} after "
        f"{training.update} updates in {training.seconds / 60:.1f} minutes. {kept}</p>"
    )


def _copying(training: FineTuning, songs: Sequence[EventSequence]) -> str:
    watch = training.listening.watch
    rate = watch.rate(songs)
    found = f"{rate:.2%} in songs, {watch.real_rate:.2%} in held-out pieces"
    text = f"12-note figures that stand in a training piece: {found}."
    mark = ' class="warning"' if watch.recites(rate) else ""
    return f"<p{mark}>{text}{' It begins to recite.' if mark else ''}</p>"


def _fields(training: FineTuning, best: Checkpoint) -> Rows:
    before, after = training.at_start, best.header.valid[training.lesson.genre]
    return [(name, before[name], after[name], after[name] - before[name]) for name in ("nll", *FIELDS)]


def _old(training: FineTuning) -> Rows:
    """Each old genre at the validation that was kept."""
    best = min(training.history, key=lambda moment: abs(moment["valid"][training.lesson.genre]["nll"] - training.best))
    return [(name, training.base_nll[name]["nll"], f"{share:+.2%}") for name, share in best["old_changes"].items()]


def _distances(training: FineTuning, songs: Sequence[EventSequence]) -> Rows:
    pieces = [shard.events(piece) for shard, piece in (*training.lesson.train, *training.lesson.valid)]
    for bars in BARS:
        real = [each for piece in pieces for each in spread_excerpts(piece, bars, 1) if len(each)]
        ours = [cut for song in songs if (cut := _beginning(song, bars)) is not None]
        if min(len(real), len(ours)) >= FEWEST:
            return _compared(real, ours)
    return [("too few pieces to compare", "", "", "")]


def _beginning(song: EventSequence, bars: int) -> EventSequence | None:
    first, stop = sounding_bars(song)
    cut = excerpt(song, first, bars) if stop - first >= bars else None
    return cut if cut is not None and len(cut) else None


def _compared(real: Sequence[EventSequence], ours: Sequence[EventSequence]) -> Rows:
    works = [str(number) for number in range(len(real))]
    theirs, mine = measure(real), measure(ours)
    found: dict[str, Comparison] = {
        name: compare(values, works, mine.scalars[name], wasserstein, 0) for name, values in theirs.scalars.items()
    }
    found |= {
        name: compare(counts, works, mine.histograms[name], jensen_shannon, 0)
        for name, counts in theirs.histograms.items()
    }
    ratios = [each.ratio for each in found.values() if each.ratio is not None]
    rows: list[Sequence[object]] = [(name, c.songs, c.halves, c.ratio) for name, c in found.items()]
    return [("median of all", "", "", float(np.median(ratios)) if ratios else None), *rows]


def _nearest(training: FineTuning, songs: Sequence[EventSequence]) -> Rows:
    rows = []
    for number, song in enumerate(songs):
        near = training.listening.watch.nearest(song)
        rows.append(
            (f"seed {FIRST_SEED + number}", *((near.name, near.shared, near.grams) if near else ("none", 0, "")))
        )
    return rows


def _amounts(best: Checkpoint) -> Rows:
    return [(name, int(row["pieces"]), row["hours"], int(row["notes"])) for name, row in best.header.data.items()]


def _licences(best: Checkpoint, genre: str) -> Rows:
    return sorted(best.header.licences.get(genre, {}).items())


def _table(title: str, headings: Sequence[str], rows: Rows) -> str:
    head = "".join(f"<th>{escape(heading)}</th>" for heading in headings)
    body = "".join("<tr>" + "".join(f"<td>{escape(_cell(cell))}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<h2>{escape(title)}</h2><table><tr>{head}</tr>{body}</table>"


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _picture(path: Path, name: str) -> str:
    if not path.exists():
        return ""
    data = base64.b64encode(path.read_bytes()).decode("ascii")
    return f'<p><img alt="{escape(name)}" src="data:image/png;base64,{data}"></p>'
