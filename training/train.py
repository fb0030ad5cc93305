"""A training from files to a checkpoint: fine-tuning of one genre (the usual case) or training all weights.

A fine-tuned checkpoint is added to the user's genres (``composer.genre_store``) unless the request names a file. Of
several processes only the first one reports and writes.
"""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

import torch

from composer.errors import RefusedError
from composer.genre_store import add, check_name, check_spelling, custom_checkpoint
from composer.model.checkpoint import load_checkpoint
from midi_data.genres import genre_by_name, plain_name
from midi_data.process import usable_cores
from training.config import TrainingConfig
from training.data.corpora import load_pieces, names_of, notes_in
from training.data.pieces import CorpusPieces
from training.data.splitting import as_genre, hold_out
from training.distributed import Ranks, joined
from training.errors import TrainingError
from training.finetune.genre_training import train_genre
from training.note_trainer import NoteTrainer
from training.request import (
    DATA_FOLDER,
    SilentCallback,
    TrainingCallback,
    TrainingRequest,
    check_processes,
    config_of,
    deliver,
)
from training.tracking.tensorboard_log import TensorBoardCallback


def run_training(request: TrainingRequest, callback: TrainingCallback) -> Path:
    """Train as requested; returns the checkpoint's path.

    Raises ``TrainingError``, ``CheckpointError``, or ``MidiDataError``.
    """
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(usable_cores())
    _check_genre(request)
    config = config_of(request)
    with joined(request.device) as ranks:
        check_processes(request, config, ranks.count)
        if not ranks.first or request.tensorboard is None:
            return _train(request, config, callback if ranks.first else SilentCallback(), ranks)
        with closing(TensorBoardCallback(request.tensorboard, callback)) as logged:
            return _train(request, config, logged, ranks)


def _check_genre(request: TrainingRequest) -> None:
    """Raise ``TrainingError`` for a name that a genre cannot have.

    A shipped genre's name is allowed with a base, a recipe, or from scratch.
    """
    if not request.genre:
        return
    try:
        if request.base or request.from_scratch or request.recipe:
            check_spelling(request.genre)
        else:
            check_name(request.genre)
    except RefusedError as refusal:
        raise TrainingError(f"--genre: {refusal}") from refusal


def _train(request: TrainingRequest, config: TrainingConfig, callback: TrainingCallback, ranks: Ranks) -> Path:
    if config.finetuning:
        return _finetune(request, config, callback)
    return _train_all_weights(request, config, callback, ranks)


def _finetune(request: TrainingRequest, config: TrainingConfig, callback: TrainingCallback) -> Path:
    if not request.genre or request.from_scratch:
        raise TrainingError("a recipe with [finetuning] adds a genre to a base: it needs --genre, not --from-scratch")
    train, valid = hold_out(*(as_genre(pieces, request.genre) for pieces in load_pieces(request, config, callback)))
    _note_amounts(train, valid, callback)
    best = train_genre(request, config, train, valid, callback)
    if request.out or plain_name(request.genre) in genre_by_name():
        return deliver(best, request.out or _checkpoint_path(config))
    card = add(best, request.genre, replace=True)
    callback.note(f"added to your genres: riffbird compose --genre {card.name}")
    return custom_checkpoint(card.name) or best


def _train_all_weights(
    request: TrainingRequest, config: TrainingConfig, callback: TrainingCallback, ranks: Ranks
) -> Path:
    """Train on all pieces, from scratch or from a base of the same widths."""
    if request.from_scratch and request.base:
        raise TrainingError(f"--from-scratch has no --base, not {request.base}")
    train, valid = load_pieces(request, config, callback)
    base = load_checkpoint(request.base) if request.base else None
    names = names_of(train, base)
    _note_amounts(train, valid, callback)
    folder = DATA_FOLDER / "trainings" / config.name
    trainer = NoteTrainer(config, train, valid, names, folder, ranks, minutes=request.minutes)
    if request.resume:
        trainer.resume()
        callback.note(f"resuming at update {trainer.update}")
    elif base:
        trainer.start_from(base)
    trainer.run(callback, snapshot_seconds=request.snapshot_seconds)
    out = request.out or _checkpoint_path(config)
    return deliver(trainer.best_path, out) if ranks.first else out


def _checkpoint_path(config: TrainingConfig) -> Path:
    return DATA_FOLDER / "checkpoints" / f"{config.name}.safetensors"


def _note_amounts(train: CorpusPieces, valid: CorpusPieces, callback: TrainingCallback) -> None:
    callback.note(f"{len(train)} pieces to train on ({notes_in(train):,} notes), {len(valid)} held out")
