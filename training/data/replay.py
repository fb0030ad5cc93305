"""Songs that a checkpoint composes of the genres it knows, so that it can be kept from forgetting them.

Whoever teaches it a genre more has none of the corpora it learned from; its own songs stand in for them
(pseudo-rehearsal, Robins 1995; Li & Hoiem 2017). They are MIDI files in a folder, made once for each checkpoint.
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
from midi_data.analysis.key_estimation import heard_key, key_class
from midi_data.corpus.dataset import Piece, Shard
from midi_data.events.encoding import encode
from midi_data.io.midi_file import read_midi, write_midi
from midi_data.song import Song
from training.config import Tuning

Held = list[tuple[Shard, Piece]]

VALID_SHARE = 4
"""Every fourth song only watches."""
RANDOMNESS = 0.5
"""At which genres are calibrated."""
BATCH = 24
_DONE = "done"


@dataclass(frozen=True, slots=True)
class Replay:
    """Composed songs as pieces: some to train on, some only to watch."""

    train: Held
    valid: Held


def replay_of(base: Checkpoint, folder: Path, how: Tuning) -> Replay:
    """The songs in ``folder``, composed by ``base`` unless they are there already."""
    mine = folder / f"{_digest(base)}-{how.replay_songs_a_genre}x{how.replay_seconds:g}"
    if not (mine / _DONE).exists():
        _compose_all(base, mine, how)
        (mine / _DONE).touch()
    paths = sorted(mine.rglob("*.mid"))
    shard = shard_of([(path.relative_to(mine).as_posix(), read_midi(path)) for path in paths], mine)
    held = [(shard, piece) for piece in shard.pieces]
    return Replay([pair for pair in held if pair[1].split == "train"], [p for p in held if p[1].split == "valid"])


def _digest(base: Checkpoint) -> str:
    """Names the weights: another file with the same ones composes the same songs."""
    state = hashlib.sha256(repr((base.header.genres, base.header.styles)).encode())
    for name in sorted(base.weights):
        state.update(np.ascontiguousarray(base.weights[name]).tobytes())
    return state.hexdigest()[:16]


def _compose_all(base: Checkpoint, folder: Path, how: Tuning) -> None:
    band = Composer(base)
    heard = set(base.templates[:, 0].tolist())
    plans = [
        plan_song(
            ComposeRequest(genres={name: 1.0}, seed=seed, randomness=RANDOMNESS, length_seconds=how.replay_seconds),
            base,
        )
        for row, name in enumerate(base.header.genres)
        if row in heard
        for seed in range(how.replay_songs_a_genre)
    ]
    # Songs of a batch end together when they are equally long.
    plans.sort(key=lambda plan: (plan.bars, plan.genre, plan.seed))
    for first in range(0, len(plans), BATCH):
        group = plans[first : first + BATCH]
        for plan, song in zip(group, band.compose(group), strict=True):
            if song.note_count:
                path = folder / plan.genre / _style(base, plan) / f"{plan.seed}.mid"
                path.parent.mkdir(parents=True, exist_ok=True)
                write_midi(song, path)


def _style(base: Checkpoint, plan: Plan) -> str:
    """The style that the song was told, as the folder's name."""
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
                split="train" if int(number) % VALID_SHARE else "valid",
                first=first, count=len(events), end=events.end, seconds=round(song.duration_seconds, 3),
                key=key_class(heard_key(events)), tempos=tuple((t.onset, t.bpm) for t in song.tempos),
                meters=tuple((m.onset, m.numerator, m.denominator) for m in song.meters),
            )
        )  # fmt: skip
        columns = (events.onset, events.part, events.pitch, events.duration, events.velocity)
        rows.append(np.column_stack(columns).astype(np.int32))
        first += len(events)
    return Shard(folder, tuple(pieces), np.concatenate(rows), {})
