"""Plots of an evaluation, each a matplotlib figure, made without pyplot and its global state."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from composer.model.checkpoint import Checkpoint
from composer.planning.draw import draw_band
from composer.planning.instrumentation import Instrumentation
from midi_data.analysis.structure import self_similarity
from midi_data.events.encoding import part_instrument
from midi_data.general_midi import instrument_name
from training.evaluation.discriminators.features import Measured
from training.evaluation.samples import Sample
from training.evaluation.style_map import StyleMap

REAL, OURS = "#4d9dff", "#ff5c5c"
COLUMNS = 4
MATRICES = 4
"""Self-similarity matrices a row."""
PARTS_SHOWN = 40
BANDS_DRAWN = 64
"""Bands of each genre that the shown parts are chosen by."""
FAR = 6.0
"""Upper limit of drawn ratios."""


def ratios(report: dict[str, Any]) -> Figure:
    """One bar for each statistic: distance of songs / distance between real halves."""
    rows = [row for row in report["statistics"] if row["ratio"] is not None][::-1]
    figure = Figure(figsize=(9, 1 + 0.28 * len(rows)), layout="constrained")
    axes = figure.subplots()
    values = np.minimum([row["ratio"] for row in rows], FAR)
    spans = np.minimum(np.array([row["ratio_interval"] for row in rows]), FAR).T
    errors = np.maximum([values - spans[0], spans[1] - values], 0)
    axes.barh([row["name"] for row in rows], values, xerr=errors, color=OURS, alpha=0.8)
    axes.axvline(1.25, color="black", linewidth=1)
    axes.set_xlim(0, FAR)
    axes.set_xlabel(f"ratio (cut at {FAR:g})")
    return figure


def harmony(report: dict[str, Any]) -> Figure:
    """Mean of each harmony and ensemble figure, with intervals, of real pieces and of songs."""
    rows = [row for row in report["harmony"]["figures"] if row["real"] is not None and row["songs"] is not None][::-1]
    figure = Figure(figsize=(9, 1 + 0.34 * len(rows)), layout="constrained")
    axes = figure.subplots()
    for kind, colour, shift in (("real", REAL, 0.15), ("songs", OURS, -0.15)):
        means = np.array([row[kind] for row in rows], dtype=np.float64)
        spans = np.array([row[f"{kind}_interval"] for row in rows], dtype=np.float64).reshape(-1, 2).T
        errors = np.maximum([means - spans[0], spans[1] - means], 0)
        axes.errorbar(means, np.arange(len(rows)) + shift, xerr=errors, fmt="o", color=colour, label=kind)
    axes.set_yticks(np.arange(len(rows)), [row["name"] for row in rows])
    axes.legend()
    return figure


def scalars(real: Measured, songs: Measured) -> Figure:
    """One panel for each scalar statistic: distributions of real pieces and songs."""
    figure, panels = _panels(len(real.scalars))
    for axes, (name, values) in zip(panels, real.scalars.items(), strict=False):
        ours = songs.scalars[name]
        both = np.concatenate([values, ours])
        both = both[np.isfinite(both)]
        axes.set_title(name, fontsize=9)
        if len(both):
            edges = np.linspace(both.min(), max(both.max(), both.min() + 1e-6), 16)
            for each, colour, label in ((values, REAL, "real"), (ours, OURS, "ours")):
                known = each[np.isfinite(each)]
                weights = np.full(len(known), 1 / max(len(known), 1))
                axes.hist(known, edges.tolist(), weights=weights, color=colour, alpha=0.55, label=label)
    panels[0].legend(fontsize=8)
    return figure


def histograms(report: dict[str, Any]) -> Figure:
    """One panel for each histogram: mean shares by bin."""
    rows = [row for row in report["statistics"] if row.get("real_histogram") and row.get("songs_histogram")]
    figure, panels = _panels(len(rows))
    for axes, row in zip(panels, rows, strict=False):
        bins = np.arange(len(row["real_histogram"]))
        axes.bar(bins, row["real_histogram"], width=1, color=REAL, alpha=0.55, label="real")
        axes.bar(bins, row["songs_histogram"], width=1, color=OURS, alpha=0.55, label="ours")
        axes.set_title(row["name"], fontsize=9)
    panels[0].legend(fontsize=8)
    return figure


def self_similarities(real: list[Sample], songs: list[Sample]) -> Figure:
    """Two rows of matrices: excerpts of different real works above, songs below."""
    figure = Figure(figsize=(2.6 * MATRICES, 5.6), layout="constrained")
    grid = figure.subplots(2, MATRICES, squeeze=False)
    for row, (label, samples) in enumerate((("real", real), ("ours", songs))):
        first = list({sample.work: sample for sample in reversed(samples)}.values())[::-1]
        for axes, sample in zip(grid[row], first, strict=False):
            axes.imshow(np.nan_to_num(self_similarity(sample.events)), vmin=0, vmax=1, cmap="magma")
            axes.set_title(label, fontsize=9)
        for axes in grid[row]:
            axes.set_axis_off()
    return figure


def training_curve(checkpoint: Checkpoint) -> Figure:
    """Nats a note in training and on held-out pieces against notes seen."""
    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.subplots()
    curve = np.array(checkpoint.header.curve or [(0, np.nan, np.nan)])
    for column, colour, label in ((1, OURS, "training"), (2, REAL, "held out, mean of genres")):
        axes.plot(curve[:, 0] / 1e6, curve[:, column], "o-", color=colour, label=label)
    axes.set_xlabel("million notes seen")
    axes.set_ylabel("nats a note")
    axes.legend()
    return figure


def embeddings(checkpoint: Checkpoint) -> Figure:
    """Maps of the genre, part and pitch tables (the parts of most bands, pitches not of drums)."""
    figure = Figure(figsize=(15, 5.4), layout="constrained")
    genre, part, pitch = figure.subplots(1, 3)
    weights, names = checkpoint.weights, checkpoint.header.genres
    _map(genre, weights["condition_tables.genre.weight"][: len(names)], list(names), "genres")
    common = common_parts(checkpoint)
    _map(part, weights["tables.part.weight"][common], [_part_label(code) for code in common], "parts")
    pitches = np.arange(28, 100)
    _map(pitch, weights["tables.pitch.weight"][pitches], [str(number) for number in pitches], "pitches")
    return figure


def style_map(found: StyleMap | None, genre: str) -> Figure:
    """Song vectors of the style model: held-out pieces coloured by genre, songs of ``genre`` as crosses."""
    figure = Figure(figsize=(9, 6.5), layout="constrained")
    axes = figure.subplots()
    if found is None:
        axes.set_title("this checkpoint has no style model")
        return figure
    for index, (name, places) in enumerate(found.pieces.items()):
        own = name == genre
        colour = REAL if own else f"C{index % 10}"
        axes.scatter(
            places[:, 0], places[:, 1], s=30 if own else 14, alpha=0.9 if own else 0.45, color=colour, label=name
        )
    axes.scatter(found.songs[:, 0], found.songs[:, 1], s=36, marker="x", color=OURS, label=f"songs of {genre}")
    axes.set_xlabel(f"first component ({found.explained[0]:.0%} of the variance)")
    axes.set_ylabel(f"second component ({found.explained[1]:.0%})")
    axes.legend(fontsize=8)
    return figure


def common_parts(checkpoint: Checkpoint) -> list[int]:
    """At most ``PARTS_SHOWN`` part classes, those first that most of ``BANDS_DRAWN`` bands a genre have."""
    model, generator = Instrumentation(checkpoint.instrumentation), np.random.default_rng(0)
    counts: Counter[int] = Counter()
    for row in range(len(checkpoint.header.genres)):
        for _ in range(BANDS_DRAWN):
            counts.update(draw_band(model, {row: 1.0}, None, (), generator)[1])
    return [part for part, _ in counts.most_common(PARTS_SHOWN)]


def _part_label(code: int) -> str:
    return f"{instrument_name(*part_instrument(code))} {code % 4 + 1 if code % 4 else ''}".strip()


def _map(axes: Axes, rows: NDArray[np.float32], labels: list[str], title: str) -> None:
    """Rows (N, E) on their first two principal components (Pearson 1901)."""
    centred = rows.astype(np.float64) - rows.mean(axis=0)
    places = centred @ np.linalg.svd(centred, full_matrices=False)[2][:2].T
    if places.shape[1] < 2:
        places = np.column_stack([places, np.zeros((len(places), 2 - places.shape[1]))])
    axes.scatter(places[:, 0], places[:, 1], s=8, color=REAL)
    for (x, y), label in zip(places.tolist(), labels, strict=True):
        axes.annotate(label, (x, y), fontsize=7)
    axes.set_title(title)


def _panels(count: int) -> tuple[Figure, list[Axes]]:
    rows = max(1, -(-count // COLUMNS))
    figure = Figure(figsize=(3.2 * COLUMNS, 2.1 * rows), layout="constrained")
    panels = list(figure.subplots(rows, COLUMNS, squeeze=False).flat)
    for spare in panels[max(count, 1) :]:
        spare.set_axis_off()
    return figure, panels
