"""A fine-tuning job from its request to its checkpoint: base, nearest genre, replayed songs, temperature, report."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from composer.model.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from composer.model.style import StyleModel
from training.config import FineTuningConfig, TrainingConfig
from training.data.corpora import names_of, notes_in
from training.data.pieces import CorpusPieces
from training.data.replay import Replay, replay_of
from training.devices import pick_device
from training.errors import TrainingError
from training.finetune.finetune import FineTuner, FineTuningJob
from training.finetune.memorization import MemorizationCheck
from training.finetune.nearest_genre import nll_by_known_genre, spread
from training.finetune.report_page import write_report
from training.finetune.sample_callback import SampleCallback
from training.finetune.temperature import PIECES, with_temperature
from training.finetune.training_curves import CurvesCallback
from training.request import DATA_FOLDER, TrainingCallback, TrainingRequest
from training.style.genre import learn_genre, with_genre_row
from training.trainer import Report


def train_genre(
    request: TrainingRequest,
    config: TrainingConfig,
    train: CorpusPieces,
    valid: CorpusPieces,
    callback: TrainingCallback,
) -> Path:
    """Fine-tune on ``request.genre``; returns the best checkpoint, beside its curves, samples and report."""
    finetuning = config.finetuning or FineTuningConfig()
    folder = DATA_FOLDER / "trainings" / config.name
    job = make_job(request.genre, train, valid, load_checkpoint(request.base), finetuning, callback)
    trainer = _trainer(request, config, job, folder, finetuning)
    if request.resume:
        trainer.resume()
        callback.note(f"resuming at update {trainer.update}")
    callback.note(f"{trainer.nll_at_start:.3f} nats a note before the first update")
    curves = CurvesCallback(folder, trainer.nll_at_start)

    def on_report(report: Report) -> None:
        curves(report)
        callback(report)

    trainer.run(on_report, snapshot_seconds=request.snapshot_seconds)
    if not trainer.best_path.exists():
        raise TrainingError(
            f"{request.genre}: every validation lost too much of the base; lower learning_rate in a recipe of your own"
        )
    best = calibrate_temperature(
        load_checkpoint(trainer.best_path), request.genre, train, finetuning.sample_seconds, callback
    )
    save_checkpoint(best, trainer.best_path)
    callback.note(f"report: {write_report(trainer, best)}")
    return trainer.best_path


def _trainer(
    request: TrainingRequest, config: TrainingConfig, job: FineTuningJob, folder: Path, finetuning: FineTuningConfig
) -> FineTuner:
    check = MemorizationCheck(((p.name, s.events(p)) for s, p in job.train), [s.events(p) for s, p in job.valid])
    samples = SampleCallback(
        job.genre, check, folder / "samples", count=finetuning.samples, seconds=finetuning.sample_seconds
    )
    minutes = request.minutes or finetuning.minutes
    return FineTuner(config, job, samples, folder, pick_device(request.device), minutes)


def make_job(
    genre: str,
    train: CorpusPieces,
    valid: CorpusPieces,
    base: Checkpoint,
    finetuning: FineTuningConfig,
    callback: TrainingCallback,
) -> FineTuningJob:
    """Find the nearest known genre and compose the songs to replay, unless the corpus is small."""
    nearest = {genre: 0.0}
    if genre not in base.header.genres:
        nearest = nll_by_known_genre(base, [shard.events(piece) for shard, piece in spread(train)])
        figures = ", ".join(f"{name} {nats:.3f}" for name, nats in list(nearest.items())[:3])
        callback.note(f"nearest genre {next(iter(nearest))} (nats a note: {figures}): the row of {genre} starts there")
    small = notes_in(train) < finetuning.rows_only_below_notes
    if small:
        callback.note(f"{notes_in(train)} notes are few: only the rows of {genre} are trained, other genres stay as is")
    replay = None if small else compose_replay(base, finetuning, callback)
    names, style = names_of(train, base), style_with_genre(base, genre, next(iter(nearest)), train)
    if style:
        names = replace(names, style_model=StyleModel(style))
    return FineTuningJob(genre, train, valid, base, next(iter(nearest)), names, replay, style)


def style_with_genre(base: Checkpoint, genre: str, nearest: str, train: CorpusPieces) -> dict[str, NDArray[Any]]:
    """The base's style model whose row of ``genre`` is fitted to ``train``; a new row starts as ``nearest``'s."""
    known, style = base.header.genres, dict(base.style)
    if genre not in known:
        style = with_genre_row(style, known.index(nearest))
    return learn_genre(style, known.index(genre) if genre in known else len(known), train)


def compose_replay(base: Checkpoint, finetuning: FineTuningConfig, callback: TrainingCallback) -> Replay:
    """Songs that the base composes of its genres."""
    callback.note(f"{base.label} composes {finetuning.replay_songs_a_genre} songs of each known genre for distillation")
    return replay_of(base, DATA_FOLDER / "replay", finetuning)


def calibrate_temperature(
    checkpoint: Checkpoint, genre: str, train: CorpusPieces, seconds: float, callback: TrainingCallback
) -> Checkpoint:
    """``checkpoint`` with the temperature at which songs of ``genre`` are as likely as its training pieces."""
    tried: list[str] = []
    pieces = [shard.events(piece) for shard, piece in spread(train, PIECES)]
    calibrated = with_temperature(
        checkpoint, genre, pieces, seconds, lambda at, nats: tried.append(f"{nats:.3f} at {at:g}")
    )
    if calibrated is not checkpoint:
        of_pieces, *of_songs = tried
        figures = f"nats a note: training pieces {of_pieces.split()[0]}, songs {', '.join(of_songs)}"
        callback.note(f"temperature {calibrated.header.temperatures[genre]:g} ({figures})")
    return calibrated
