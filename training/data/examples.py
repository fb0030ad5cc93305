"""Training examples: one piece as features, targets and condition labels, augmented anew each time it is used."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from composer.model.config import CONDITIONS, KEY_UNCONDITIONED
from composer.model.style import StyleModel, draw_style
from composer.planning.conditioning import chord_columns, clock, density_class, strengths, tempo_class
from midi_data.analysis.activity import UNCONDITIONED, Activity, activity_of
from midi_data.analysis.attribute_histograms import (
    COLUMNS,
    FULL,
    HISTOGRAMS_WIDTH,
    attribute_histograms_of,
    time_shift_histogram_of,
    transposed_histograms,
)
from midi_data.analysis.chords import chord_slots, transposed_chords
from midi_data.analysis.excerpts import excerpt
from midi_data.analysis.repetition import (
    NEW,
    TRAINING_PITCH_DROPOUT,
    by_part_class,
    draw_pitch_dropout,
    lag_index,
    part_repetition_of,
    repetition_of,
)
from midi_data.bars import BarGrid
from midi_data.corpus.dataset import Piece
from midi_data.events.encoding import DRUM_PITCH, PART_LIMIT, VOCABULARY, EventSequence, Ints, part_instrument
from midi_data.events.features import LAGS, NONE, StepFeatures, matched_lags, previous_events, step_features
from training.config import AugmentationConfig

Shares = NDArray[np.float64]

_PART_DROPOUT = 0.4
"""Probability that a part's conditions are dropped, if parts are dropped at all."""
CHORD_PITCH_DROPOUT = 0.5
"""Probability that lookback pitches are dropped in a bar with other chords than its source."""
_NO_PART = VOCABULARY["part"]
_HISTOGRAMS_STREAM = 1
"""Second seed of the random numbers of histograms; pitch dropout uses the seed alone."""
_FEWEST_BARS, _ATTRIBUTE_DROPOUT = 0.4, 0.1
"""Smallest share of the bars that histograms are computed from; probability that an attribute is dropped."""


@dataclass(frozen=True, slots=True)
class StyleCodec:
    """A style model and the genre of a piece, as weighted rows of its genre table."""

    model: StyleModel
    genres: dict[int, float]

    def decoded(self, shares: Shares, events: EventSequence, rng: np.random.Generator | None) -> Shares:
        """(P, 255) what the style of ``shares`` decodes to: one drawn from the posterior, its mean without ``rng``."""
        time_shift = time_shift_histogram_of(events) / FULL
        mean, std = self.model.encode(shares, time_shift, events.band, self.genres)
        style = mean if rng is None else draw_style(mean, std, rng)
        return self.model.decode(style, events.band, self.genres).shares


@dataclass(frozen=True, slots=True)
class Names:
    """Rows of the genre and style tables. Style 0 is "any"; others are ``genre/style``."""

    genres: tuple[str, ...]
    styles: tuple[str, ...]
    style_model: StyleModel | None = None
    """If given, histograms are those that a piece's style decodes to, as in composing."""

    def genre_row(self, piece: Piece) -> int:
        """The piece's row in the genre table."""
        return self.genres.index(piece.genre)

    def style_of(self, piece: Piece) -> StyleCodec | None:
        """Encodes and decodes the style of ``piece``; None without a style model."""
        if self.style_model is None:
            return None
        row = self.genre_row(piece)
        return StyleCodec(self.style_model, {row: 1.0} if self.style_model.knows(row) else {})

    def style_row(self, piece: Piece) -> int:
        """The piece's row in the style table; 0 for one that has no row."""
        style = f"{piece.genre}/{piece.style}"
        return self.styles.index(style) if style in self.styles else 0


@dataclass(frozen=True, slots=True)
class Variation:
    """Augmentation of a piece: semitones up, velocity classes up, tempo factor, and the dropped conditions."""

    semitones: int = 0
    velocity: int = 0
    tempo: float = 1.0
    dropped: tuple[str, ...] = (
        "style", "key", "density", "bars_left", "repetition", "activity", "attribute_histograms", "chords",
    )  # fmt: skip
    """By default all but genre, band, tempo and meters: the conditions under which pieces are scored."""
    dropout_seed: int | None = None
    """Seed of pitch dropout, and of the bars and attributes of the histograms; None drops nothing and uses all bars."""
    dropped_parts: int = 0
    """Bit mask over the band: parts whose activity and histograms are dropped."""


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


def draw_variation(rng: np.random.Generator, events: EventSequence, config: AugmentationConfig) -> Variation:
    """A random variation whose transposition keeps every pitch on the keyboard."""
    pitched = events.pitch[events.pitch < DRUM_PITCH]
    low, high = -config.transpose_semitones, config.transpose_semitones - 1
    if len(pitched) and config.transpose_semitones:
        low, high = max(low, -int(pitched.min())), min(high, 127 - int(pitched.max()))
    semitones = int(rng.integers(low, high + 1)) if low < high else 0
    velocity = int(rng.integers(-config.velocity_classes, config.velocity_classes + 1))
    tempo = float(np.exp(rng.uniform(-config.tempo_ratio, config.tempo_ratio)))
    options = Variation().dropped
    dropped = (
        options
        if rng.random() < config.drop_all_conditions
        else tuple(o for o in options if rng.random() < config.drop_one_condition)
    )
    if rng.random() < config.drop_one_condition:
        dropped = (*dropped, "tempo")
    dropout_seed = int(rng.integers(1 << 31))
    return Variation(
        semitones, velocity, tempo, dropped, dropout_seed, _draw_dropped_parts(rng, len(events.band), config)
    )


def _draw_dropped_parts(rng: np.random.Generator, parts: int, config: AugmentationConfig) -> int:
    """Bit mask of dropped parts, often 0. Teaches bands of which the template has only some parts."""
    if rng.random() >= config.drop_one_condition:
        return 0
    return int(sum(1 << part for part in np.flatnonzero(rng.random(parts) < _PART_DROPOUT).tolist()))


def make_example(piece: Piece, events: EventSequence, names: Names, variation: Variation) -> Example:
    """Features, targets and conditions of ``piece``, augmented by ``variation``."""
    grid = BarGrid.of(events.meters, events.end)
    repetition, source_lag = repetition_of(events, grid)
    steps = step_features(events, None if "repetition" in variation.dropped else source_lag)
    target, next_lookback, note = _varied(steps, variation)
    slots = None if "chords" in variation.dropped else chord_slots(events, grid)
    if variation.dropout_seed is not None:
        rng = np.random.default_rng(variation.dropout_seed)
        labels = part_repetition_of(events, grid, repetition, source_lag)
        dropped = draw_pitch_dropout(rng.random(labels.shape), labels, events.band, TRAINING_PITCH_DROPOUT)
        if slots is not None:
            dropped |= chord_pitch_dropout(rng, slots, repetition, source_lag, events.band)
        by_class = by_part_class(dropped, events.band)
        next_lookback, note = drop_pitches(by_class, grid, steps.tick, target, next_lookback, note)
    previous = previous_events(target)
    band = np.zeros(VOCABULARY["part"], dtype=np.bool_)
    band[list(events.band)] = True
    activity = conditioned_activity(events, grid, variation)
    chords = None if slots is None else transposed_chords(slots, variation.semitones)
    return Example(
        previous,
        clock(
            grid,
            steps.tick[:-1],
            length_conditioned="bars_left" not in variation.dropped,
            repetition=None if "repetition" in variation.dropped else repetition,
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
        _labels(piece, events, names, variation),
        band,
        conditioned_histograms(events, grid, variation, names.style_of(piece)),
        np.array([_NO_PART, *events.band, *[_NO_PART] * (PART_LIMIT - len(events.band))]),
    )


def chord_pitch_dropout(
    rng: np.random.Generator, chords: Ints, repetition: Ints, source_lag: Ints, band: tuple[int, ...]
) -> NDArray[np.bool_]:
    """(bars, parts) where a pitched part's lookback pitches are dropped, since the bar and its source differ in chords.

    ``chords`` (bars, 2). The source of a new bar is the bar before. Teaches that chords overrule what was played.
    """
    lags = np.column_stack([np.tile(LAGS[:-1], (len(chords), 1)), source_lag])  # (bars, K)
    lag = np.take_along_axis(lags, lag_index(repetition)[:, None], axis=1)[:, 0]
    source = np.maximum(np.arange(len(chords)) - np.where(repetition > NEW, lag, 1), 0)
    differs = (chords != chords[source]).any(axis=1) & (rng.random(len(chords)) < CHORD_PITCH_DROPOUT)
    pitched = np.array([not part_instrument(part)[1] for part in band], dtype=np.bool_)
    dropped: NDArray[np.bool_] = differs[:, None] & pitched
    return dropped


def slots_of(parts: Ints, band: tuple[int, ...]) -> Ints:
    """Row of ``Conditions.attribute_histograms`` of each of ``parts``: from 1 for parts of ``band``, 0 for none."""
    slots = np.zeros(_NO_PART + 1, dtype=np.int64)
    slots[list(band)] = np.arange(1, len(band) + 1)
    return slots[parts]


def conditioned_histograms(
    events: EventSequence, grid: BarGrid, variation: Variation, codec: StyleCodec | None = None
) -> NDArray[np.float32]:
    """(1 + ``PART_LIMIT``, A) square roots of each part's shares, row 0 for no part; 0 where dropped.

    In training they describe some of the bars and attributes only: full histograms let the network memorise the piece.
    """
    roots = np.zeros((1 + PART_LIMIT, HISTOGRAMS_WIDTH), dtype=np.float32)
    if "attribute_histograms" in variation.dropped or not len(events):
        return roots
    source, missing, rng = events, list[str](), None
    if variation.dropout_seed is not None:
        rng = np.random.default_rng([variation.dropout_seed, _HISTOGRAMS_STREAM])
        source = some_bars(rng, events, grid)
        missing = [attribute for attribute in COLUMNS if rng.random() < _ATTRIBUTE_DROPOUT]
    shares = attribute_histograms_of(source) / FULL
    rows = np.asarray(transposed_histograms(shares, source.band, variation.semitones), dtype=np.float64)
    if codec:
        rows = codec.decoded(rows, source, rng)
    for attribute in missing:
        rows[:, COLUMNS[attribute]] = 0
    if "chords" not in variation.dropped:
        pitched = [row for row, part in enumerate(source.band) if not part_instrument(part)[1]]
        rows[pitched, COLUMNS["tone"]] = 0
    for part, row in zip(source.band, rows, strict=True):
        index = events.band.index(part)
        roots[1 + index] = np.sqrt(row) * (not variation.dropped_parts >> index & 1)
    return roots


def some_bars(rng: np.random.Generator, events: EventSequence, grid: BarGrid) -> EventSequence:
    """Consecutive bars, at least ``_FEWEST_BARS`` of them, with at least one note."""
    count = max(1, round(len(grid) * rng.uniform(_FEWEST_BARS, 1)))
    some = excerpt(events, int(rng.integers(len(grid) - count + 1)), count)
    return some if len(some) else events


def conditioned_activity(events: EventSequence, grid: BarGrid, variation: Variation) -> Activity:
    """(bars, parts of the band) activity, ``UNCONDITIONED`` where dropped."""
    activity = activity_of(events, grid)
    if "activity" in variation.dropped:
        return np.full_like(activity, UNCONDITIONED)
    dropped = [part for part in range(activity.shape[1]) if variation.dropped_parts >> part & 1]
    activity[:, dropped] = UNCONDITIONED
    return activity


def _spread(activity: Activity, band: tuple[int, ...]) -> Activity:
    """(bars, V_part): ``activity`` at the classes of the band's parts."""
    spread = np.full((len(activity), VOCABULARY["part"]), UNCONDITIONED, dtype=np.uint8)
    spread[:, list(band)] = activity
    return spread


def _varied(steps: StepFeatures, variation: Variation) -> tuple[Ints, Ints, Ints]:
    target, next_lookback, note = steps.target.copy(), steps.next.copy(), steps.note.copy()
    for pitch in (target[:, 2], next_lookback[:, :, 2], note[:, :, 0]):
        pitched = pitch < DRUM_PITCH
        moved = pitch[pitched] + variation.semitones
        # A motif may lead off the keyboard where no note of the piece does.
        pitch[pitched] = np.where((moved >= 0) & (moved < DRUM_PITCH), moved, NONE["pitch"])
    if variation.velocity:
        top = VOCABULARY["velocity"] - 1
        for velocity in (target[:, 4], note[:, :, 2]):
            real = velocity <= top
            velocity[real] = np.clip(velocity[real] + variation.velocity, 0, top)
    return target, next_lookback, note


def drop_pitches(
    dropped: NDArray[np.bool_], grid: BarGrid, tick: Ints, target: Ints, next_lookback: Ints, note: Ints
) -> tuple[Ints, Ints]:
    """``next_lookback`` and ``note`` without the pitches of the parts in ``dropped`` (bars, part classes + none)."""
    before, after = grid.bar_of(tick[:-1]), grid.bar_of(tick[1:])
    next_lookback, note = next_lookback.copy(), note.copy()
    next_lookback[dropped[before[:, None], next_lookback[:, :, 1]], 2] = NONE["pitch"]
    note[dropped[after, target[:, 1]], : len(LAGS), 0] = NONE["pitch"]
    return next_lookback, note


def _labels(piece: Piece, events: EventSequence, names: Names, variation: Variation) -> Ints:
    bpm = max(piece.tempos, key=lambda tempo: _ticks_in_force(piece, tempo[0]))[1]
    labels = {
        "genre": names.genre_row(piece),
        "style": names.style_row(piece),
        "tempo": tempo_class(bpm * variation.tempo),
        "key": transposed_key(piece.key, variation.semitones),
        "density": density_class(len(events), events.end),
    }
    labels |= {name: KEY_UNCONDITIONED if name == "key" else 0 for name in variation.dropped if name in labels}
    return np.array([labels[name] for name in CONDITIONS], dtype=np.int64)


def _ticks_in_force(piece: Piece, onset: int) -> int:
    """Ticks during which the tempo set at ``onset`` is in force."""
    return min([t for t, _ in piece.tempos if t > onset], default=max(piece.end, onset)) - onset


def transposed_key(key: int, semitones: int) -> int:
    """A key class (see ``estimate_song_key.key_class``) moved by ``semitones``; 0 (no key) stays."""
    if key == 0:
        return 0
    mode, tonic = divmod(key - 1, 12)
    return 1 + 12 * mode + (tonic + semitones) % 12
