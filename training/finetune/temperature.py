"""Sampling temperature of a fine-tuned genre: where its songs are as likely to the network as its training pieces.

Criterion of local typicality (Meister et al. 2023): songs at a higher temperature are less likely than the pieces and
drift further; songs at a lower one are too likely. The reference is the training pieces: held-out pieces are too
unlikely after a short training, and songs that unlikely would drift.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from composer.likelihood.scorer import Scorer
from composer.model.checkpoint import Checkpoint
from midi_data.analysis.excerpts import spread_excerpts
from midi_data.events.encoding import EventSequence, encode
from training.evaluation.likelihood import nats_per_note
from training.finetune.sample_callback import compose_songs

TEMPERATURES = (0.5, 0.65, 0.8, 1.0)
SONGS = 12
PIECES = 40
"""Pieces of which the median is taken: one unusual piece of six moved it by a quarter."""
BARS = 16
FIRST_SEED = 1000
"""Distinct from the seeds of the samples kept during training."""

OnTried = Callable[[float, float], None]


def with_temperature(
    checkpoint: Checkpoint, genre: str, pieces: Sequence[EventSequence], seconds: float, on_tried: OnTried
) -> Checkpoint:
    """``checkpoint`` with ``genre``'s temperature in its header, calibrated on its training ``pieces``.

    ``seconds``: length of each song. ``on_tried`` is called with each temperature and the songs' nats a note; with
    temperature 0 for the pieces. Unchanged if no piece has notes, or songs have notes at fewer than two temperatures.
    """
    scorer = Scorer(checkpoint)
    excerpts = [each for piece in pieces for each in spread_excerpts(piece, BARS, 1) or [piece] if len(each)]
    if not excerpts:
        return checkpoint
    real = median_nats(scorer, genre, excerpts)
    on_tried(0.0, real)
    found = {}
    for temperature in TEMPERATURES:
        made = compose_songs(_at_temperature(checkpoint, genre, temperature), genre, SONGS, FIRST_SEED, seconds)
        songs = [events for song in made if len(events := encode(song))]
        if songs:  # a hardly trained genre may compose silence
            found[temperature] = median_nats(scorer, genre, songs)
            on_tried(temperature, found[temperature])
    if len(found) < 2:
        return checkpoint
    return _at_temperature(checkpoint, genre, crossing(list(found), list(found.values()), real))


def crossing(temperatures: Sequence[float], nats: Sequence[float], real: float) -> float:
    """The temperature at which a fitted line reaches ``real`` nats, clipped to the range of ``temperatures``."""
    slope, intercept = np.polyfit(temperatures, nats, 1)
    at = (real - intercept) / slope if slope > 0 else temperatures[0]
    return round(float(np.clip(at, min(temperatures), max(temperatures))), 3)


def median_nats(scorer: Scorer, genre: str, excerpts: Sequence[EventSequence]) -> float:
    """Median nats a note of at least one excerpt, without the band's likelihood."""
    return float(np.median(nats_per_note(scorer, excerpts, [genre])[:, 0, 1:].sum(axis=1)))


def _at_temperature(checkpoint: Checkpoint, genre: str, temperature: float) -> Checkpoint:
    temperatures = checkpoint.header.temperatures | {genre: temperature}
    return replace(checkpoint, header=checkpoint.header.model_copy(update={"temperatures": temperatures}))
