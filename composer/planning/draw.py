"""Draws the outline of a song: style and band, then tempo, meter and key, then chart and style.

    p(outline) = p(band | genre) · p(facts | genre) · p(chart | band, facts, genre) · p(style | band, genre)

Bands and charts are redrawn until the genre's core roles play enough (rejection sampling).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from composer.exact import RandomNumbers, draw_index, softmax_weights
from composer.model.checkpoint import Checkpoint
from composer.model.style import StyleModel
from composer.planning.chart import Chart, ChartConditions, ChartSampling, Planner
from composer.planning.chords import asked_chords
from composer.planning.conditioning import density_class, tempo_class
from composer.planning.form import FEWEST_NOTES_A_BAR, TONICS, filled, mode_of_row, plays_role
from composer.planning.instrumentation import Instrumentation, renumbered
from composer.planning.outline import Facts, Outline
from composer.planning.pooled import PooledStatistics
from composer.planning.requested import (
    asked_band,
    asked_key,
    bars_for,
    core_of,
    genre_rows,
    key_row,
    leading_genre,
    tempo_range,
)
from composer.planning.style_masks import style_masks
from composer.request import ComposeRequest
from midi_data.analysis.activity import RESTS, TYPICAL_NOTES
from midi_data.analysis.chords import split_of
from midi_data.bars import meter_class
from midi_data.events.encoding import Ints, part_code, part_instrument
from midi_data.song import Meter, Song

BANDS, CHARTS = 64, 8
"""Most draws of a band and of a chart."""
CORE_SHARE = 0.7
"""Share of the bars in which every core role plays."""
MOST_WITHOUT_CHORD = 0.5
"""Largest share of chord slots without a chord."""
_ROLE_PARTS = {
    "drums": part_code(0, is_drum=True),
    "bass": part_code(33, is_drum=False),
    "guitar": part_code(25, is_drum=False),
    "distorted guitar": part_code(30, is_drum=False),
}
"""Part that a band gets for a core role if no draw has it."""


def draw_outline(
    request: ComposeRequest, checkpoint: Checkpoint, generator: RandomNumbers, primer: Song | None
) -> Outline:
    """An outline that the request allows. Raises ``RefusedError`` for a genre that the checkpoint does not have."""
    rows = genre_rows(request, checkpoint)
    weights = {rows[name]: weight for name, weight in request.genres.items()}
    leading = leading_genre(request, generator)
    asked, core = asked_band(request, primer), core_of(leading)
    style, band = draw_band(Instrumentation(checkpoint.instrumentation), weights, asked, core, generator)
    facts = draw_facts(request, checkpoint, leading, style, generator, primer)
    chords = asked_chords(request, facts.bars, facts.meter)
    bias = sum(share * checkpoint.header.new_bar_bias.get(name, 0.0) for name, share in request.genres.items())
    sampling = ChartSampling(new_bar_bias=bias)
    chart = draw_chart(
        Planner(checkpoint.planner), chart_conditions(weights, band, facts), chords, core, generator, sampling
    )
    if not asked:
        chart, band = _without_silent_parts(chart, band)
    pitched = any(not part_instrument(part)[1] for part in band)
    made = _with_style(checkpoint, weights, facts, band, chart, generator)
    labels, activity = PooledStatistics.of(checkpoint.pooled).draw_part_repetition(
        rows[leading], band, chart.repetition, chart.source_lag, made.activity, chart.chords, generator
    )
    drawn = chart.chords if pitched and not primer else chords
    return replace(made, part_repetition=labels, activity=activity, chords=drawn)


def _with_style(
    checkpoint: Checkpoint,
    genres: Mapping[int, float],
    facts: Facts,
    band: tuple[int, ...],
    chart: Chart,
    generator: RandomNumbers,
) -> Outline:
    """``chart`` for ``band`` with a style of the genres' prior, and the density that its activity states."""
    activity = filled(chart.activity.astype(np.uint8))
    notes = round(float(TYPICAL_NOTES[activity].sum()))
    model = StyleModel(checkpoint.style)
    style = model.decode(model.sample(genres, band, generator), band, genres)
    return Outline(
        replace(facts, density=density_class(notes, facts.bars * facts.meter.bar_ticks)),
        band,
        chart.repetition,
        chart.source_lag,
        np.zeros_like(activity),
        activity,
        chart.chords,
        style_masks(band, style),
        dict(zip(band, style.shares, strict=True)),
    )


def draw_band(
    model: Instrumentation,
    genres: Mapping[int, float],
    asked: tuple[int, ...] | None,
    core: Sequence[str],
    generator: RandomNumbers,
) -> tuple[int, tuple[int, ...]]:
    """Row of a corpus style, and the band: the one ``asked`` for, or one with all ``core`` roles."""
    shares = model.styles_of(genres)
    styles, prior = list(shares), np.array(list(shares.values()))
    if asked:
        likelihood = [model.log_probability_in(asked, genres, style) for style in styles]
        return styles[draw_index(prior * softmax_weights(likelihood), generator)], asked
    for _ in range(BANDS):
        style = styles[draw_index(prior, generator)]
        band = renumbered(model.sample(genres, style, generator))
        missing = [role for role in core if not any(plays_role(part, role) for part in band)]
        if not missing:
            return style, band
    return style, renumbered(model.sample(genres, style, generator, [_ROLE_PARTS[role] for role in core]))


def draw_facts(
    request: ComposeRequest,
    checkpoint: Checkpoint,
    leading: str,
    style: int,
    generator: RandomNumbers,
    primer: Song | None,
) -> Facts:
    """Tempo, meter and key: those asked for or of the primer, else drawn for genre ``leading`` and ``style``.

    Density is left open.
    """
    pooled, genres = PooledStatistics.of(checkpoint.pooled), checkpoint.header.genres
    row = pooled.facts_row(genres.index(leading), style, len(genres))
    drawn_tempo = pooled.draw_tempo(row, tempo_range(leading), generator)
    meter, key = pooled.draw_meter(row, generator), pooled.draw_key(row, generator)
    if primer:
        drawn_tempo, key = primer.tempo_bpm, 0
        meter = Meter(0, primer.meters[0].numerator, primer.meters[0].denominator)
    tempo = round(request.tempo_bpm or drawn_tempo, 2)
    bars = bars_for(request.length_seconds, tempo, meter)
    return Facts(tempo, meter, bars, key_row(asked_key(request), key), 0, style)


def chart_conditions(genres: Mapping[int, float], band: tuple[int, ...], facts: Facts) -> ChartConditions:
    """What a chart is drawn for. ``genres``: rows of the checkpoint's genres with weights."""
    mode = mode_of_row(facts.key)
    meter = meter_class(facts.meter)
    return ChartConditions(
        tuple((1 + row, weight) for row, weight in genres.items()),
        band,
        facts.bars,
        meter,
        tempo_class(facts.tempo_bpm),
        (facts.key - 1) % TONICS if mode else 0,
        0 if mode is None else 1 + (mode == "minor"),
        split_of(meter, facts.meter.bar_ticks) > 0,
    )


def draw_chart(
    planner: Planner,
    conditions: ChartConditions,
    chords: Ints | None,
    core: Sequence[str],
    generator: RandomNumbers,
    sampling: ChartSampling,
) -> Chart:
    """The chart of the smallest ``shortfall`` among at most ``CHARTS``, the first without any."""
    drawn: list[tuple[float, Chart]] = []
    while not drawn or (drawn[-1][0] and len(drawn) < CHARTS):
        chart = planner.sample(conditions, generator, sampling, chords=chords)
        drawn.append((shortfall(chart, conditions.band, core), chart))
    return min(drawn, key=lambda pair: pair[0])[1]


def shortfall(chart: Chart, band: Sequence[int], core: Sequence[str]) -> float:
    """How far ``chart`` is from what songs need; 0 where nothing is missing.

    The sum of shares: bars in which a core role is missing below ``CORE_SHARE``, parts that hardly play, silent bars,
    and slots without a chord beyond ``MOST_WITHOUT_CHORD`` if the band has pitched parts.
    """
    plays = chart.activity > RESTS
    missing = 0.0
    for role in core:
        columns = [column for column, part in enumerate(band) if plays_role(part, role)]
        if columns:
            missing += max(0.0, CORE_SHARE - float(plays[:, columns].any(axis=1).mean()))
    hardly = TYPICAL_NOTES[chart.activity].mean(axis=0) < FEWEST_NOTES_A_BAR
    if any(not part_instrument(part)[1] for part in band):
        missing += max(0.0, float((chart.chords == 0).mean()) - MOST_WITHOUT_CHORD)
    return missing + float(hardly.mean()) + float((~plays.any(axis=1)).mean())


def _without_silent_parts(chart: Chart, band: tuple[int, ...]) -> tuple[Chart, tuple[int, ...]]:
    """``chart`` and ``band`` without the parts that hardly play; unchanged if none plays more."""
    playing = TYPICAL_NOTES[chart.activity].mean(axis=0) >= FEWEST_NOTES_A_BAR
    if not playing.any():
        return chart, band
    return replace(chart, activity=chart.activity[:, playing]), renumbered(np.array(band)[playing].tolist())
