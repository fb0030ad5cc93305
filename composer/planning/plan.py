"""Plans: everything that is decided before the first note, from a request and a template drawn by the seed.

p(song) = p(plan | genre) · p(notes | plan). What the request leaves open is taken from an excerpt of a training piece
(``composer.planning.template``).
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from composer.decoding.masks import PartMasks, instrument_masks, template_masks
from composer.errors import RefusedError
from composer.model.checkpoint import Checkpoint
from composer.model.config import CONDITIONS, KEY_UNCONDITIONED
from composer.planning.chords import (
    ASKED_CHORD_STRENGTH,
    asked_chords,
    key_of_chords,
    masks_with_chords,
    planned_chords,
    without_tones,
)
from composer.planning.conditioning import tempo_class
from composer.planning.template import (
    TONICS,
    Shares,
    Template,
    activity_for,
    draw_excerpt,
    draw_template,
    facts_of,
    mode_of_row,
    part_repetition_for,
    template_histograms,
)
from composer.request import HIGHEST_SEED, ComposeRequest, PartRequest, Sampling
from midi_data.analysis.activity import UNCONDITIONED, Activity
from midi_data.analysis.attribute_histograms import FULL
from midi_data.analysis.repetition import draw_pitch_dropout
from midi_data.events.encoding import Ints, encode, part_code
from midi_data.events.features import step_features
from midi_data.genres import GENRES
from midi_data.keys import Key
from midi_data.song import TICKS_PER_QUARTER, Meter, Song

COMPOSING_PITCH_DROPOUT = (0.7, 0.1, 0.0, 0.0)
"""Probability that the lookback pitches of a pitched part are dropped in a bar, by similarity level. With less dropout
songs repeat more than real pieces do."""
_PLAN_STREAM = 1
"""Second seed of the plan's random numbers; notes use the seed alone."""

_GENRES = {genre.name: genre for genre in GENRES}


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """Everything a song is conditioned on, drawn or given before the first note.

    ``repetition``, ``source_lag`` (bars,) and ``part_repetition`` (bars, parts): labels of
    ``midi_data.analysis.repetition``. ``pitch_dropout`` (bars,): parts whose lookback pitches are dropped in each bar.
    ``activity`` (bars, parts): bins of ``midi_data.analysis.activity``. ``attribute_histograms``: part class → (255,)
    shares; ``time_shift_histogram`` (21,). ``labels``: for each of ``CONDITIONS`` its (row, weight) pairs.
    ``temperature``, ``repetition_strength``: the genre's own (``composer.model.checkpoint.Header``). ``primer``: events
    that the song begins with. ``chords`` (bars, 2): classes of ``midi_data.chords``, ``None`` unconditioned;
    ``chord_strength``: factor on the bias of ``composer.decoding.chord_bias``.
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
    time_shift_histogram: Shares
    key: Key | None
    labels: tuple[tuple[tuple[int, float], ...], ...]
    randomness: float
    temperature: float
    repetition_strength: float
    sampling: Sampling
    primer: tuple[tuple[int, ...], ...] = ()


def plan_song(request: ComposeRequest, checkpoint: Checkpoint, primer: Song | None = None) -> Plan:
    """The plan of a request. Raises ``RefusedError`` for a genre that the checkpoint does not have."""
    rows = genre_rows(request, checkpoint)
    seed = request.seed if request.seed is not None else secrets.randbelow(HIGHEST_SEED + 1)
    generator = np.random.Generator(np.random.PCG64([seed, _PLAN_STREAM]))
    asked = band_of(request.band) if request.band else primer_band(primer) if primer else None
    leading = leading_genre(request, generator)
    core = core_of(leading)
    wanted_key = Key(request.key.tonic, request.key.mode) if request.key else key_of_chords(request)
    mode = wanted_key.mode if wanted_key else None
    chosen = draw_template(checkpoint.templates, leading, rows[leading], asked, generator, core, mode)
    facts = facts_of(checkpoint.templates[chosen])
    genre = max(request.genres, key=lambda name: request.genres[name])
    tempo = round(
        request.tempo_bpm or (primer.tempo_bpm if primer else own_tempo(genre, facts["tempo_bpm"], generator)), 2
    )
    meter = meter_for(primer, facts)
    bars = bars_for(request.length_seconds, tempo, meter)
    template = draw_excerpt(checkpoint, chosen, bars, generator, core)
    band = asked or template.band
    key_row, key = key_for(wanted_key, facts["key"], conditioned=primer is None)
    activity, part_repetition = activity_for(template, band), part_repetition_for(template, band)
    chords = given_chords = asked_chords(request, bars, meter)
    if chords is None and primer is None:
        form = template.repetition, template.source_lag, activity.astype(np.int64)
        genres = {rows[name]: weight for name, weight in request.genres.items()}
        chords = planned_chords(checkpoint, genres, band, form, meter, tempo, key_row, seed)
    labels = {
        "genre": tuple((rows[name], weight) for name, weight in request.genres.items()),
        "style": style_rows(request, checkpoint, facts["style"]),
        "tempo": ((tempo_class(tempo), 1.0),),
        "key": ((key_row, 1.0),),
        "density": ((facts["density"] if primer is None and not request.band else 0, 1.0),),
    }
    return Plan(
        title=request.title,
        genre=genre_label(request),
        seed=seed,
        tempo_bpm=tempo,
        meter=meter,
        bars=bars,
        band=band,
        repetition=tuple(template.repetition.tolist()),
        source_lag=tuple(template.source_lag.tolist()),
        part_repetition=part_repetition,
        pitch_dropout=pitch_dropout_for(generator, part_repetition, band),
        activity=np.full_like(activity, UNCONDITIONED) if primer else activity,
        chords=chords,
        chord_strength=1.0 if given_chords is None else ASKED_CHORD_STRENGTH,
        masks=instrument_masks(band) if primer else masks_with_chords(masks_for(template, band, key), chords),
        attribute_histograms={} if primer else without_tones(histograms_for(template, band, key), chords),
        time_shift_histogram=template.time_shift_histogram / FULL * (band == template.band and not primer),
        key=key,
        labels=tuple(labels[name] for name in CONDITIONS),
        randomness=request.randomness,
        temperature=_blended(checkpoint.header.temperatures, request),
        repetition_strength=_blended(checkpoint.header.repetition_strength, request),
        sampling=request.sampling,
        primer=primer_events(primer, meter, bars) if primer else (),
    )


def _blended(of_genres: dict[str, float], request: ComposeRequest) -> float:
    """Weighted mean of ``of_genres`` over the requested genres; 1 for missing ones."""
    return sum(weight * of_genres.get(name, 1.0) for name, weight in request.genres.items())


def meter_for(primer: Song | None, facts: dict[str, int]) -> Meter:
    """The primer's first meter, or the template's."""
    if primer:
        return Meter(0, primer.meters[0].numerator, primer.meters[0].denominator)
    return Meter(0, facts["numerator"], facts["denominator"])


def masks_for(template: Template, band: tuple[int, ...], key: Key | None) -> PartMasks:
    """The template's masks, transposed to the requested ``key`` by at most six semitones."""
    semitones, same_mode = moved_to(key, template)
    return template_masks(
        band, template.parts, template.masks, template.attribute_histograms, semitones, in_scale=same_mode
    )


def histograms_for(template: Template, band: tuple[int, ...], key: Key | None) -> dict[int, Shares]:
    """Part class → (255,) shares of the template's notes, transposed likewise."""
    semitones, same_mode = moved_to(key, template)
    return template_histograms(band, template.parts, template.attribute_histograms, semitones, same_mode=same_mode)


def moved_to(key: Key | None, template: Template) -> tuple[int, bool]:
    """(semitones from the template's key to ``key``, whether both have the same mode); (0, True) without ``key``."""
    if key is None:
        return 0, True
    row = template.facts["key"]
    mode = mode_of_row(row)
    semitones = (key.tonic - (row - 1) % TONICS + 6) % TONICS - 6 if mode else 0
    return semitones, mode == key.mode


def pitch_dropout_for(
    generator: np.random.Generator, part_repetition: Activity, band: tuple[int, ...]
) -> tuple[frozenset[int], ...]:
    """(bars,) parts of ``band`` whose lookback pitches are dropped; ``part_repetition`` (bars, parts)."""
    dropped = draw_pitch_dropout(generator, part_repetition, band, COMPOSING_PITCH_DROPOUT)
    return tuple(frozenset(np.array(band)[row].tolist()) for row in dropped)


def genre_rows(request: ComposeRequest, checkpoint: Checkpoint) -> dict[str, int]:
    """Row in the genre table of each requested genre. Raises ``RefusedError`` for one that is missing."""
    known = checkpoint.header.genres
    for name in request.genres:
        if name not in known:
            raise RefusedError(f'I don\'t know "{name}". This checkpoint plays: {", ".join(known)}')
    return {name: known.index(name) for name in request.genres}


def genre_label(request: ComposeRequest) -> str:
    """``heavy-metal``, or ``heavy-metal:0.7+jazz:0.3`` for a blend."""
    if len(request.genres) == 1:
        return next(iter(request.genres))
    return "+".join(f"{name}:{weight:.2g}" for name, weight in request.genres.items())


def leading_genre(request: ComposeRequest, generator: np.random.Generator) -> str:
    """The genre of the template; of a blend drawn by weight."""
    names = list(request.genres)
    if len(names) == 1:
        return names[0]
    weights = np.array([request.genres[name] for name in names])
    return names[int(generator.choice(len(names), p=weights / weights.sum()))]


def core_of(genre: str) -> list[str]:
    """The roles that every band of a genre has."""
    return sorted(_GENRES[genre].core) if genre in _GENRES else []


def band_of(parts: Sequence[PartRequest]) -> tuple[int, ...]:
    """Part classes of a requested band; an instrument that is named twice is two parts."""
    seen: Counter[tuple[int, bool]] = Counter()
    band = set()
    for part in parts:
        instrument = (0 if part.is_drum else part.program, part.is_drum)
        band.add(part_code(*instrument[:1], is_drum=part.is_drum, occurrence=0 if part.is_drum else seen[instrument]))
        seen[instrument] += 1
    return tuple(sorted(band))


def own_tempo(genre: str, bpm: int, generator: np.random.Generator) -> float:
    """The template's tempo ``bpm`` if it is within the genre's range, else one drawn from the range, in whole BPM."""
    low, high = _GENRES[genre].tempo_range_bpm if genre in _GENRES else (40, 300)
    return float(bpm) if low <= bpm <= high else float(generator.integers(low, high + 1))


def bars_for(seconds: float, tempo_bpm: float, meter: Meter) -> int:
    """Number of bars nearest to ``seconds``, at least one."""
    quarters = seconds * tempo_bpm / 60
    return max(1, round(quarters * TICKS_PER_QUARTER / meter.bar_ticks))


def key_for(wanted: Key | None, template_key: int, *, conditioned: bool) -> tuple[int, Key | None]:
    """Row of the key condition and the key ``wanted``; else the template's row, unconditioned for a primer."""
    if wanted:
        return 1 + wanted.tonic + 12 * (wanted.mode == "minor"), wanted
    return (template_key if conditioned and template_key > 0 else KEY_UNCONDITIONED), None


def style_rows(request: ComposeRequest, checkpoint: Checkpoint, template_style: int) -> tuple[tuple[int, float], ...]:
    """(row, weight) of the template's style; for a blend 0 ("any"), since a style belongs to one genre."""
    return (
        (template_style if len(request.genres) == 1 and template_style < len(checkpoint.header.styles) else 0, 1.0),
    )


def primer_band(primer: Song) -> tuple[int, ...]:
    """Part classes of a primer."""
    return encode(primer).band


def primer_events(primer: Song, meter: Meter, bars: int) -> tuple[tuple[int, ...], ...]:
    """The primer's events in the first half of the song; the rest is generated."""
    steps = step_features(encode(primer))
    stop = bars * meter.bar_ticks // 2
    count = int((steps.tick[1:-1] < stop).sum())
    return tuple(tuple(row) for row in steps.target[:count].tolist())
