"""At which temperature songs are as likely to the network as real pieces are: each genre's own, measured.

Drawn at temperature 1 without cuts, an ideal network's songs would have real pieces' likelihood. A real network strays
and follows itself, more in one genre than in another. Knows samples and the scorer; writes no file.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from composer.checkpoint import Checkpoint
from composer.compose import Band
from composer.score import Scorer
from midi_data.pieces import Shard
from training.evaluation.likelihood import likelihood_report
from training.evaluation.samples import compose_songs, composed_samples, excerpt_bars, held_out, real_samples

TEMPERATURES = (0.85, 0.95, 1.05)
RANDOMNESS = 0.5

OnRow = Callable[[str, float, float, float], None]


def calibrated(
    checkpoint: Checkpoint, shards: list[Shard], genres: Sequence[str], songs: int, seed: int, on_row: OnRow
) -> Checkpoint:
    """``checkpoint`` with the temperatures of ``genres`` in its header.

    ``on_row`` hears genre, temperature, nats a note of the songs at it and of real held-out pieces. Raises
    ``EvaluationError`` where a genre has too few held-out works.
    """
    found = dict(checkpoint.header.temperatures)
    for genre in genres:
        found[genre] = temperature_for(checkpoint, shards, genre, songs, seed, on_row)
    header = checkpoint.header.model_copy(update={"temperatures": found})
    return replace(checkpoint, header=header)


def temperature_for(
    checkpoint: Checkpoint, shards: list[Shard], genre: str, songs: int, seed: int, on_row: OnRow
) -> float:
    """Where the songs' nats a note cross the real pieces', between the two nearest of ``TEMPERATURES``."""
    scorer = Scorer(checkpoint)
    held = held_out(shards, genre)
    bars = excerpt_bars(held)
    real = real_samples(held, bars)
    wanted, drawn = 0.0, []
    for temperature in TEMPERATURES:
        header = checkpoint.header.model_copy(update={"temperatures": {genre: temperature}})
        band = Band(replace(checkpoint, header=header))
        made = composed_samples(compose_songs(band, genre, bars, songs, seed, randomness=RANDOMNESS), bars)
        report = likelihood_report(scorer, genre, real, made)
        wanted = report["real"]["nll"]
        drawn.append(report["songs"]["nll"])
        on_row(genre, temperature, drawn[-1], wanted)
    return round(crossing(TEMPERATURES, drawn, wanted), 3)


def crossing(places: Sequence[float], values: Sequence[float], wanted: float) -> float:
    """Where ``values``, made to rise, reach ``wanted``; the first or last place where they never do."""
    rising = np.maximum.accumulate(values)
    return float(np.interp(wanted, rising, places))
