"""The charts of a corpus: extracted once, cut into excerpts, padded into batches."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from composer.model.config import BARS_LEFT_EDGES, PHASE_CLASSES
from composer.model.planner_config import ACTIVITY_LAGS
from composer.planning.chart import NO_ACTIVITY, NO_ROW, START, Chart, ChartConditions, source_of_bar
from composer.planning.conditioning import tempo_class
from composer.planning.form import FEWEST_NOTES_A_BAR, within_excerpt
from midi_data.analysis.activity import TYPICAL_NOTES, activity_of
from midi_data.analysis.chords import chord_slots, split_of, transposed_chords
from midi_data.analysis.repetition import repetition_of
from midi_data.bars import BarGrid
from midi_data.corpus.dataset import Piece, Shard
from midi_data.events.encoding import SAME_PROGRAM_LIMIT
from midi_data.events.features import LAGS
from midi_data.events.progressions import PROGRESSION_SLOTS, Progressions

EXCERPT_BARS = (12, 56)
"""Fewest and most bars of an excerpt that counts as a whole song."""
PHRASE_BARS = 4
WHOLE, PLAYING_ONLY = 0.5, 0.8
"""Shares of the examples: short pieces taken whole; excerpts without the parts that hardly play."""


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """One piece's chart and its conditions."""

    conditions: ChartConditions
    chart: Chart


def example_of(shard: Shard, piece: Piece, genre_row: int) -> Example:
    """The chart of a piece, of the bars that sound."""
    events = shard.events(piece)
    grid = BarGrid.of(events.meters, events.end)
    activity = activity_of(events, grid).astype(np.int64)
    label, lag = repetition_of(events, grid)
    chords = chord_slots(events, grid)
    sounding = np.flatnonzero((activity > 1).any(axis=1))
    bars = slice(int(sounding[0]), int(sounding[-1]) + 1) if len(sounding) else slice(0, 1)
    label, lag = within_excerpt(label[bars], lag[bars])
    mode = 0 if piece.key == 0 else 1 + (piece.key > 12)
    meter = int(grid.meter[0])
    ticks = int(np.diff(grid.first_tick, append=grid.end)[0])
    conditions = ChartConditions(
        ((1 + genre_row, 1.0),), events.band, len(label), meter, tempo_class(piece.tempos[0][1]),
        (piece.key - 1) % 12 if piece.key else 0, mode, split_of(meter, ticks) > 0,
    )  # fmt: skip
    return Example(conditions, Chart(label, lag, chords[bars], activity[bars]))


def excerpt_of(example: Example, rng: np.random.Generator) -> Example:
    """An excerpt from a phrase's beginning on, as long as songs are; a short piece as often whole.

    As often from the beginning as up to the end or between. Parts that hardly play in it are mostly left out.
    """
    bars = example.conditions.bars
    low, high = EXCERPT_BARS
    first, count = 0, bars
    if bars > low and not (rng.random() < WHOLE and bars <= high):
        count = int(rng.integers(low, min(high, bars) + 1))
        starts = (0, bars - count, int(rng.integers(0, (bars - count) // PHRASE_BARS + 1)) * PHRASE_BARS)
        first = starts[int(rng.integers(len(starts)))]
    cut = slice(first, first + count)
    chart = example.chart
    label, lag = within_excerpt(chart.repetition[cut], chart.source_lag[cut])
    cut_chart = Chart(label, lag, chart.chords[cut], chart.activity[cut])
    made = Example(replace(example.conditions, bars=count), cut_chart)
    return playing_example(made) if rng.random() < PLAYING_ONLY else made


def playing_example(example: Example) -> Example:
    """``example`` without the parts that hardly play in it (``FEWEST_NOTES_A_BAR``); unchanged if none plays more."""
    activity = example.chart.activity
    playing = TYPICAL_NOTES[activity].mean(axis=0) >= FEWEST_NOTES_A_BAR
    if not playing.any():
        return example
    band = tuple(np.array(example.conditions.band)[playing].tolist())
    chart = replace(example.chart, activity=activity[:, playing])
    return Example(replace(example.conditions, band=band), chart)


@dataclass(frozen=True, slots=True)
class Batch:
    """Padded examples, batch first. (B, T, …) classes; ``two`` (B,), ``real`` (B, T), ``parts`` (B, P) programs."""

    genre: Tensor
    tempo: Tensor
    mode: Tensor
    meter: Tensor
    two: Tensor
    parts: Tensor
    has_part: Tensor
    real: Tensor
    label_before: Tensor
    seen: Tensor  # (B, T, 6, 2)
    left: Tensor
    phase: Tensor
    activity_before: Tensor  # (B, T, P)
    label: Tensor
    lag: Tensor
    source: Tensor  # (B, T, 2) chords of the source bar
    progressions: Tensor  # (B, T, 2, 3) chords that followed the same progressions
    chords: Tensor  # (B, T, 2) relative
    known: Tensor  # (B, T, P, 5)
    activity: Tensor  # (B, T, P)


def batch_of(examples: list[Example], rng: np.random.Generator | None = None, genre_dropout: float = 0.0) -> Batch:
    """Examples as tensors; genres are left out by ``genre_dropout``."""
    longest = max(example.conditions.bars for example in examples)
    most = max(len(example.conditions.band) for example in examples)
    columns: dict[str, list[np.ndarray]] = {name: [] for name in Batch.__slots__}
    for example in examples:
        for name, value in _columns(example, longest, most).items():
            columns[name].append(value)
    arrays = {name: np.stack(values) for name, values in columns.items()}
    if rng is not None:
        arrays["genre"] = np.where(rng.random(len(examples)) < genre_dropout, 0, arrays["genre"])
    return Batch(**{name: torch.from_numpy(array) for name, array in arrays.items()})


def _followed(chords: np.ndarray) -> np.ndarray:
    """(T, 2, 3) for each slot of ``chords`` (T, 2): ``Progressions.next_chords``."""
    progressions, found = Progressions(), []
    for chord in chords.ravel().tolist():
        found.append(progressions.next_chords())
        progressions.add_chord(chord)
    return np.array(found).reshape(*chords.shape, len(PROGRESSION_SLOTS))


def _columns(example: Example, longest: int, most: int) -> dict[str, np.ndarray]:
    c, chart = example.conditions, example.chart
    bars, parts = c.bars, len(c.band)
    chords = np.vstack([transposed_chords(chart.chords, -c.tonic), np.full((1, 2), NO_ROW)])
    activity = np.vstack([chart.activity, np.full((1, parts), NO_ACTIVITY)])
    at = np.arange(bars)
    back = np.stack([at - lag for lag in (1, *LAGS)], axis=1)
    labels = zip(chart.repetition.tolist(), chart.source_lag.tolist(), strict=True)
    source = np.array([source_of_bar(label, lag, bar) for bar, (label, lag) in enumerate(labels)])
    source = np.where(source < 0, bars, source)
    known = np.stack([np.where(at - lag < 0, bars, at - lag) for lag in ACTIVITY_LAGS] + [source], axis=1)  # (T, 5)
    rows = {
        "real": np.ones(bars, dtype=np.bool_),
        "label_before": np.concatenate([[START], chart.repetition[:-1]]),
        "seen": chords[np.where(back < 0, bars, back)],
        "left": np.searchsorted(BARS_LEFT_EDGES, bars - at, side="right"),
        "phase": at % PHASE_CLASSES,
        "activity_before": activity[np.where(at == 0, bars, at - 1)],
        "label": chart.repetition,
        "lag": chart.source_lag - 1,
        "source": chords[source],
        "progressions": _followed(chords[:-1]),
        "chords": chords[:-1],
        "known": activity[known].transpose(0, 2, 1),
        "activity": activity[:-1],
    }
    padded = {}
    for name, values in rows.items():
        widths = [(0, longest - bars)] + [(0, 0)] * (values.ndim - 1)
        if name in ("activity_before", "activity", "known"):
            widths[1] = (0, most - parts)
        padded[name] = np.pad(values, widths)
    programs = np.array(c.band, dtype=np.int64) // SAME_PROGRAM_LIMIT
    single = {
        "genre": c.genres[0][0], "tempo": c.tempo, "mode": c.mode, "meter": c.meter, "two": c.two_slots,
        "parts": np.pad(programs, (0, most - parts)), "has_part": np.arange(most) < parts,
    }  # fmt: skip
    return padded | {name: np.asarray(value) for name, value in single.items()}
