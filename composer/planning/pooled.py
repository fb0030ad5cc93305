"""Statistics of training pieces, each pooled over at least ten of them: tempo, meter, key, repetition of parts.

Facts have one row a genre and one a style (that of style 0, "any", is of all pieces); repetition of parts has one row a
genre, role, level of the bar, level of the part's bar before, and whether a source has the same chords. Rows of fewer
than ``FEWEST_PIECES`` pieces are all 0; a coarser row stands in for them.

Shape letters: R rows of facts (genres, then styles), M meters, C cells, O outcomes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from numpy.typing import NDArray

from composer.exact import RandomNumbers, draw_index
from composer.model.checkpoint_parts import INTEGERS, Arrays
from composer.model.config import CHORD_ROLES, chord_role
from composer.model.planner_config import (
    CELLS,
    FASTEST_TEMPO,
    FEWEST_PIECES,
    LEVELS,
    LEVELS_BEFORE,
    OUTCOMES,
    SLOWEST_TEMPO,
)
from midi_data.analysis.activity import ACTIVITY_CLASSES, RESTS, UNCONDITIONED, Activity
from midi_data.analysis.repetition import NEW, lag_index, similarity_level
from midi_data.events.encoding import Ints
from midi_data.events.features import LAGS
from midi_data.song import Meter

TEMPOS = np.arange(SLOWEST_TEMPO, FASTEST_TEMPO + 1)
"""Whole BPM of the columns of ``tempo``."""
_FEW = 0.02
"""Share of the songs that may lie below, and above, a range of tempos."""
_ALLOWED_BINS = {1: 2, 2: 1, 3: ACTIVITY_CLASSES}
"""Largest difference in activity bins between a part's bar and its source, by level; a part that plays the same takes
its source's bin."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class PooledStatistics:
    """``pieces`` (R,): pieces of each row of ``tempo`` (R, BPM), ``meter`` (R, M) and ``key`` (R, 25), all shares.

    ``meters`` (M, 2): numerator and denominator. ``part_repetition`` ((1 + genres) · C, O): shares, the first C rows of
    all genres; ``part_pieces``: pieces of each of its rows.
    """

    pieces: Ints
    tempo: Floats
    meters: Ints
    meter: Floats
    key: Floats
    part_pieces: Ints
    part_repetition: Floats

    @classmethod
    def of(cls, arrays: Arrays) -> Self:
        """Statistics from stored arrays."""
        typed: Arrays = {n: array if n in INTEGERS else array.astype(np.float64) for n, array in arrays.items()}
        return cls(**typed)

    def arrays(self) -> Arrays:
        """The statistics as a checkpoint stores them."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    def facts_row(self, genre_row: int, style: int, genres: int) -> int:
        """The row of a style; of its genre where the style has too few pieces or is 0 ("any"); of all pieces, else."""
        own = [genres + style] * (style > 0) + [genre_row]
        return next((row for row in own if self.pieces[row] >= FEWEST_PIECES), genres)

    def tempo_range(self, row: int) -> tuple[int, int]:
        """BPM below and above which few pieces lie; the whole range where none are known."""
        total = np.cumsum(self.tempo[row])
        if not total[-1]:
            return int(TEMPOS[0]), int(TEMPOS[-1])
        slowest, fastest = np.searchsorted(total, [_FEW * total[-1], (1 - _FEW) * total[-1]])
        return int(TEMPOS[slowest]), int(TEMPOS[fastest])

    def draw_tempo(self, row: int, bounds: tuple[int, int], generator: RandomNumbers) -> float:
        """Whole BPM within ``bounds``; any of them alike where no piece lies there."""
        inside = (bounds[0] <= TEMPOS) & (bounds[1] >= TEMPOS)
        shares = np.where(inside, self.tempo[row], 0.0)
        return float(TEMPOS[draw_index(shares if shares.any() else inside.astype(np.float64), generator)])

    def draw_meter(self, row: int, generator: RandomNumbers) -> Meter:
        """A meter of the song; 4/4 where none is known."""
        numerator, denominator = self.meters[draw_index(self.meter[row], generator)].tolist()
        return Meter(0, numerator, denominator) if self.meter[row].any() else Meter(0, 4, 4)

    def draw_key(self, row: int, generator: RandomNumbers) -> int:
        """A row of the key condition; 0 for no key."""
        return draw_index(self.key[row], generator)

    def draw_part_repetition(
        self,
        genre_row: int,
        band: Sequence[int],
        repetition: Ints,
        source_lag: Ints,
        activity: Activity,
        chords: Ints,
        generator: RandomNumbers,
    ) -> tuple[Activity, Activity]:
        """(bars, parts) labels, ``UNCONDITIONED`` for a rest; (bars, parts) activity, same parts with their source's.

        ``repetition``, ``source_lag`` (bars,) of the whole bars; ``activity`` (bars, parts), ``chords``
        (bars, 2). A part varies only a bar in which it plays about as many notes. A pitched part is the same only
        over the same chords: elsewhere its notes do not fit those of the other parts.
        """
        labels, activity = np.full(activity.shape, UNCONDITIONED, dtype=np.uint8), activity.copy()
        levels = similarity_level(repetition)
        for column, part in enumerate(band):
            before, plays = 0, activity[:, column]
            for bar in np.flatnonzero(plays > RESTS).tolist():
                before = before if bar and plays[bar - 1] > RESTS else 0
                own, last = int(lag_index(repetition)[bar]) if levels[bar] else -1, int(source_lag[bar])
                same = has_same_chords(chords, bar, own, last)
                shares = self._outcomes(
                    genre_row, cell_of(chord_role(part), int(levels[bar]), before, same_chords=same)
                )
                possible = _possible(plays.astype(np.int64), bar, own, last)
                if chord_role(part) < CHORD_ROLES:
                    possible &= _over_same_chords(chords, bar, own, last)
                shares = np.where(possible, shares, 0.0)
                outcome = draw_index(shares, generator) if shares.any() else 0
                labels[bar, column] = label = label_of(outcome, own)
                before = 1 + int(similarity_level(np.array(label)))
                if before == 1 + LEVELS:
                    plays[bar] = plays[bar - [*LAGS[:-1], int(source_lag[bar])][int(lag_index(np.array(label)))]]
        return labels, activity

    def _outcomes(self, genre_row: int, cell: int) -> Floats:
        """(O,) of a cell: the genre's, or those of all genres where its pieces are too few."""
        own = (1 + genre_row) * CELLS + cell
        shares: Floats = self.part_repetition[own if self.part_pieces[own] >= FEWEST_PIECES else cell]
        return shares


def cell_of(role: int, level: int, before: int, *, same_chords: bool) -> int:
    """Cell of a part's ``role``, the bar's ``level`` 0–3 and what came ``before``: 0 rest, 1 + level of the part.

    ``same_chords``: ``has_same_chords``; left out for drums, which follow no chords.
    """
    return ((role * (1 + LEVELS) + level) * LEVELS_BEFORE + before) * 2 + (same_chords and role < CHORD_ROLES)


def has_same_chords(chords: Ints, bar: int, own: int, source_lag: int) -> bool:
    """Whether a bar's source has its ``chords`` (bars, 2); of a new bar whether any bar at a lag has.

    ``own``: lag index of the bar's source, −1 for a new bar.
    """
    lags = [*LAGS[:-1], source_lag]
    sources = [bar - lag for lag in (lags if own < 0 else [lags[own]]) if bar >= lag]
    return any(bool((chords[bar] == chords[source]).all()) for source in sources)


def outcome_of(label: int, own: int) -> int:
    """Outcome of a part's ``label`` where the bar's source has lag index ``own`` (−1 none)."""
    if label <= NEW:
        return 0
    lag, level = divmod(label - 2, LEVELS)
    return 1 + level if lag == own else 1 + LEVELS + lag * LEVELS + level


def label_of(outcome: int, own: int) -> int:
    """The part's label: inverse of ``outcome_of``."""
    if outcome == 0:
        return NEW
    if outcome <= LEVELS:
        return 2 + LEVELS * own + outcome - 1
    return 2 + outcome - 1 - LEVELS


def _possible(activity: Ints, bar: int, own: int, source_lag: int) -> NDArray[np.bool_]:
    """(O,) outcomes whose source lies in the song and has about as many notes. ``activity`` (bars,) of the part."""
    possible = np.zeros(OUTCOMES, dtype=np.bool_)
    possible[0] = True
    for index, lag in enumerate([*LAGS[:-1], source_lag]):
        if bar < lag or activity[bar - lag] <= RESTS:
            continue
        apart = abs(int(activity[bar - lag] - activity[bar]))
        for level in range(1, 1 + LEVELS):
            possible[_first_outcome(index, own) + level - 1] = apart <= _ALLOWED_BINS[level]
    return possible


def _over_same_chords(chords: Ints, bar: int, own: int, source_lag: int) -> NDArray[np.bool_]:
    """(O,) outcomes but those of the same notes over other ``chords`` (bars, 2) than those of the bar."""
    kept = np.ones(OUTCOMES, dtype=np.bool_)
    for index, lag in enumerate([*LAGS[:-1], source_lag]):
        kept[_first_outcome(index, own) + LEVELS - 1] = bar >= lag and (chords[bar] == chords[bar - lag]).all()
    return kept


def _first_outcome(index: int, own: int) -> int:
    """First outcome of the source at a lag index; ``own``: that of the bar's source."""
    return 1 if index == own else 1 + LEVELS + index * LEVELS
