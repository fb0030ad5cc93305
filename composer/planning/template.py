"""Templates: the training piece, and the excerpt of it, from which a song takes its plan.

A song takes band, activity, repetition, masks and histograms of its template, and none of its notes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from composer.errors import RefusedError
from composer.model.checkpoint import Checkpoint
from composer.model.checkpoint_tables import TEMPLATE_COLUMNS
from composer.model.config import KEY_UNCONDITIONED
from midi_data.analysis.activity import RESTS, TYPICAL_NOTES, UNCONDITIONED, Activity
from midi_data.analysis.attribute_histograms import COLUMNS, FULL, AttributeHistograms, transposed_histograms
from midi_data.analysis.repetition import NEW, lag_index
from midi_data.events.encoding import Ints, part_instrument
from midi_data.events.features import LAGS

TONICS = 12
"""Rows of the key condition: major keys by tonic from 1 on, then minor keys."""
SHORTEST_TEMPLATE_BARS = 12
"""Shorter pieces (jingles, fragments) are templates only if their genre has no longer ones."""
PHRASE_BARS = 4
"""An excerpt begins on a multiple: at a piece's beginning, in its middle, or so that it ends with the piece."""
CORE_SHARE = 0.6
"""Share of an excerpt's bars in which every core role plays, if the piece has such an excerpt."""
FEWEST_NOTES_A_BAR = 0.35
"""Parts with fewer notes a bar in the excerpt are dropped."""
_LOOP_START = 8
"""A piece that is too short is repeated from this bar on, counted from 0."""
_ROLES = {"bass": range(32, 40), "guitar": range(24, 32), "distorted guitar": range(29, 31)}
"""MIDI programs of each role."""

Shares = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Template:
    """An excerpt of a training piece, as far as a song takes it over; no notes.

    ``facts``: its ``TEMPLATE_COLUMNS``. ``band``: the parts that play in the excerpt, of the piece's ``parts``.
    ``repetition``, ``source_lag`` (bars,); ``part_repetition``, ``activity`` (bars, parts of the band). Of the whole
    piece: ``masks`` (82,), ``attribute_histograms`` (parts, 255), ``time_shift_histogram`` (21,).
    """

    facts: dict[str, int]
    parts: tuple[int, ...]
    band: tuple[int, ...]
    repetition: Ints
    source_lag: Ints
    part_repetition: Activity
    activity: Activity
    masks: Ints
    attribute_histograms: AttributeHistograms
    time_shift_histogram: AttributeHistograms


def plays_role(part: int, role: str) -> bool:
    """Whether a part class plays ``drums``, ``bass``, ``guitar`` or ``distorted guitar`` (overdriven included)."""
    program, is_drum = part_instrument(part)
    return is_drum if role == "drums" else not is_drum and program in _ROLES[role]


def band_of_row(row: Ints) -> tuple[int, ...]:
    """Part classes of a row of ``Checkpoint.templates``."""
    return tuple(part for part in row[len(TEMPLATE_COLUMNS) :].tolist() if part >= 0)


def facts_of(row: Ints) -> dict[str, int]:
    """Named columns of a row of ``Checkpoint.templates``."""
    return dict(zip(TEMPLATE_COLUMNS, row.tolist(), strict=False))


def draw_template(
    templates: Ints,
    genre: str,
    genre_row: int,
    asked: tuple[int, ...] | None,
    generator: np.random.Generator,
    core: list[str],
    mode: str | None = None,
) -> int:
    """Index of a piece of ``genre`` with the ``core`` roles, among those whose band is most similar to ``asked``.

    ``templates`` (P, 24). Pieces in the ``mode`` (major, minor) of a requested key are preferred: only their scale can
    be moved to that key. Raises ``RefusedError`` if the genre has no pieces.
    """
    own = np.flatnonzero(templates[:, 0] == genre_row)
    if not len(own):
        raise RefusedError(f"this checkpoint has no pieces of {genre}")
    long_enough = own[templates[own, TEMPLATE_COLUMNS.index("bars")] >= SHORTEST_TEMPLATE_BARS]
    own = long_enough if len(long_enough) else own
    bands = {index: band_of_row(templates[index]) for index in own.tolist()}
    fitting = [i for i, band in bands.items() if all(any(plays_role(p, role) for p in band) for role in core)]
    fitting = fitting or list(bands)
    if mode:
        column = TEMPLATE_COLUMNS.index("key")
        fitting = [i for i in fitting if mode_of_row(int(templates[i, column])) == mode] or fitting
    if asked:
        similarity = [_band_similarity(set(bands[i]), set(asked)) for i in fitting]
        fitting = [i for i, each in zip(fitting, similarity, strict=True) if each == max(similarity)]
    return fitting[int(generator.integers(len(fitting)))]


def mode_of_row(key: int) -> str | None:
    """``major`` or ``minor`` of a row of the key condition; None without a key."""
    if not 0 < key < KEY_UNCONDITIONED:
        return None
    return "minor" if key > TONICS else "major"


def draw_excerpt(
    checkpoint: Checkpoint, index: int, bars: int, generator: np.random.Generator, core: Sequence[str]
) -> Template:
    """An excerpt of ``bars`` bars of piece ``index``, from the beginning of a phrase on, where its core roles play."""
    parts = band_of_row(checkpoint.templates[index])
    activity = checkpoint.activities[index]
    sounding = np.flatnonzero((activity > RESTS).any(axis=1))
    within = slice(sounding[0], sounding[-1] + 1)
    activity = activity[within]
    repetition, source_lag = (
        table[index][within].astype(np.int64) for table in (checkpoint.repetitions, checkpoint.source_lags)
    )
    first = _draw_start(activity, bars, _core_plays(activity, parts, core), generator)
    rows = _looped(len(activity) - first, bars) + first
    activity = activity[rows]
    columns = _playing_parts(activity)
    part_repetition = parts_within(checkpoint.part_repetition[index][within][rows], source_lag[rows])
    repetition, source_lag = within_excerpt(repetition[rows], source_lag[rows])
    return Template(
        facts_of(checkpoint.templates[index]),
        parts,
        tuple(parts[column] for column in columns),
        repetition,
        source_lag,
        part_repetition[:, columns],
        filled(activity[:, columns]),
        checkpoint.masks[index],
        checkpoint.attribute_histograms[index],
        checkpoint.time_shift_histograms[index],
    )


def template_histograms(
    band: Sequence[int], template_parts: Sequence[int], rows: AttributeHistograms, semitones: int, *, same_mode: bool
) -> dict[int, Shares]:
    """Part class → (255,) shares for the parts of ``band`` that the template has, transposed by ``semitones``.

    ``rows`` (template parts, 255). Without ``same_mode`` the tones of pitched parts are dropped.
    """
    found = {}
    moved = transposed_histograms(rows / FULL, template_parts, semitones)
    for part in set(band) & set(template_parts):
        row = moved[list(template_parts).index(part)]
        if not part_instrument(part)[1]:
            row[COLUMNS["tone"]] *= same_mode
        if row.any():
            found[part] = row
    return dict(sorted(found.items()))


def activity_for(template: Template, band: tuple[int, ...]) -> Activity:
    """(bars, parts of ``band``) the template's activity, ``UNCONDITIONED`` for parts that it does not have."""
    return filled(columns_for(template.activity, template.band, band))


def part_repetition_for(template: Template, band: tuple[int, ...]) -> Activity:
    """(bars, parts of ``band``) labels of each part; the bar's own for parts that the template does not have."""
    own = columns_for(template.part_repetition, template.band, band)
    return np.where(own == UNCONDITIONED, template.repetition[:, None], own).astype(np.uint8)


def columns_for(table: Activity, own: tuple[int, ...], band: tuple[int, ...]) -> Activity:
    """Columns of ``table`` (bars, parts ``own``) as those of ``band``; 0 for parts it does not have."""
    found = np.zeros((len(table), len(band)), dtype=np.uint8)
    for column, part in enumerate(band):
        if part in own:
            found[:, column] = table[:, own.index(part)]
    return found


def _draw_start(activity: Activity, bars: int, core_plays: NDArray[np.bool_], generator: np.random.Generator) -> int:
    """First bar of an excerpt, among the candidates in which the core roles play often enough."""
    last = max(len(activity) - bars, 0)
    starts = np.unique(np.array([0, last // 2, last]) // PHRASE_BARS * PHRASE_BARS)
    starts = starts[[bool((activity[start : start + bars] > RESTS).any()) for start in starts]]  # some are silent
    shares = np.array([core_plays[start : start + bars].mean() for start in starts])
    good = starts[shares >= min(CORE_SHARE, shares.max())]
    return int(good[generator.integers(len(good))])


def _core_plays(activity: Activity, parts: tuple[int, ...], core: Sequence[str]) -> NDArray[np.bool_]:
    """(bars,) whether every core role plays."""
    playing = np.ones(len(activity), dtype=np.bool_)
    for role in core:
        columns = [column for column, part in enumerate(parts) if plays_role(part, role)]
        playing &= (activity[:, columns] > RESTS).any(axis=1)
    return playing


def _playing_parts(activity: Activity) -> list[int]:
    """Columns of the parts with ``FEWEST_NOTES_A_BAR``; if there are none, of all that play."""
    enough: list[int] = np.flatnonzero(TYPICAL_NOTES[activity].mean(axis=0) >= FEWEST_NOTES_A_BAR).tolist()
    playing: list[int] = np.flatnonzero((activity > RESTS).any(axis=0)).tolist()
    return enough or playing


def _looped(length: int, bars: int) -> Ints:
    """(bars,) the bar of ``length`` that each bar copies: in order, then again from ``_LOOP_START``."""
    again = min(_LOOP_START, length - 1)
    rows = np.arange(bars)
    return np.where(rows < length, rows, again + (rows - length) % (length - again))


def within_excerpt(repetition: Ints, source_lag: Ints) -> tuple[Ints, Ints]:
    """Both (bars,), with bars ``NEW`` whose source would lie before the first bar."""
    index = lag_index(repetition)
    source = np.where(index < len(LAGS) - 1, np.array(LAGS)[index], source_lag)
    outside = (repetition > NEW) & (source > np.arange(len(repetition)))
    return np.where(outside, NEW, repetition), np.where(outside, LAGS[-1], source_lag)


def parts_within(part_repetition: Activity, source_lag: Ints) -> Activity:
    """(bars, parts) with parts ``NEW`` whose source would lie before the first bar."""
    lags = np.column_stack([np.tile(LAGS[:-1], (len(source_lag), 1)), source_lag])
    source = np.take_along_axis(lags, lag_index(part_repetition.astype(np.int64)), axis=1)
    outside = (part_repetition > NEW) & (source > np.arange(len(source_lag))[:, None])
    return np.where(outside, NEW, part_repetition).astype(np.uint8)


def filled(activity: Activity) -> Activity:
    """(bars, parts) where no bar rests in all parts: such a bar copies the one before, the first ones the next."""
    activity = activity.copy()
    silent = (activity == RESTS).all(axis=1)
    if silent.all():
        return np.full_like(activity, UNCONDITIONED)
    sounding = np.flatnonzero(~silent)
    for bar in np.flatnonzero(silent).tolist():
        before = sounding[sounding < bar]
        activity[bar] = activity[before[-1] if len(before) else sounding[0]]
    return activity


def _band_similarity(one: set[int], other: set[int]) -> float:
    """Jaccard index of two sets of part classes."""
    return len(one & other) / max(len(one | other), 1)
