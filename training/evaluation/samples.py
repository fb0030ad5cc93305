"""Samples of an evaluation: real pieces by work, and songs composed for it, as excerpts of equal length in bars."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from composer.decoding.generate import Composer
from composer.planning.plan import Plan, plan_song
from composer.request import LENGTH_RANGE_SECONDS, ComposeRequest, Sampling
from midi_data.analysis.excerpts import excerpt, sounding_bars, spread_excerpts
from midi_data.corpus.dataset import Shard, all_pieces, open_shards
from midi_data.corpus.prepare import prepare
from midi_data.events.encoding import EventSequence, encode
from midi_data.io.midi_file import read_midi
from midi_data.io.midi_writer import write_midi
from midi_data.song import TICKS_PER_QUARTER, Song
from training.data.pieces import CorpusPieces
from training.evaluation.errors import EvaluationError

BAR_CHOICES = (32, 16, 8)
"""Lengths of an excerpt in bars, from the longest to the shortest."""
MOST_WORKS = 2 / 3
EXCERPTS_A_PIECE = 3
FEWEST_WORKS = 4
"""Fewer works cannot be compared in halves."""


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """An excerpt and the work (or song) it is from; a split never separates excerpts of a work."""

    work: str
    events: EventSequence


@dataclass(frozen=True, slots=True, eq=False)
class Composed:
    """A song's plan and requested seconds, and the song as read back from its MIDI file."""

    plan: Plan
    asked_seconds: float
    song: Song


@contextmanager
def opened(corpus: Path, genre: str) -> Iterator[list[Shard]]:
    """The shards of a prepared corpus, or of files prepared into a temporary folder."""
    if (corpus / "card.json").exists() or any(corpus.glob("*/card.json")):
        yield open_shards(corpus)
        return
    with tempfile.TemporaryDirectory(prefix="riffbird-evaluate-") as folder:
        prepare(corpus, Path(folder), genre=genre)
        yield open_shards(Path(folder))


def held_out(shards: list[Shard], genre: str) -> CorpusPieces:
    """The genre's pieces of the split ``valid``. Raises ``EvaluationError`` for too few works."""
    held = [pair for pair in all_pieces(shards, "valid") if pair[1].genre == genre]
    works = {piece.work for _, piece in held}
    if len(works) < FEWEST_WORKS:
        raise EvaluationError(
            f"an evaluation needs at least {FEWEST_WORKS} held-out works of {genre}, not {len(works)}"
        )
    return held


def excerpt_bars(pieces: CorpusPieces) -> int:
    """The longest of ``BAR_CHOICES`` that two thirds of the works have. Raises ``EvaluationError`` if there is none."""
    longest: dict[str, int] = defaultdict(int)
    for shard, piece in pieces:
        first, stop = sounding_bars(shard.events(piece))
        longest[piece.work] = max(longest[piece.work], stop - first)
    for bars in BAR_CHOICES:
        if sum(length >= bars for length in longest.values()) >= MOST_WORKS * len(longest):
            return bars
    raise EvaluationError(f"most works have at least {BAR_CHOICES[-1]} bars in an evaluation; these are shorter")


def real_samples(pieces: CorpusPieces, bars: int) -> list[Sample]:
    """Up to three excerpts a piece, from its beginning, middle and end."""
    return [
        Sample(piece.work, each)
        for shard, piece in pieces
        for each in spread_excerpts(shard.events(piece), bars, EXCERPTS_A_PIECE)
    ]


def drawn(pieces: CorpusPieces, count: int, rng: np.random.Generator) -> CorpusPieces:
    """At most ``count`` of the pieces, drawn without replacement."""
    order = rng.permutation(len(pieces))[:count]
    return [pieces[i] for i in sorted(order.tolist())]


def compose_songs(
    composer: Composer,
    genre: str,
    bars: int,
    count: int,
    seed: int,
    *,
    randomness: float,
    sampling: Sampling = "probability",
    on_progress: Callable[[float], None] | None = None,
) -> list[Composed]:
    """``count`` songs of about ``bars`` bars, with seeds from ``seed`` on, written to MIDI and read back."""
    asked = [_request(composer, genre, bars, seed + number, randomness, sampling) for number in range(count)]
    plans = [plan_song(request, composer.checkpoint) for request in asked]
    songs = composer.compose(plans, on_progress)
    with tempfile.TemporaryDirectory(prefix="riffbird-evaluate-") as folder:
        path = Path(folder) / "song.mid"
        return [
            Composed(plan, request.length_seconds, _read_back(song, path))
            for plan, request, song in zip(plans, asked, songs, strict=True)
        ]


def composed_samples(songs: list[Composed], bars: int) -> list[Sample]:
    """The first ``bars`` bars of each song that has them; its work is its seed."""
    samples = []
    for each in songs:
        events = encode(each.song)
        if len(events) and each.song.bar_count >= bars:
            samples.append(Sample(f"song {each.plan.seed}", excerpt(events, 0, bars)))
    return samples


def _request(
    composer: Composer, genre: str, bars: int, seed: int, randomness: float, sampling: Sampling
) -> ComposeRequest:
    """A request for the tempo that the seed draws and the duration of ``bars`` bars at it."""
    plain = ComposeRequest(genres={genre: 1.0}, seed=seed, randomness=randomness, sampling=sampling)
    plan = plan_song(plain, composer.checkpoint)
    seconds = bars * plan.meter.bar_ticks / TICKS_PER_QUARTER * 60 / plan.tempo_bpm
    low, high = LENGTH_RANGE_SECONDS
    changes = {"tempo_bpm": plan.tempo_bpm, "length_seconds": min(max(seconds, low), high)}
    return ComposeRequest.model_validate({**plain.model_dump(), **changes})


def _read_back(song: Song, path: Path) -> Song:
    write_midi(song, path)
    return read_midi(path)
