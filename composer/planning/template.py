"""From the pieces heard in training: which one a song takes its band, form and arrangement from, and which bars of it.

A song copies no note of it. It takes over who plays when and how much, where bars return, and the habits of the parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from composer.errors import RefusedError
from composer.model.checkpoint import Checkpoint
from composer.model.checkpoint_tables import TEMPLATE_COLUMNS
from composer.model.config import KEY_UNCONDITIONED
from midi_data.analysis.activity import RESTS, TYPICAL_NOTES, UNCONDITIONED, Activity
from midi_data.analysis.attribute_histograms import AttributeHistograms
from midi_data.analysis.repetition import NEW, lag_index
from midi_data.events.encoding import Ints, part_instrument
from midi_data.events.features import LAGS

TONICS = 12
"""Rows of the key condition: the major keys by tonic from 1 on, then the minor ones."""
SHORTEST_TEMPLATE_BARS = 12
"""Lineups of jingles and fragments are passed by while there are longer ones."""
PHRASE_BARS = 4
"""A stretch begins where a phrase may begin: at a piece's beginning, in its middle, or so that it ends with it."""
ENOUGH_CORE = 0.6
"""Share of a stretch's bars in which every core role plays."""
FEWEST_NOTES_A_BAR = 0.35
"""A part that would play less than this over the stretch stays at home: nobody comes along for one note."""
_AGAIN_FROM = 8
"""Where a piece is too short it goes round again from this bar, counted from 0."""
_ROLES = {"bass": range(32, 40), "guitar": range(24, 32), "distorted guitar": range(29, 31)}


@dataclass(frozen=True, slots=True, eq=False)
class Template:
    """An excerpt of a training piece, as far as a song takes it over; no notes.

    ``facts``: its ``TEMPLATE_COLUMNS``. ``band``: the parts that play in the excerpt, of the piece's ``parts``.
    ``repetition``, ``source_lag`` (bars,), ``part_repetition``, ``activity`` (bars, parts of the band). ``masks``,
    ``attribute_histograms`` (parts, 255) and ``time_shift_histogram`` (21,) describe the whole piece.
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
    """Whether a part class plays ``drums``, ``bass``, ``guitar`` or ``distorted guitar`` (overdriven ones too)."""
    program, is_drum = part_instrument(part)
    return is_drum if role == "drums" else not is_drum and program in _ROLES[role]


def band_of_row(template: Ints) -> tuple[int, ...]:
    """The part classes of a row of lineups."""
    return tuple(part for part in template[len(TEMPLATE_COLUMNS) :].tolist() if part >= 0)


def facts_of(template: Ints) -> dict[str, int]:
    """The named columns of a row of lineups."""
    return dict(zip(TEMPLATE_COLUMNS, template.tolist(), strict=False))


def draw_template(
    templates: Ints,
    genre: str,
    row: int,
    asked: tuple[int, ...] | None,
    generator: np.random.Generator,
    core: list[str],
    mode: str | None = None,
) -> int:
    """A lineup's place: of those of ``genre`` (its ``row``) with the core roles the nearest to an asked band.

    A piece in the ``mode`` (major, minor) of an asked key goes before others: only its scale can be moved to that key.
    """
    mine = np.flatnonzero(templates[:, 0] == row)
    if not len(mine):
        raise RefusedError(f"this checkpoint has no lineups of {genre}")
    long_enough = mine[templates[mine, TEMPLATE_COLUMNS.index("bars")] >= SHORTEST_TEMPLATE_BARS]
    mine = long_enough if len(long_enough) else mine
    bands = {i: band_of_row(templates[i]) for i in mine.tolist()}
    fitting = [i for i, band in bands.items() if all(any(plays_role(p, role) for p in band) for role in core)]
    fitting = fitting or list(bands)
    if mode:
        column = TEMPLATE_COLUMNS.index("key")
        fitting = [i for i in fitting if mode_of_row(int(templates[i, column])) == mode] or fitting
    if asked:
        similarity = [_similarity(set(bands[i]), set(asked)) for i in fitting]
        fitting = [i for i, alike in zip(fitting, similarity, strict=True) if alike == max(similarity)]
    return fitting[int(generator.integers(len(fitting)))]


def mode_of_row(key: int) -> str | None:
    """``major`` or ``minor``, by the row of the key condition; ``None`` where no key was heard."""
    if not 0 < key < KEY_UNCONDITIONED:
        return None
    return "minor" if key > TONICS else "major"


def draw_excerpt(
    checkpoint: Checkpoint, chosen: int, bars: int, generator: np.random.Generator, core: Sequence[str]
) -> Template:
    """``bars`` bars of the piece of lineup ``chosen``, from a phrase's beginning on, where its core roles play."""
    parts = band_of_row(checkpoint.templates[chosen])
    activity = checkpoint.activities[chosen]
    sounding = np.flatnonzero((activity > RESTS).any(axis=1))
    within = slice(sounding[0], sounding[-1] + 1)
    activity = activity[within]
    repetition, source_lag = (
        table[chosen][within].astype(np.int64) for table in (checkpoint.repetitions, checkpoint.source_lags)
    )
    starts = _starts(max(len(activity) - bars, 0))
    playing = _core_playing(activity, parts, core)
    shares = np.array([playing[start : start + bars].mean() for start in starts])
    good = starts[shares >= min(ENOUGH_CORE, shares.max())]
    first = int(good[generator.integers(len(good))])
    rows = _rows(len(activity) - first, bars) + first
    activity = activity[rows]
    heard = _who_plays(activity)
    part_repetition = _parts_within(checkpoint.part_repetition[chosen][within][rows], source_lag[rows])
    repetition, source_lag = within_excerpt(repetition[rows], source_lag[rows])
    band = tuple(parts[column] for column in heard)
    return Template(
        facts_of(checkpoint.templates[chosen]),
        parts,
        band,
        repetition,
        source_lag,
        part_repetition[:, heard],
        _filled(activity[:, heard]),
        checkpoint.masks[chosen],
        checkpoint.attribute_histograms[chosen],
        checkpoint.time_shift_histograms[chosen],
    )


def _starts(last: int) -> Ints:
    """The bars of 0 … ``last`` that a stretch may begin at, rising."""
    return np.unique(np.array([0, last // 2, last]) // PHRASE_BARS * PHRASE_BARS)


def _who_plays(activity: Activity) -> list[int]:
    """The columns of the parts with ``FEWEST_NOTES_A_BAR``; of all that play where none has."""
    enough: list[int] = np.flatnonzero(TYPICAL_NOTES[activity].mean(axis=0) >= FEWEST_NOTES_A_BAR).tolist()
    playing: list[int] = np.flatnonzero((activity > RESTS).any(axis=0)).tolist()
    return enough or playing


def arranged(heard: Template, band: tuple[int, ...]) -> Activity:
    """(bars, parts of ``band``): the stretch's levels, ``UNCONDITIONED`` for parts that it does not have."""
    return _filled(_of_band(heard.activity, heard.band, band))


def part_repetition_for(heard: Template, band: tuple[int, ...]) -> Activity:
    """(bars, parts of ``band``): the form of each part by itself, the whole bar's where that is not told."""
    told = _of_band(heard.part_repetition, heard.band, band)
    return np.where(told == UNCONDITIONED, heard.repetition[:, None], told).astype(np.uint8)


def _of_band(table: Activity, own: tuple[int, ...], band: tuple[int, ...]) -> Activity:
    """The columns of ``table``, which are of the parts ``own``, as those of ``band``; 0 where there is none."""
    found = np.zeros((len(table), len(band)), dtype=np.uint8)
    for column, part in enumerate(band):
        if part in own:
            found[:, column] = table[:, own.index(part)]
    return found


def _core_playing(
    activity: Activity, parts: tuple[int, ...], core: Sequence[str]
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """(bars,) where every core role plays."""
    playing = np.ones(len(activity), dtype=np.bool_)
    for role in core:
        columns = [column for column, part in enumerate(parts) if plays_role(part, role)]
        playing &= (activity[:, columns] > RESTS).any(axis=1)
    return playing


def _rows(length: int, bars: int) -> Ints:
    """Which of ``length`` bars each of ``bars`` takes after: in order, then round again from bar ``_AGAIN_FROM``."""
    again = min(_AGAIN_FROM, length - 1)
    rows = np.arange(bars)
    return np.where(rows < length, rows, again + (rows - length) % (length - again))


def within_excerpt(repetition: Ints, source_lag: Ints) -> tuple[Ints, Ints]:
    """``repetition`` and ``source_lag`` with bars new whose source would lie before the first bar."""
    source = np.where(lag_index(repetition) < len(LAGS) - 1, np.array(LAGS)[lag_index(repetition)], source_lag)
    outside = (repetition > NEW) & (source > np.arange(len(repetition)))
    return np.where(outside, NEW, repetition), np.where(outside, LAGS[-1], source_lag)


def _parts_within(part_repetition: Activity, source_lag: Ints) -> Activity:
    """``part_repetition`` with parts new whose source would lie before the first bar."""
    lags = np.column_stack([np.tile(LAGS[:-1], (len(source_lag), 1)), source_lag])
    source = np.take_along_axis(lags, lag_index(part_repetition.astype(np.int64)), axis=1)
    outside = (part_repetition > NEW) & (source > np.arange(len(source_lag))[:, None])
    return np.where(outside, NEW, part_repetition).astype(np.uint8)


def _filled(activity: Activity) -> Activity:
    """``activity`` where no bar rests in all parts: such a bar takes the one before, the first bars the next."""
    activity = activity.copy()
    silent = (activity == RESTS).all(axis=1)
    if silent.all():
        return np.full_like(activity, UNCONDITIONED)
    sounding = np.flatnonzero(~silent)
    for bar in np.flatnonzero(silent).tolist():
        before = sounding[sounding < bar]
        activity[bar] = activity[before[-1] if len(before) else sounding[0]]
    return activity


def _similarity(one: set[int], other: set[int]) -> float:
    return len(one & other) / max(len(one | other), 1)
