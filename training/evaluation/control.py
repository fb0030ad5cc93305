"""Control: whether songs have the requested genre, tempo, length and band.

The genre is judged by a classifier trained on real training pieces of every genre of the corpus, never on songs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from midi_data.analysis.excerpts import spread_excerpts
from midi_data.corpus.dataset import Shard, all_pieces
from midi_data.events.encoding import EventSequence, encode
from midi_data.song import TICKS_PER_QUARTER, Song
from training.data.pieces import CorpusPieces
from training.evaluation.discriminators.features import measure
from training.evaluation.discriminators.trees import boosted
from training.evaluation.distances import mean_with_interval
from training.evaluation.samples import Composed, Sample, drawn

PIECES_A_GENRE = 60
FEWEST_PIECES = 8
"""Genres with fewer training pieces are left out of the classifier."""
TEMPO_TOLERANCE = 0.01
"""MIDI stores whole microseconds a quarter, so a tempo counts as kept within 1 %."""


def genre_report(
    shards: list[Shard], genre: str, real: Sequence[Sample], songs: Sequence[Sample], bars: int, seed: int
) -> dict[str, Any] | None:
    """Shares of held-out excerpts and of songs classified as ``genre``; None if the corpus has one genre."""
    by_genre = training_excerpts(shards, bars, seed)
    if genre not in by_genre or len(by_genre) < 2:
        return None
    labels = [name for name, excerpts in by_genre.items() for _ in excerpts]
    model = boosted(seed).fit(measure([each for own in by_genre.values() for each in own]).rows, labels)
    result: dict[str, Any] = {"genres": sorted(by_genre), "taught_excerpts": len(labels), "seed": seed}
    for name, samples in (("real", real), ("songs", songs)):
        classified = model.predict(measure([sample.events for sample in samples]).rows) == genre
        mean, within = mean_with_interval(classified.astype(np.float64), [sample.work for sample in samples], seed)
        result[name] = {"accuracy": mean, "interval": within, "works": len({sample.work for sample in samples})}
    return result


def training_excerpts(shards: list[Shard], bars: int, seed: int) -> dict[str, list[EventSequence]]:
    """One excerpt of each of up to ``PIECES_A_GENRE`` training pieces a genre."""
    by_genre: dict[str, CorpusPieces] = defaultdict(list)
    for shard, piece in all_pieces(shards, "train"):
        by_genre[piece.genre].append((shard, piece))
    rng = np.random.default_rng(seed)
    return {
        genre: [
            each
            for shard, piece in drawn(pieces, PIECES_A_GENRE, rng)
            for each in spread_excerpts(shard.events(piece), bars, 1)
        ]
        for genre, pieces in sorted(by_genre.items())
        if len(pieces) >= FEWEST_PIECES
    }


def obeyed_report(songs: Sequence[Composed]) -> dict[str, Any]:
    """Shares of songs whose MIDI file has the requested tempo, length (within a bar) and band; JSON-ready."""
    return {
        "songs": len(songs),
        "tempo": _share([_tempo_obeyed(each) for each in songs]),
        "length_within_a_bar": _share([_length_obeyed(each) for each in songs]),
        "band_parts_that_play": _share([_playing(each) for each in songs]),
        "parts_not_of_the_band": sum(len(set(encode(each.song).band) - set(each.plan.band)) for each in songs),
    }


def _share(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else 0.0


def _tempo_obeyed(each: Composed) -> bool:
    return abs(each.song.tempo_bpm / each.plan.tempo_bpm - 1) <= TEMPO_TOLERANCE


def _length_obeyed(each: Composed) -> bool:
    return abs(each.song.duration_seconds - each.asked_seconds) <= bar_seconds(each.song)


def bar_seconds(song: Song) -> float:
    """Duration in seconds of the song's first bar."""
    return song.meters[0].bar_ticks / TICKS_PER_QUARTER * 60 / song.tempo_bpm


def _playing(each: Composed) -> float:
    return len(set(encode(each.song).band) & set(each.plan.band)) / max(len(each.plan.band), 1)
