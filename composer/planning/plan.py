"""Plans: everything that is decided before the first note, from a request and an outline drawn by the seed.

p(song) = p(plan | genre) · p(notes | plan).
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

import numpy as np

from composer.decoding.masks import PartMasks, instrument_masks
from composer.decoding.parameters import ASKED_CHORD_STRENGTH, PITCH_DROPOUT
from composer.exact import RandomNumbers, RandomStream
from composer.model.checkpoint import Checkpoint
from composer.model.config import CONDITIONS
from composer.planning.conditioning import tempo_class
from composer.planning.draw import draw_outline
from composer.planning.form import Shares
from composer.planning.outline import Facts, Outline, played_again
from composer.planning.requested import asked_key, bars_for, genre_label, genre_rows
from composer.request import HIGHEST_SEED, ComposeRequest, Sampling
from midi_data.analysis.activity import UNCONDITIONED, Activity
from midi_data.analysis.repetition import draw_pitch_dropout
from midi_data.events.encoding import EventSequence, Ints, encode
from midi_data.events.features import step_features
from midi_data.keys import Key
from midi_data.song import Meter, Song

_PLAN_STREAM = 1
"""Second seed of the plan's random numbers; notes use the seed alone."""
_VARIATION_STREAM = 3
"""Second seed of the notes of a variation. Expression (``composer.decoding.expression``) has 2."""


@dataclass(frozen=True, slots=True)
class Given:
    """Notes of a song in which only the parts ``sampled`` are composed.

    ``events``: (onset in ticks, part, pitch, duration, velocity), the last four as classes, sorted.
    """

    events: tuple[tuple[int, ...], ...]
    sampled: frozenset[int]


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """Everything a song is conditioned on, drawn or given before the first note.

    ``repetition``, ``source_lag`` (bars,) and ``part_repetition`` (bars, parts): labels of
    ``midi_data.analysis.repetition``. ``pitch_dropout`` (bars,): parts whose lookback pitches are dropped in each bar.
    ``activity`` (bars, parts): bins of ``midi_data.analysis.activity``. ``attribute_histograms``: part class → (255,)
    shares. ``labels``: for each of ``CONDITIONS`` its (row, weight) pairs.
    ``temperature``, ``motif_bonus``: the genre's own (``composer.model.checkpoint.Header``). ``primer``: events
    that the song begins with; ``kept_ticks``: how long they last where their exact notes are kept. ``given``: notes of
    parts that are not composed. ``variation``: other notes over the same plan. ``chords`` (bars, 2): classes of
    ``midi_data.chords``, ``None`` unconditioned; ``chord_strength``: factor on the bias of
    ``composer.decoding.biases.ChordBias``.
    """

    title: str
    genre: str
    seed: int
    tempo_bpm: float
    meter: Meter
    bars: int
    band: tuple[int, ...]
    repetition: tuple[int, ...]
    source_lag: tuple[int, ...]
    part_repetition: Activity
    pitch_dropout: tuple[frozenset[int], ...]
    activity: Activity
    chords: Ints | None
    chord_strength: float
    masks: PartMasks
    attribute_histograms: dict[int, Shares]
    key: Key | None
    labels: tuple[tuple[tuple[int, float], ...], ...]
    randomness: float
    temperature: float
    motif_bonus: float
    sampling: Sampling
    primer: tuple[tuple[int, ...], ...] = ()
    kept_ticks: int = 0
    given: Given | None = None
    variation: int = 0

    @property
    def note_seed(self) -> list[int]:
        """The seed of the notes' random numbers."""
        return [self.seed, _VARIATION_STREAM, self.variation] if self.variation else [self.seed]


def plan_song(
    request: ComposeRequest, checkpoint: Checkpoint, primer: Song | None = None, outline: Outline | None = None
) -> Plan:
    """The plan of a request; ``outline`` is drawn unless given, and the chords of a given one are obeyed as asked ones.

    Raises ``RefusedError`` for a genre that the checkpoint does not have.
    """
    rows = genre_rows(request, checkpoint)
    seed = request.seed if request.seed is not None else secrets.randbelow(HIGHEST_SEED + 1)
    generator = RandomStream(seed, _PLAN_STREAM)
    obeyed = bool(request.chords) or outline is not None
    outline = outline or _drawn(request, checkpoint, generator, primer)
    facts, band = outline.facts, outline.band
    return Plan(
        title=request.title,
        genre=genre_label(request),
        seed=seed,
        tempo_bpm=facts.tempo_bpm,
        meter=facts.meter,
        bars=facts.bars,
        band=band,
        repetition=tuple(outline.repetition.tolist()),
        source_lag=tuple(outline.source_lag.tolist()),
        part_repetition=outline.part_repetition,
        pitch_dropout=pitch_dropout_for(generator, outline.part_repetition, band),
        activity=np.full_like(outline.activity, UNCONDITIONED) if primer else outline.activity,
        chords=outline.chords,
        chord_strength=ASKED_CHORD_STRENGTH if obeyed else 1.0,
        masks=instrument_masks(band) if primer else outline.masks,
        attribute_histograms={} if primer else outline.attribute_histograms,
        key=asked_key(request),
        labels=_labels(request, rows, facts, primer),
        randomness=request.randomness,
        temperature=_blended(checkpoint.header.temperatures, request, 1.0),
        motif_bonus=_blended(checkpoint.header.motif_bonus, request, 0.0),
        sampling=request.sampling,
        primer=primer_events(encode(primer), facts.bars * facts.meter.bar_ticks // 2) if primer else (),
        variation=request.variation,
    )


def _drawn(request: ComposeRequest, checkpoint: Checkpoint, generator: RandomNumbers, primer: Song | None) -> Outline:
    """The outline of ``request``; a song that is longer than its chart plays the chart again from the top."""
    if request.chart_seconds is None:
        return draw_outline(request, checkpoint, generator, primer)
    chart = request.model_copy(update={"length_seconds": request.chart_seconds})
    outline = draw_outline(chart, checkpoint, generator, primer)
    return played_again(outline, bars_for(request.length_seconds, outline.facts.tempo_bpm, outline.facts.meter))


def _labels(
    request: ComposeRequest, rows: dict[str, int], facts: Facts, primer: Song | None
) -> tuple[tuple[tuple[int, float], ...], ...]:
    """For each of ``CONDITIONS`` its (row, weight) pairs."""
    labels = {
        "genre": tuple((rows[name], weight) for name, weight in request.genres.items()),
        "style": ((facts.style, 1.0),),
        "tempo": ((tempo_class(facts.tempo_bpm), 1.0),),
        "key": ((facts.key, 1.0),),
        "density": ((0 if primer else facts.density, 1.0),),
    }
    return tuple(labels[name] for name in CONDITIONS)


def _blended(of_genres: dict[str, float], request: ComposeRequest, missing: float) -> float:
    """Weighted mean of ``of_genres`` over the requested genres; ``missing`` for those that are not in it."""
    return sum(weight * of_genres.get(name, missing) for name, weight in request.genres.items())


def pitch_dropout_for(
    generator: RandomNumbers, part_repetition: Activity, band: tuple[int, ...]
) -> tuple[frozenset[int], ...]:
    """(bars,) parts of ``band`` whose lookback pitches are dropped; ``part_repetition`` (bars, parts)."""
    uniform = generator.random(part_repetition.shape)
    dropped = draw_pitch_dropout(uniform, part_repetition, band, (*PITCH_DROPOUT, 0.0, 0.0))
    return tuple(frozenset(np.array(band)[row].tolist()) for row in dropped)


def primer_events(primer: EventSequence, stop: int) -> tuple[tuple[int, ...], ...]:
    """The primer's events before the tick ``stop``; the rest of the song is generated."""
    steps = step_features(primer)
    count = int((steps.tick[1:-1] < stop).sum())
    return tuple(tuple(row) for row in steps.target[:count].tolist())
