"""HTML report of a fine-tuning job: one file with figures, pictures, and songs compared with the corpus."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from composer.model.checkpoint import Checkpoint
from midi_data.analysis.excerpts import excerpt, sounding_bars, spread_excerpts
from midi_data.events.encoding import FIELDS, EventSequence, encode
from training.evaluation.discriminators.features import measure
from training.evaluation.distances import Comparison, compare, jensen_shannon, wasserstein
from training.finetune.finetune import FineTuner
from training.finetune.training_curves import CURVES_FILE
from training.tracking.html_report import Rows, embedded_picture, html_page, html_table, paragraph

SONGS = 12
FIRST_SEED = 1000
BARS = (16, 8)
FEWEST = 4
"""Pieces needed to compare two halves of them."""
REPORT_FILE = "report.html"


def write_report(trainer: FineTuner, best: Checkpoint) -> Path:
    """Write ``report.html`` into the training's folder; ``best`` is the final checkpoint."""
    genre = trainer.job.genre
    songs = [encode(song) for song in trainer.sample_callback.compose(best, SONGS, FIRST_SEED)]
    songs = [song for song in songs if len(song)]
    sections = [
        _outcome(trainer, best),
        _memorization(trainer, songs),
        html_table("Nats a note on held-out pieces", ("field", "before", "after", "change"), _fields(trainer, best)),
        embedded_picture(trainer.folder / CURVES_FILE, "curves"),
        html_table("Songs of known genres, composed by the base", ("genre", "nll before", "change"), _old(trainer)),
        html_table(
            "Distance to the corpus and between two halves of it",
            ("statistic", "to songs", "between halves", "ratio"),
            _distances(trainer, songs),
        ),
        html_table(
            "Nearest training piece of each song", ("song", "piece", "shared figures", "of"), _nearest(trainer, songs)
        ),
        html_table("Training data", ("genre", "pieces", "hours", "notes"), _amounts(best)),
        html_table("Licences of the new pieces", ("source: licence", "pieces"), _licences(best, genre)),
        "<h2>Last sample</h2>",
        *(embedded_picture(path, path.stem) for path in sorted((trainer.folder / "samples").glob("*.png"))[-1:]),
    ]
    page = trainer.folder / REPORT_FILE
    page.write_text(html_page(genre, sections), encoding="utf-8")
    return page


def _outcome(trainer: FineTuner, best: Checkpoint) -> str:
    job = trainer.job
    nll = best.header.valid[job.genre]["nll"]
    forgetting = (
        "Only the genre's own rows were trained: no other genre changed."
        if job.replay is None
        else f"In the old genre that changed most, nll of songs by the base changed by "
        f"{best.header.recipe['old_genres_change']:+.2%}."
    )
    return paragraph(
        f"Base {job.base.label}; {len(job.train)} training pieces, {len(job.valid)} held out; row started as "
        f"{job.nearest}. {trainer.nll_at_start:.3f} nats a note before, {nll:.3f} after {trainer.update} updates in "
        f"{trainer.seconds / 60:.1f} minutes. {forgetting}"
    )


def _memorization(trainer: FineTuner, songs: Sequence[EventSequence]) -> str:
    check = trainer.sample_callback.check
    rate = check.rate(songs)
    rates = f"{rate:.2%} in songs, {check.real_rate:.2%} in held-out pieces"
    text = f"12-note figures that occur in a training piece: {rates}."
    memorized = check.is_memorized(rate)
    return paragraph(text + (" The network memorises training pieces." if memorized else ""), warning=memorized)


def _fields(trainer: FineTuner, best: Checkpoint) -> Rows:
    before, after = trainer.at_start, best.header.valid[trainer.job.genre]
    return [(name, before[name], after[name], after[name] - before[name]) for name in ("nll", *FIELDS)]


def _old(trainer: FineTuner) -> Rows:
    """Each old genre at the best validation."""
    best = min(trainer.history, key=lambda moment: abs(moment["valid"][trainer.job.genre]["nll"] - trainer.best))
    return [(name, trainer.base_nll[name]["nll"], f"{share:+.2%}") for name, share in best["old_changes"].items()]


def _distances(trainer: FineTuner, songs: Sequence[EventSequence]) -> Rows:
    pieces = [shard.events(piece) for shard, piece in (*trainer.job.train, *trainer.job.valid)]
    for bars in BARS:
        real = [each for piece in pieces for each in spread_excerpts(piece, bars, 1) if len(each)]
        ours = [cut for song in songs if (cut := _beginning(song, bars)) is not None]
        if min(len(real), len(ours)) >= FEWEST:
            return _compared(real, ours)
    return [("too few pieces", "", "", "")]


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


def _nearest(trainer: FineTuner, songs: Sequence[EventSequence]) -> Rows:
    rows = []
    for number, song in enumerate(songs):
        near = trainer.sample_callback.check.nearest(song)
        rows.append(
            (f"seed {FIRST_SEED + number}", *((near.name, near.shared, near.grams) if near else ("none", 0, "")))
        )
    return rows


def _amounts(best: Checkpoint) -> Rows:
    return [(name, int(row["pieces"]), row["hours"], int(row["notes"])) for name, row in best.header.data.items()]


def _licences(best: Checkpoint, genre: str) -> Rows:
    return sorted(best.header.licences.get(genre, {}).items())
