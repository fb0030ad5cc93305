"""At which temperature a newly taught genre is drawn: where its songs are as likely to the network as its pieces are.

Drawn hotter, songs stray and go on straying; drawn cooler, they say the likeliest thing. Both show in nats a note
(the criterion of typicality: Meister et al. 2023). The pieces are those it learned from: of others it knows too little
after a short lesson, and songs as unlikely as those are held to be would be as strange. Knows a checkpoint and pieces;
writes no file.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from threadpoolctl import threadpool_limits

from composer.decoding.generate import Composer
from composer.model.checkpoint import Checkpoint
from composer.model.likelihood import Scorer
from composer.planning.plan import plan_song
from composer.request import ComposeRequest
from midi_data.analysis.excerpts import spread_excerpts
from midi_data.events.encoding import EventSequence, encode

TEMPERATURES = (0.5, 0.65, 0.8, 1.0)
SONGS = 12
PIECES = 40
"""Of so many pieces at most the median is taken: one strange piece in six moved it by a quarter."""
BARS = 16
FIRST_SEED = 1000
"""Other songs than those that a training lets one listen to."""

OnTried = Callable[[float, float], None]


def with_own_temperature(
    checkpoint: Checkpoint, genre: str, pieces: Sequence[EventSequence], seconds: float, on_tried: OnTried
) -> Checkpoint:
    """``checkpoint`` with ``genre``'s temperature in its header, chosen beside ``pieces`` that it learned from.

    ``seconds``: of each song. ``on_tried`` hears each temperature tried and the songs' nats a note there; the pieces'
    own at temperature 0. Unchanged where no piece sounds, or songs at fewer than two temperatures.
    """
    scorer = Scorer(checkpoint)
    excerpts = [each for piece in pieces for each in spread_excerpts(piece, BARS, 1) or [piece] if len(each)]
    if not excerpts:
        return checkpoint
    real = nats_a_note(scorer, genre, excerpts)
    on_tried(0.0, real)
    found = {}
    for temperature in TEMPERATURES:
        songs = _songs(_drawn_at(checkpoint, genre, temperature), genre, seconds)
        if songs:  # a genre that was hardly learned may compose silence
            found[temperature] = nats_a_note(scorer, genre, songs)
            on_tried(temperature, found[temperature])
    if len(found) < 2:
        return checkpoint
    return _drawn_at(checkpoint, genre, where_equal(list(found), list(found.values()), real))


def where_equal(temperatures: Sequence[float], nats: Sequence[float], real: float) -> float:
    """The temperature at which songs have ``real`` nats, on a line through all; never outside those tried."""
    slope, height = np.polyfit(temperatures, nats, 1)
    at = (real - height) / slope if slope > 0 else temperatures[0]
    return round(float(np.clip(at, min(temperatures), max(temperatures))), 3)


def nats_a_note(scorer: Scorer, genre: str, excerpts: Sequence[EventSequence]) -> float:
    """Median over at least one excerpt of the nats a note, its band and tempo told."""
    row = [scorer.genres.index(genre)]
    with threadpool_limits(1, user_api="blas"):
        sums = [scorer.field_sums(each, row, each.tempos[0].bpm)[0, 1:].sum() / len(each) for each in excerpts]
    return float(np.median(sums))


def _songs(checkpoint: Checkpoint, genre: str, seconds: float) -> list[EventSequence]:
    requests = [
        ComposeRequest(genres={genre: 1.0}, seed=FIRST_SEED + number, length_seconds=seconds) for number in range(SONGS)
    ]
    songs = Composer(checkpoint).compose([plan_song(request, checkpoint) for request in requests])
    return [events for song in songs if len(events := encode(song))]


def _drawn_at(checkpoint: Checkpoint, genre: str, temperature: float) -> Checkpoint:
    temperatures = checkpoint.header.temperatures | {genre: temperature}
    return replace(checkpoint, header=checkpoint.header.model_copy(update={"temperatures": temperatures}))
