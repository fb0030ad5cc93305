"""Pseudo-rehearsal (Robins 1995; Li & Hoiem 2017): songs that a checkpoint composes of its own genres.

They replace the corpora it was trained on, which are not available when it is fine-tuned. The songs are MIDI files in a
folder, composed once for each checkpoint.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from composer.decoding.generate import Composer
from composer.model.checkpoint import Checkpoint
from composer.model.config import CONDITIONS
from composer.planning.plan import Plan, plan_song
from composer.request import ComposeRequest
from midi_data.analysis.key_estimation import estimate_song_key, key_class
from midi_data.corpus.dataset import Piece, Shard
from midi_data.events.encoding import encode
from midi_data.io.midi_file import read_midi
from midi_data.io.midi_writer import write_midi
from midi_data.song import Song
from training.config import FineTuningConfig
from training.data.pieces import CorpusPieces

VALID_EVERY = 4
"""Every fourth song is held out."""
RANDOMNESS = 0.5
"""The value at which genres are calibrated."""
BATCH = 24
_DONE = "done"


@dataclass(frozen=True, slots=True)
class Replay:
    """Composed songs as training and held-out pieces."""

    train: CorpusPieces
    valid: CorpusPieces


def replay_of(base: Checkpoint, folder: Path, config: FineTuningConfig) -> Replay:
    """The songs of ``base`` in ``folder``, composed if they do not exist yet."""
    songs_folder = folder / f"{_digest(base)}-{config.replay_songs_a_genre}x{config.replay_seconds:g}"
    if not (songs_folder / _DONE).exists():
        _compose_all(base, songs_folder, config)
        (songs_folder / _DONE).touch()
    paths = sorted(songs_folder.rglob("*.mid"))
    shard = shard_of([(path.relative_to(songs_folder).as_posix(), read_midi(path)) for path in paths], songs_folder)
    pieces = [(shard, piece) for piece in shard.pieces]
    return Replay([pair for pair in pieces if pair[1].split == "train"], [p for p in pieces if p[1].split == "valid"])


def _digest(base: Checkpoint) -> str:
    """Digest of names and weights: checkpoints with equal digests compose the same songs."""
    state = hashlib.sha256(repr((base.header.genres, base.header.styles)).encode())
    for name in sorted(base.weights):
        state.update(np.ascontiguousarray(base.weights[name]).tobytes())
    return state.hexdigest()[:16]


def _compose_all(base: Checkpoint, folder: Path, config: FineTuningConfig) -> None:
    composer = Composer(base)
    plans = [
        plan_song(
            ComposeRequest(genres={name: 1.0}, seed=seed, randomness=RANDOMNESS, length_seconds=config.replay_seconds),
            base,
        )
        for name in base.header.genres
        for seed in range(config.replay_songs_a_genre)
    ]
    # Songs of a batch end together when they are equally long.
    plans.sort(key=lambda plan: (plan.bars, plan.genre, plan.seed))
    for first in range(0, len(plans), BATCH):
        group = plans[first : first + BATCH]
        for plan, song in zip(group, composer.compose(group), strict=True):
            if song.note_count:
                path = folder / plan.genre / _style(base, plan) / f"{plan.seed}.mid"
                path.parent.mkdir(parents=True, exist_ok=True)
                write_midi(song, path)


def _style(base: Checkpoint, plan: Plan) -> str:
    """The style that the song is conditioned on, as a folder name."""
    row = plan.labels[CONDITIONS.index("style")][0][0]
    return PurePosixPath(base.header.styles[row]).name if row else "any"


def shard_of(songs: Sequence[tuple[str, Song]], folder: Path) -> Shard:
    """Songs in memory, named ``genre/style/number.mid``, as a shard."""
    pieces, rows, first = [], [np.zeros((0, 5), dtype=np.int32)], 0
    for name, song in songs:
        events = encode(song)
        genre, style, number = name.removesuffix(".mid").split("/")
        pieces.append(
            Piece(
                name=name, genre=genre, style=style, work=name, title=song.title, licence="composed",
                split="train" if int(number) % VALID_EVERY else "valid",
                first=first, count=len(events), end=events.end, seconds=round(song.duration_seconds, 3),
                key=key_class(estimate_song_key(events)), tempos=tuple((t.onset, t.bpm) for t in song.tempos),
                meters=tuple((m.onset, m.numerator, m.denominator) for m in song.meters),
            )
        )  # fmt: skip
        columns = (events.onset, events.part, events.pitch, events.duration, events.velocity)
        rows.append(np.column_stack(columns).astype(np.int32))
        first += len(events)
    return Shard(folder, tuple(pieces), np.concatenate(rows), {})
