"""Draws the outline of a song from a checkpoint: band, facts, form and style of an excerpt of a training piece."""

from __future__ import annotations

import numpy as np

from composer.model.checkpoint import Checkpoint
from composer.planning.chords import asked_chords, planned_chords
from composer.planning.outline import Facts, Outline, outline_of_template
from composer.planning.requested import (
    asked_band,
    asked_key,
    bars_for,
    core_of,
    genre_rows,
    key_row,
    leading_genre,
    own_tempo,
)
from composer.planning.template import activity_for, draw_excerpt, draw_template, facts_of
from composer.request import ComposeRequest
from midi_data.song import Meter, Song


def draw_outline(
    request: ComposeRequest, checkpoint: Checkpoint, generator: np.random.Generator, seed: int, primer: Song | None
) -> Outline:
    """An outline that the request allows. Raises ``RefusedError`` for a genre that the checkpoint does not have."""
    rows = genre_rows(request, checkpoint)
    asked, key = asked_band(request, primer), asked_key(request)
    leading = leading_genre(request, generator)
    core = core_of(leading)
    mode = key.mode if key else None
    chosen = draw_template(checkpoint.templates, leading, rows[leading], asked, generator, core, mode)
    own = facts_of(checkpoint.templates[chosen])
    heaviest = max(request.genres, key=lambda name: request.genres[name])
    tempo = request.tempo_bpm or (primer.tempo_bpm if primer else own_tempo(heaviest, own["tempo_bpm"], generator))
    meter = _meter(primer, own)
    bars = bars_for(request.length_seconds, round(tempo, 2), meter)
    # A style belongs to one genre.
    style = own["style"] if len(rows) == 1 and own["style"] < len(checkpoint.header.styles) else 0
    facts = Facts(round(tempo, 2), meter, bars, key_row(key, 0 if primer else own["key"]), own["density"], style)
    template = draw_excerpt(checkpoint, chosen, bars, generator, core)
    band = asked or template.band
    chords = asked_chords(request, bars, meter)
    if chords is None and primer is None:
        form = template.repetition, template.source_lag, activity_for(template, band).astype("int64")
        weights = {rows[name]: weight for name, weight in request.genres.items()}
        chords = planned_chords(checkpoint, weights, band, form, meter, facts.tempo_bpm, facts.key, seed)
    return outline_of_template(template, facts, band, key, chords)


def _meter(primer: Song | None, facts: dict[str, int]) -> Meter:
    """The primer's first meter, or the template's."""
    if primer:
        return Meter(0, primer.meters[0].numerator, primer.meters[0].denominator)
    return Meter(0, facts["numerator"], facts["denominator"])
