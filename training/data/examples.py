"""Training examples: one piece as features, targets and condition labels, augmented anew each time it is used."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from composer.model.config import CONDITIONS, KEY_UNCONDITIONED
from composer.planning.conditioning import chord_columns, clock, density_class, strengths, tempo_class
from midi_data.analysis.activity import UNCONDITIONED, Activity, activity_of
from midi_data.analysis.attribute_histograms import (
    COLUMNS,
    FULL,
    HISTOGRAMS_WIDTH,
    attribute_histograms_of,
    transposed_histograms,
)
from midi_data.analysis.chords import chord_slots, transposed_chords
from midi_data.analysis.excerpts import excerpt
from midi_data.analysis.repetition import (
    TRAINING_PITCH_DROPOUT,
    by_part_class,
    draw_pitch_dropout,
    part_repetition_of,
    repetition_of,
)
from midi_data.bars import BarGrid
from midi_data.corpus.dataset import Piece
from midi_data.events.encoding import DRUM_PITCH, PART_LIMIT, VOCABULARY, EventSequence, Ints
from midi_data.events.features import NONE, StepFeatures, matched_lags, previous_events, step_features
from training.config import AugmentationConfig

_UNTOLD_PARTS = 0.4
_NOBODY = VOCABULARY["part"]
_HISTOGRAMS_STREAM = 1
"""Distinguishes the random numbers of tendencies from those of hiding."""
_FEWEST_BARS, _KIND_UNTOLD = 0.4, 0.1


@dataclass(frozen=True, slots=True)
class Names:
    """Rows of the genre and style tables. Style 0 is "any"; others are ``genre/style``."""

    genres: tuple[str, ...]
    styles: tuple[str, ...]

    def genre_row(self, piece: Piece) -> int:
        """The piece's row in the genre table."""
        return self.genres.index(piece.genre)

    def style_row(self, piece: Piece) -> int:
        """The piece's row in the style table; 0 for one that has no row."""
        style = f"{piece.genre}/{piece.style}"
        return self.styles.index(style) if style in self.styles else 0


@dataclass(frozen=True, slots=True)
class Variation:
    """How a piece is varied this time: semitones up, velocity classes up, tempo factor, and what is left untold."""

    semitones: int = 0
    velocity: int = 0
    tempo: float = 1.0
    untold: tuple[str, ...] = (
        "style", "key", "density", "bars_left", "repetition", "activity", "attribute_histograms", "chords",
    )  # fmt: skip
    """The default tells genre, band, tempo and meter only: the terms on which pieces are scored."""
    hiding_seed: int | None = None
    """Which parts are not shown their pitches in which bars, and which bars' tendencies are told; ``None`` hides
    nothing, and tells those of the whole piece."""
    untold_parts: int = 0
    """Bit mask over the band: parts whose place in the arrangement, and whose tendencies, are left untold."""


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """A varied piece, ready to be cut into segments. Arrays over its ``S`` steps as in ``StepInputs``.

    ``activity`` (bars, V_part): the arrangement; ``bar`` and ``bar_after`` (S,) say which rows a step sees.
    ``attribute_histograms`` (slots, W), ``parts`` (slots,): as in ``Conditions``.
    """

    previous: Ints
    clock: Ints
    position_after: Ints
    next: Ints
    part: Ints
    note: Ints
    matched: NDArray[np.float32]
    slots: Ints
    chord: Ints
    target: Ints
    bar: Ints
    bar_after: Ints
    activity: Activity
    labels: Ints
    band: NDArray[np.bool_]
    attribute_histograms: NDArray[np.float32]
    parts: Ints

    def __len__(self) -> int:
        return len(self.target)


def draw_variation(rng: np.random.Generator, events: EventSequence, how: AugmentationConfig) -> Variation:
    """A random variation whose transposition keeps every pitch on the keyboard."""
    pitched = events.pitch[events.pitch < DRUM_PITCH]
    low, high = -how.transpose_semitones, how.transpose_semitones - 1
    if len(pitched) and how.transpose_semitones:
        low, high = max(low, -int(pitched.min())), min(high, 127 - int(pitched.max()))
    semitones = int(rng.integers(low, high + 1)) if low < high else 0
    velocity = int(rng.integers(-how.velocity_classes, how.velocity_classes + 1))
    tempo = float(np.exp(rng.uniform(-how.tempo_ratio, how.tempo_ratio)))
    options = Variation().untold
    untold = (
        options
        if rng.random() < how.drop_all_conditions
        else tuple(o for o in options if rng.random() < how.drop_one_condition)
    )
    if rng.random() < how.drop_one_condition:
        untold = (*untold, "tempo")
    hiding = int(rng.integers(1 << 31))
    return Variation(semitones, velocity, tempo, untold, hiding, _untold_parts(rng, len(events.band), how))


def _untold_parts(rng: np.random.Generator, parts: int, how: AugmentationConfig) -> int:
    """None, or some parts by chance: a band may be asked for that no arrangement knows in full."""
    if rng.random() >= how.drop_one_condition:
        return 0
    return int(sum(1 << part for part in np.flatnonzero(rng.random(parts) < _UNTOLD_PARTS).tolist()))


def make_example(piece: Piece, events: EventSequence, names: Names, how: Variation) -> Example:
    """``piece`` varied and laid out for the network."""
    grid = BarGrid.of(events.meters, events.end)
    repetition, source_lag = repetition_of(events, grid)
    steps = step_features(events, None if "repetition" in how.untold else source_lag)
    target, next_lookback, note = _varied(steps, how)
    if how.hiding_seed is not None:
        rng = np.random.default_rng(how.hiding_seed)
        labels = part_repetition_of(events, grid, repetition, source_lag)
        dropped = draw_pitch_dropout(rng, labels, events.band, TRAINING_PITCH_DROPOUT)
        hidden = by_part_class(dropped, events.band)
        next_lookback, note = hide(hidden, grid, steps.tick, target, next_lookback, note)
    previous = previous_events(target)
    band = np.zeros(VOCABULARY["part"], dtype=np.bool_)
    band[list(events.band)] = True
    activity = conditioned_activity(events, grid, how)
    chords = None if "chords" in how.untold else transposed_chords(chord_slots(events, grid), how.semitones)
    return Example(
        previous,
        clock(
            grid,
            steps.tick[:-1],
            length_conditioned="bars_left" not in how.untold,
            repetition=None if "repetition" in how.untold else repetition,
            activity=activity,
            chords=chords,
        ),
        grid.position_of(steps.tick[1:]),
        next_lookback,
        steps.part,
        note,
        matched_lags(target, note).astype(np.float32),
        np.column_stack([slots_of(previous[:, 1], events.band), slots_of(target[:, 1], events.band)]),
        np.column_stack([chord_columns(grid, steps.tick[1:], chords)[:, 0], strengths(grid, steps.tick[1:])]),
        target,
        grid.bar_of(steps.tick[:-1]),
        grid.bar_of(steps.tick[1:]),
        _spread(activity, events.band),
        _labels(piece, events, names, how),
        band,
        conditioned_histograms(events, grid, how),
        np.array([_NOBODY, *events.band, *[_NOBODY] * (PART_LIMIT - len(events.band))]),
    )


def slots_of(parts: Ints, band: tuple[int, ...]) -> Ints:
    """Row of ``Conditions.attribute_histograms`` of each of ``parts``: from 1 for parts of ``band``, 0 for none."""
    slots = np.zeros(_NOBODY + 1, dtype=np.int64)
    slots[list(band)] = np.arange(1, len(band) + 1)
    return slots[parts]


def conditioned_histograms(events: EventSequence, grid: BarGrid, how: Variation) -> NDArray[np.float32]:
    """(1 + ``PART_LIMIT``, W): what is told of each part's tendencies, row 0 of nobody.

    In training those of some of the bars only, and not every kind: a piece that is told in full is learnt by heart.
    """
    told = np.zeros((1 + PART_LIMIT, HISTOGRAMS_WIDTH), dtype=np.float32)
    if "attribute_histograms" in how.untold or not len(events):
        return told
    heard, missing = events, list[str]()
    if how.hiding_seed is not None:
        rng = np.random.default_rng([how.hiding_seed, _HISTOGRAMS_STREAM])
        heard = some_bars(rng, events, grid)
        missing = [kind for kind in COLUMNS if rng.random() < _KIND_UNTOLD]
    rows = transposed_histograms(attribute_histograms_of(heard) / np.float32(FULL), heard.band, how.semitones)
    for kind in missing:
        rows[:, COLUMNS[kind]] = 0
    for part, row in zip(heard.band, rows, strict=True):
        place = events.band.index(part)
        told[1 + place] = np.sqrt(row) * (not how.untold_parts >> place & 1)
    return told


def some_bars(rng: np.random.Generator, events: EventSequence, grid: BarGrid) -> EventSequence:
    """Two fifths of the bars or more, one after the other, with a note at least."""
    count = max(1, round(len(grid) * rng.uniform(_FEWEST_BARS, 1)))
    some = excerpt(events, int(rng.integers(len(grid) - count + 1)), count)
    return some if len(some) else events


def conditioned_activity(events: EventSequence, grid: BarGrid, how: Variation) -> Activity:
    """(bars, parts of the band): the arrangement, ``UNCONDITIONED`` where ``how`` leaves it untold."""
    activity = activity_of(events, grid)
    if "activity" in how.untold:
        return np.full_like(activity, UNCONDITIONED)
    untold = [part for part in range(activity.shape[1]) if how.untold_parts >> part & 1]
    activity[:, untold] = UNCONDITIONED
    return activity


def _spread(activity: Activity, band: tuple[int, ...]) -> Activity:
    """(bars, V_part): ``activity`` at the classes of the band's parts."""
    whole = np.full((len(activity), VOCABULARY["part"]), UNCONDITIONED, dtype=np.uint8)
    whole[:, list(band)] = activity
    return whole


def _varied(steps: StepFeatures, how: Variation) -> tuple[Ints, Ints, Ints]:
    target, next_lookback, note = steps.target.copy(), steps.next.copy(), steps.note.copy()
    for pitch in (target[:, 2], next_lookback[:, :, 2], note[:, :, 0]):
        pitch[pitch < DRUM_PITCH] += how.semitones
    if how.velocity:
        top = VOCABULARY["velocity"] - 1
        for velocity in (target[:, 4], note[:, :, 2]):
            real = velocity <= top
            velocity[real] = np.clip(velocity[real] + how.velocity, 0, top)
    return target, next_lookback, note


def hide(
    hidden: NDArray[np.bool_], grid: BarGrid, tick: Ints, target: Ints, next_lookback: Ints, note: Ints
) -> tuple[Ints, Ints]:
    """``next_lookback`` and ``note`` without the pitches of the parts in ``hidden`` (bars, part classes + none)."""
    before, after = grid.bar_of(tick[:-1]), grid.bar_of(tick[1:])
    next_lookback, note = next_lookback.copy(), note.copy()
    next_lookback[hidden[before[:, None], next_lookback[:, :, 1]], 2] = NONE["pitch"]
    note[hidden[after, target[:, 1]], :-1, 0] = NONE["pitch"]
    return next_lookback, note


def _labels(piece: Piece, events: EventSequence, names: Names, how: Variation) -> Ints:
    bpm = max(piece.tempos, key=lambda tempo: _reign(piece, tempo[0]))[1]
    labels = {
        "genre": names.genre_row(piece),
        "style": names.style_row(piece),
        "tempo": tempo_class(bpm * how.tempo),
        "key": transposed_key(piece.key, how.semitones),
        "density": density_class(len(events), events.end),
    }
    labels |= {name: KEY_UNCONDITIONED if name == "key" else 0 for name in how.untold if name in labels}
    return np.array([labels[name] for name in CONDITIONS], dtype=np.int64)


def _reign(piece: Piece, onset: int) -> int:
    """Ticks for which the tempo set at ``onset`` rules."""
    return min([t for t, _ in piece.tempos if t > onset], default=max(piece.end, onset)) - onset


def transposed_key(key: int, semitones: int) -> int:
    """A key class (see ``estimate_song_key.key_class``) moved by ``semitones``; 0 (no key) stays."""
    if key == 0:
        return 0
    mode, tonic = divmod(key - 1, 12)
    return 1 + 12 * mode + (tonic + semitones) % 12
