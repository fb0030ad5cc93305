"""Training and held-out pieces of a request, and the names of their genres and styles."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from composer.model.checkpoint import Checkpoint
from composer.model.style import StyleModel
from midi_data.corpus.dataset import all_pieces, open_shard, open_shards
from midi_data.corpus.prepare import prepare
from training.config import TrainingConfig
from training.data.examples import Names
from training.data.pieces import CorpusPieces
from training.errors import TrainingError
from training.request import DATA_FOLDER, TrainingCallback, TrainingRequest

FEWEST_PIECES = 2
"""Fewer pieces cannot be split into train and valid."""
FEWEST_STYLE_PIECES = 10
"""Fewer training pieces are no style of their own."""


def load_pieces(
    request: TrainingRequest, config: TrainingConfig, callback: TrainingCallback
) -> tuple[CorpusPieces, CorpusPieces]:
    """Training and held-out pieces; MIDI files are prepared first. Raises ``TrainingError`` for fewer than two."""
    if (request.midi is None) == (request.corpus is None):
        raise TrainingError("train from one of --midi (files) and --corpus (prepared)")
    if request.midi:
        callback.note(f"preparing {request.midi}")
        folder = DATA_FOLDER / "corpora" / config.name
        shards = [
            open_shard(each) for each in prepare(request.midi, folder, genre=request.genre, licence=request.licence)
        ]
    else:
        shards = open_shards(request.corpus or Path())
    train, valid = list(all_pieces(shards, "train")), list(all_pieces(shards, "valid"))
    if not valid and len(train) >= FEWEST_PIECES:
        train, valid = train[:-1], train[-1:]
    if not train or not valid:
        raise TrainingError(
            f"{request.midi or request.corpus}: a training needs at least {FEWEST_PIECES} usable pieces, "
            f"not {len(train) + len(valid)}"
        )
    return train, valid


def names_of(train: CorpusPieces, base: Checkpoint | None = None) -> Names:
    """Genres and styles of a ``base`` checkpoint, then the new ones of the training pieces, by name.

    A new style has at least ``FEWEST_STYLE_PIECES`` pieces.
    """
    known_genres = base.header.genres if base else ()
    known_styles = base.header.styles if base else ("any",)
    genres = sorted({piece.genre for _, piece in train} - set(known_genres))
    counts = Counter(f"{piece.genre}/{piece.style}" for _, piece in train)
    styles = sorted({style for style, count in counts.items() if count >= FEWEST_STYLE_PIECES} - set(known_styles))
    style_model = StyleModel(base.style) if base and base.style else None
    return Names((*known_genres, *genres), (*known_styles, *styles), style_model)


def notes_in(pieces: CorpusPieces) -> int:
    """Number of notes of all pieces."""
    return sum(piece.count for _, piece in pieces)
