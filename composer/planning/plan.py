"""What is settled before the first note: seed, genre, band, tempo, meter, key, length. The band comes first.

p(song) = p(plan | genre) · p(notes | plan). Whatever nobody asked for is drawn, by the seed, from the lineups of the
pieces that the checkpoint learned from: a band that played together once plays together again.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from composer.decoding.histogram_bias import Row, template_histograms
from composer.decoding.masks import PartMasks, instrument_masks, template_masks
from composer.errors import RefusedError
from composer.model.checkpoint import Checkpoint
from composer.model.config import CONDITIONS, KEY_UNCONDITIONED
from composer.planning.conditioning import tempo_class
from composer.planning.template import (
    TONICS,
    Template,
    arranged,
    draw_excerpt,
    draw_template,
    facts_of,
    mode_of_row,
    part_repetition_for,
)
from composer.request import HIGHEST_SEED, ComposeRequest, PartRequest, Sampling
from midi_data.analysis.activity import UNCONDITIONED, Activity
from midi_data.analysis.attribute_histograms import FULL
from midi_data.analysis.repetition import similarity_level
from midi_data.events.encoding import Ints, encode, part_code, part_instrument
from midi_data.events.features import step_features
from midi_data.genres import GENRES
from midi_data.keys import Key
from midi_data.song import TICKS_PER_QUARTER, Meter, Song

HIDING = (0.7, 0.1, 0.0, 0.0)
"""Probability that the lookback pitches of a pitched part are dropped in a bar, by its similarity level (new, varied,
nearly the same, the same). With less dropout songs repeat more than real pieces do. Onsets are never dropped."""
_PLAN_STREAM = 1
"""Distinguishes the plan's random numbers from the notes'."""

_GENRES = {genre.name: genre for genre in GENRES}


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """Everything a song is conditioned on, drawn or given before the first note.

    ``repetition``, ``source_lag`` (bars,) and ``part_repetition`` (bars, parts): labels of
    ``midi_data.analysis.repetition``. ``pitch_dropout`` (bars,): parts whose lookback pitches are dropped in each bar.
    ``activity`` (bars, parts): bins of ``midi_data.analysis.activity``. ``attribute_histograms``: part class → (255,)
    shares; ``time_shift_histogram`` (21,). ``labels``: for each of ``CONDITIONS`` its (row, weight) pairs.
    ``temperature``, ``repetition_strength``: the genre's own (``composer.model.checkpoint.Header``). ``primer``: events
    that the song begins with.
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
    masks: PartMasks
    attribute_histograms: dict[int, Row]
    time_shift_histogram: Row
    key: Key | None
    labels: tuple[tuple[tuple[int, float], ...], ...]
    randomness: float
    temperature: float
    repetition_strength: float
    sampling: Sampling
    primer: tuple[tuple[int, ...], ...] = ()


def plan_song(request: ComposeRequest, checkpoint: Checkpoint, primer: Song | None = None) -> Plan:
    """Settle a request. Raises ``RefusedError`` for a genre the checkpoint does not know."""
    rows = genre_rows(request, checkpoint)
    seed = request.seed if request.seed is not None else secrets.randbelow(HIGHEST_SEED + 1)
    generator = np.random.Generator(np.random.PCG64([seed, _PLAN_STREAM]))
    asked = band_of(request.band) if request.band else primer_band(primer) if primer else None
    leading = leading_genre(request, generator)
    core = core_of(leading)
    mode = request.key.mode if request.key else None
    chosen = draw_template(checkpoint.templates, leading, rows[leading], asked, generator, core, mode)
    facts = facts_of(checkpoint.templates[chosen])
    genre = max(request.genres, key=lambda name: request.genres[name])
    tempo = round(
        request.tempo_bpm or (primer.tempo_bpm if primer else own_tempo(genre, facts["tempo_bpm"], generator)), 2
    )
    meter = meter_for(primer, facts)
    bars = bars_for(request.length_seconds, tempo, meter)
    heard = draw_excerpt(checkpoint, chosen, bars, generator, core)
    band = asked or heard.band
    key_row, key = key_for(request, facts["key"], told=primer is None)
    activity, part_repetition = arranged(heard, band), part_repetition_for(heard, band)
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
        repetition=tuple(heard.repetition.tolist()),
        source_lag=tuple(heard.source_lag.tolist()),
        part_repetition=part_repetition,
        pitch_dropout=pitch_dropout_for(generator, part_repetition, band),
        activity=np.full_like(activity, UNCONDITIONED) if primer else activity,
        chords=None,
        masks=instrument_masks(band) if primer else masks_for(heard, band, key),
        attribute_histograms={} if primer else histograms_for(heard, band, key),
        time_shift_histogram=heard.time_shift_histogram / FULL * (band == heard.band and not primer),
        key=key,
        labels=tuple(labels[name] for name in CONDITIONS),
        randomness=request.randomness,
        temperature=_blended(checkpoint.header.temperatures, request),
        repetition_strength=_blended(checkpoint.header.repetition_strength, request),
        sampling=request.sampling,
        primer=primer_events(primer, meter, bars) if primer else (),
    )


def _blended(of_genres: dict[str, float], request: ComposeRequest) -> float:
    """The asked genres' own numbers by their weights; 1 for a genre without one."""
    return sum(weight * of_genres.get(name, 1.0) for name, weight in request.genres.items())


def meter_for(primer: Song | None, facts: dict[str, int]) -> Meter:
    """The primer's first meter, or the lineup's."""
    if primer:
        return Meter(0, primer.meters[0].numerator, primer.meters[0].denominator)
    return Meter(0, facts["numerator"], facts["denominator"])


def masks_for(heard: Template, band: tuple[int, ...], key: Key | None) -> PartMasks:
    """The stretch's habits, moved to the asked ``key`` by at most six semitones."""
    semitones, same_mode = moved_to(key, heard)
    return template_masks(band, heard.parts, heard.masks, heard.attribute_histograms, semitones, in_scale=same_mode)


def histograms_for(heard: Template, band: tuple[int, ...], key: Key | None) -> dict[int, Row]:
    """The stretch's tendencies, moved likewise."""
    semitones, same_mode = moved_to(key, heard)
    return template_histograms(band, heard.parts, heard.attribute_histograms, semitones, same_mode=same_mode)


def moved_to(key: Key | None, heard: Template) -> tuple[int, bool]:
    """(semitones from the heard piece's key to the asked one, whether both have one mode); (0, true) if none is."""
    if key is None:
        return 0, True
    row = heard.facts["key"]
    mode = mode_of_row(row)
    semitones = (key.tonic - (row - 1) % TONICS + 6) % TONICS - 6 if mode else 0
    return semitones, mode == key.mode


def pitch_dropout_for(
    generator: np.random.Generator, part_repetition: Activity, band: tuple[int, ...]
) -> tuple[frozenset[int], ...]:
    """The pitched parts not shown their pitches, bar by bar, drawn by their forms (bars, parts of the band)."""
    pitched = np.array([not part_instrument(part)[1] for part in band])
    gone = pitched & (
        generator.random(part_repetition.shape) < np.asarray(HIDING)[similarity_level(part_repetition.astype(np.int64))]
    )
    return tuple(frozenset(np.array(band)[row].tolist()) for row in gone)


def genre_rows(request: ComposeRequest, checkpoint: Checkpoint) -> dict[str, int]:
    """The genre table's row of each asked genre. Raises ``RefusedError`` for one that is not there."""
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
    """The genre whose piece lends the arrangement: of a blend, each as often as its weight says."""
    names = list(request.genres)
    if len(names) == 1:
        return names[0]
    weights = np.array([request.genres[name] for name in names])
    return names[int(generator.choice(len(names), p=weights / weights.sum()))]


def core_of(genre: str) -> list[str]:
    """The roles that a genre's band does not go without."""
    return sorted(_GENRES[genre].core) if genre in _GENRES else []


def band_of(parts: Sequence[PartRequest]) -> tuple[int, ...]:
    """Part classes of an asked band; the same instrument twice is two parts."""
    seen: Counter[tuple[int, bool]] = Counter()
    band = set()
    for part in parts:
        instrument = (0 if part.is_drum else part.program, part.is_drum)
        band.add(part_code(*instrument[:1], is_drum=part.is_drum, occurrence=0 if part.is_drum else seen[instrument]))
        seen[instrument] += 1
    return tuple(sorted(band))


def own_tempo(genre: str, bpm: int, generator: np.random.Generator) -> float:
    """A lineup's tempo where the genre's range holds it, else one drawn from the range; whole beats a minute."""
    low, high = _GENRES[genre].tempo_range_bpm if genre in _GENRES else (40, 300)
    return float(bpm) if low <= bpm <= high else float(generator.integers(low, high + 1))


def bars_for(seconds: float, tempo_bpm: float, meter: Meter) -> int:
    """Whole bars nearest to ``seconds``, at least one."""
    quarters = seconds * tempo_bpm / 60
    return max(1, round(quarters * TICKS_PER_QUARTER / meter.bar_ticks))


def key_for(request: ComposeRequest, template_key: int, *, told: bool) -> tuple[int, Key | None]:
    """The key condition's row and the key, asked for or the lineup's; untold for a primer, which has its own."""
    if request.key:
        key = Key(request.key.tonic, request.key.mode)
        return 1 + key.tonic + 12 * (key.mode == "minor"), key
    return (template_key if told and template_key > 0 else KEY_UNCONDITIONED), None


def style_rows(request: ComposeRequest, checkpoint: Checkpoint, template_style: int) -> tuple[tuple[int, float], ...]:
    """The lineup's style for one genre; for a blend "any", so that no one source rules."""
    return (
        (template_style if len(request.genres) == 1 and template_style < len(checkpoint.header.styles) else 0, 1.0),
    )


def primer_band(primer: Song) -> tuple[int, ...]:
    """The parts that a primer plays."""
    return encode(primer).band


def primer_events(primer: Song, meter: Meter, bars: int) -> tuple[tuple[int, ...], ...]:
    """The primer's events up to half of the song: it is a beginning to go on from."""
    steps = step_features(encode(primer))
    stop = bars * meter.bar_ticks // 2
    count = int((steps.tick[1:-1] < stop).sum())
    return tuple(tuple(row) for row in steps.target[:count].tolist())
