"""From the pieces heard in training: which one a song takes its band, form and arrangement from, and which bars of it.

A song copies no note of it. It takes over who plays when and how much, where bars return, and the habits of the parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from composer.errors import RefusedError
from composer.model.checkpoint import TEMPLATE_COLUMNS, Checkpoint
from composer.model.config import KEY_UNCONDITIONED
from midi_data.analysis.activity import RESTS, TYPICAL_NOTES, UNCONDITIONED, Activity
from midi_data.analysis.attribute_histograms import AttributeHistograms
from midi_data.analysis.repetition import NEW, source_of
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
    """A stretch of a piece. ``facts``: its lineup's columns. ``part_repetition``, ``levels`` (bars, parts of ``band``).

    ``form``, ``far`` (bars,): as in ``midi_data.analysis.repetition``.

    ``habits``: the piece's row; ``pace``: the band's; ``tendencies``: a row a part; ``parts``: those that both tell of.
    """

    facts: dict[str, int]
    parts: tuple[int, ...]
    band: tuple[int, ...]
    form: Ints
    far: Ints
    part_repetition: Activity
    levels: Activity
    habits: Ints
    tendencies: AttributeHistograms
    pace: AttributeHistograms


def plays_role(part: int, role: str) -> bool:
    """Whether a part class plays ``drums``, ``bass``, ``guitar`` or ``distorted guitar`` (overdriven ones too)."""
    program, is_drum = part_instrument(part)
    return is_drum if role == "drums" else not is_drum and program in _ROLES[role]


def band_of_row(lineup: Ints) -> tuple[int, ...]:
    """The part classes of a row of lineups."""
    return tuple(part for part in lineup[len(TEMPLATE_COLUMNS) :].tolist() if part >= 0)


def facts_of(lineup: Ints) -> dict[str, int]:
    """The named columns of a row of lineups."""
    return dict(zip(TEMPLATE_COLUMNS, lineup.tolist(), strict=False))


def draw_template(
    lineups: Ints,
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
    mine = np.flatnonzero(lineups[:, 0] == row)
    if not len(mine):
        raise RefusedError(f"this checkpoint has no lineups of {genre}")
    long_enough = mine[lineups[mine, TEMPLATE_COLUMNS.index("bars")] >= SHORTEST_TEMPLATE_BARS]
    mine = long_enough if len(long_enough) else mine
    bands = {i: band_of_row(lineups[i]) for i in mine.tolist()}
    fitting = [i for i, band in bands.items() if all(any(plays_role(p, role) for p in band) for role in core)]
    fitting = fitting or list(bands)
    if mode:
        column = TEMPLATE_COLUMNS.index("key")
        fitting = [i for i in fitting if mode_of_row(int(lineups[i, column])) == mode] or fitting
    if asked:
        likeness = [_likeness(set(bands[i]), set(asked)) for i in fitting]
        fitting = [i for i, alike in zip(fitting, likeness, strict=True) if alike == max(likeness)]
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
    parts = band_of_row(checkpoint.lineups[chosen])
    levels = checkpoint.arrangements[chosen]
    sounding = np.flatnonzero((levels > RESTS).any(axis=1))
    within = slice(sounding[0], sounding[-1] + 1)
    levels = levels[within]
    form, far = (table[chosen][within].astype(np.int64) for table in (checkpoint.forms, checkpoint.fars))
    starts = _starts(max(len(levels) - bars, 0))
    playing = _core_playing(levels, parts, core)
    shares = np.array([playing[start : start + bars].mean() for start in starts])
    good = starts[shares >= min(ENOUGH_CORE, shares.max())]
    first = int(good[generator.integers(len(good))])
    rows = _rows(len(levels) - first, bars) + first
    levels = levels[rows]
    heard = _who_plays(levels)
    part_repetition = _parts_within(checkpoint.part_repetition[chosen][within][rows], far[rows])
    form, far = _within(form[rows], far[rows])
    band = tuple(parts[column] for column in heard)
    return Template(
        facts_of(checkpoint.lineups[chosen]),
        parts,
        band,
        form,
        far,
        part_repetition[:, heard],
        _filled(levels[:, heard]),
        checkpoint.habits[chosen],
        checkpoint.tendencies[chosen],
        checkpoint.paces[chosen],
    )


def _starts(last: int) -> Ints:
    """The bars of 0 … ``last`` that a stretch may begin at, rising."""
    return np.unique(np.array([0, last // 2, last]) // PHRASE_BARS * PHRASE_BARS)


def _who_plays(levels: Activity) -> list[int]:
    """The columns of the parts with ``FEWEST_NOTES_A_BAR``; of all that play where none has."""
    enough: list[int] = np.flatnonzero(TYPICAL_NOTES[levels].mean(axis=0) >= FEWEST_NOTES_A_BAR).tolist()
    playing: list[int] = np.flatnonzero((levels > RESTS).any(axis=0)).tolist()
    return enough or playing


def arranged(heard: Template, band: tuple[int, ...]) -> Activity:
    """(bars, parts of ``band``): the stretch's levels, ``UNCONDITIONED`` for parts that it does not have."""
    return _filled(_of_band(heard.levels, heard.band, band))


def part_repetition_for(heard: Template, band: tuple[int, ...]) -> Activity:
    """(bars, parts of ``band``): the form of each part by itself, the whole bar's where that is not told."""
    told = _of_band(heard.part_repetition, heard.band, band)
    return np.where(told == UNCONDITIONED, heard.form[:, None], told).astype(np.uint8)


def _of_band(table: Activity, own: tuple[int, ...], band: tuple[int, ...]) -> Activity:
    """The columns of ``table``, which are of the parts ``own``, as those of ``band``; 0 where there is none."""
    found = np.zeros((len(table), len(band)), dtype=np.uint8)
    for column, part in enumerate(band):
        if part in own:
            found[:, column] = table[:, own.index(part)]
    return found


def _core_playing(
    levels: Activity, parts: tuple[int, ...], core: Sequence[str]
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """(bars,) where every core role plays."""
    playing = np.ones(len(levels), dtype=np.bool_)
    for role in core:
        columns = [column for column, part in enumerate(parts) if plays_role(part, role)]
        playing &= (levels[:, columns] > RESTS).any(axis=1)
    return playing


def _rows(length: int, bars: int) -> Ints:
    """Which of ``length`` bars each of ``bars`` takes after: in order, then round again from bar ``_AGAIN_FROM``."""
    again = min(_AGAIN_FROM, length - 1)
    rows = np.arange(bars)
    return np.where(rows < length, rows, again + (rows - length) % (length - again))


def _within(form: Ints, far: Ints) -> tuple[Ints, Ints]:
    """``form`` and ``far`` with bars new whose source would lie before the first bar."""
    source = np.where(source_of(form) < len(LAGS) - 1, np.array(LAGS)[source_of(form)], far)
    outside = (form > NEW) & (source > np.arange(len(form)))
    return np.where(outside, NEW, form), np.where(outside, LAGS[-1], far)


def _parts_within(part_repetition: Activity, far: Ints) -> Activity:
    """``part_repetition`` with parts new whose source would lie before the first bar."""
    lags = np.column_stack([np.tile(LAGS[:-1], (len(far), 1)), far])
    source = np.take_along_axis(lags, source_of(part_repetition.astype(np.int64)), axis=1)
    outside = (part_repetition > NEW) & (source > np.arange(len(far))[:, None])
    return np.where(outside, NEW, part_repetition).astype(np.uint8)


def _filled(levels: Activity) -> Activity:
    """``levels`` where no bar rests in all parts: such a bar takes the one before, the first bars the next."""
    levels = levels.copy()
    silent = (levels == RESTS).all(axis=1)
    if silent.all():
        return np.full_like(levels, UNCONDITIONED)
    sounding = np.flatnonzero(~silent)
    for bar in np.flatnonzero(silent).tolist():
        before = sounding[sounding < bar]
        levels[bar] = levels[before[-1] if len(before) else sounding[0]]
    return levels


def _likeness(one: set[int], other: set[int]) -> float:
    return len(one & other) / max(len(one | other), 1)
