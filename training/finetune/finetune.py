"""Fine-tuning of a checkpoint on one more genre: its own rows and, for larger corpora, all weights.

The new genre's row starts as that of the nearest known genre. Two methods limit forgetting: distillation on songs that
the base composed (Li & Hoiem 2017), and interpolation of the validated weights towards the base (Wortsman et al. 2022)
until its nll on held-out songs of the base rises by at most the configured limit.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from composer.model.checkpoint import Checkpoint, save_checkpoint
from composer.model.network import field_nll
from training.config import FineTuningConfig, TrainingConfig, Widths
from training.data.batches import Batch, BatchStream
from training.data.examples import Names
from training.data.pieces import CorpusPieces
from training.data.replay import Replay
from training.devices import autocast
from training.distributed import Ranks
from training.finetune.distillation import concat_batches, divergence
from training.finetune.merging import merged
from training.finetune.sample_callback import SampleCallback, Samples
from training.note_trainer import NoteTrainer
from training.recurrent_state import State, detach_state, reset_state, state_from, state_tensors
from training.snapshot import Snapshot
from training.tracking.running_means import sums_by_genre
from training.trainer import Figures, Report
from training.validation import select_pieces

FEWEST_VALIDATIONS = 12
"""In the time given, unless early stopping ends the training."""
INTERPOLATION_STEPS = 4
"""Attempts to interpolate towards the base before a validation counts as failed."""
LIMIT_TOLERANCE = 1.1


@dataclass(frozen=True, slots=True)
class FineTuningJob:
    """Training and held-out pieces of one ``genre`` for ``base``; its row starts as that of ``nearest``.

    ``style``: the base's style model with the genre's row; empty where the base has none.
    ``replay``: songs of the base; None trains only the genre's own rows, which changes no other genre.
    """

    genre: str
    train: CorpusPieces
    valid: CorpusPieces
    base: Checkpoint
    nearest: str
    names: Names
    replay: Replay | None
    style: dict[str, NDArray[Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FineTuningReport(Report):
    """``Report`` with samples and forgetting. ``old_change``: largest relative rise of nll in an old genre."""

    old_change: float = 0.0
    samples: Samples | None = None
    history: list[dict[str, Any]] = field(default_factory=list)


class FineTuner(NoteTrainer):
    """One fine-tuning job in ``folder``."""

    def __init__(
        self,
        config: TrainingConfig,
        job: FineTuningJob,
        sample_callback: SampleCallback,
        folder: Path,
        device: torch.device,
        minutes: float,
    ) -> None:
        widths = Widths(**{name: getattr(job.base.config, name) for name in Widths.model_fields})
        config = config.model_copy(update={"widths": widths})
        super().__init__(config, job.train, job.valid, job.names, folder, Ranks(device), minutes=minutes)
        self.job, self.sample_callback = job, sample_callback
        self.finetuning = config.finetuning or FineTuningConfig()
        self.samples: Samples | None = None
        self.start_from(job.base)
        self.nearest = job.nearest
        self.own_rows = {f"condition_tables.{kind}.weight": own for kind, own in self._own_rows().items()}
        self._start_rows()
        self.optimizer = self._two_speed_optimizer()
        self.anchor = {name: p.detach().clone() for name, p in self.named.items()}
        self.base_network = copy.deepcopy(self.network).eval().requires_grad_(requires_grad=False)
        self.base_state: State | None = None
        self.replay = self._replay_stream(job.replay) if job.replay else None
        self.replay_valid = select_pieces(job.replay.valid, 0) if job.replay else []
        self.base_nll = self._nll(self.replay_valid)
        self.changes: dict[str, float] = {}
        self.at_start = self._nll(self.valid_pieces)[job.genre]
        if job.replay is None:
            self._freeze_all_but_rows()

    @property
    def progress(self) -> float:
        """0 … 1: of the time or of the configured updates, whichever is further."""
        return max(super().progress, min(self.update / self.config.updates, 1.0))

    def _validation_is_due(self) -> bool:
        """By updates, and by time: at least ``FEWEST_VALIDATIONS`` on a slow machine."""
        last = self.history[-1]["seconds"] if self.history else 0.0
        waited = self.seconds - last >= (self.minutes or self.finetuning.minutes) * 60 / FEWEST_VALIDATIONS
        return waited or super()._validation_is_due()

    @property
    def nll_at_start(self) -> float:
        """Nats a note of the held-out pieces before the first update, as pieces of the nearest genre."""
        return self.at_start["nll"]

    def _own_rows(self) -> dict[str, Tensor]:
        """Masks of the new genre's rows in the genre and style tables; all other rows are frozen."""
        genre, names = self.job.genre, self.names
        own = {
            "genre": [name == genre for name in names.genres],
            "style": [name.startswith(f"{genre}/") for name in names.styles],
        }
        return {kind: torch.tensor(rows, device=self.device) for kind, rows in own.items()}

    @torch.no_grad()
    def _start_rows(self) -> None:
        """Start a new genre's row as the nearest genre's, new styles' rows as "any"."""
        header = self.job.base.header
        for kind, known, source in (("genre", header.genres, self.job.nearest), ("style", header.styles, "any")):
            name = f"condition_tables.{kind}.weight"
            table = self.named[name]
            table[len(known) :] = table[known.index(source)].clone()
            self.average[name].copy_(table)

    def _two_speed_optimizer(self) -> torch.optim.AdamW:
        """A higher learning rate for the genre's own rows, which are few and new."""
        groups = [
            {"params": [p for name, p in self.named.items() if (name in self.own_rows) is own], "ratio": ratio}
            for own, ratio in ((True, self.finetuning.rows_learning_rate_ratio), (False, 1.0))
        ]
        return torch.optim.AdamW(groups, weight_decay=self.config.weight_decay, fused=True)

    def _freeze_all_but_rows(self) -> None:
        for name, parameter in self.named.items():
            parameter.requires_grad_(name in self.own_rows)

    def _replay_stream(self, replay: Replay) -> BatchStream:
        changes = {"batch_size": self.finetuning.replay_batch_size, "genre_weights": {}}
        return BatchStream(replay.train, self.names, self.config.model_copy(update=changes))

    def _train_on(self, batch: Batch) -> tuple[float, int]:
        replayed = self.replay.next() if self.replay else None
        both = concat_batches(batch, replayed) if replayed else batch
        state = self._previous_state(both.resets.to(self.device))
        target = both.target.to(self.device)  # (T, B, 5)
        with autocast(self.device, self.config.precision):
            logits, state = self.network(both.inputs.to(self.device), both.conditions.to(self.device), state)
        own = batch.target.shape[1]
        losses = field_nll({name: each[:, :own] for name, each in logits.items()}, target[:, :own])
        nll = torch.stack([each.sum() for each in losses.values()]).sum() / max(batch.notes, 1)
        loss = nll
        if replayed:
            on_replay = {name: each[:, own:] for name, each in logits.items()}
            loss = nll + self.finetuning.replay_weight * self._divergence(on_replay, replayed)
        loss.backward()  # type: ignore[no-untyped-call]
        self._step()
        self.running.add(sums_by_genre(losses, batch.target, batch.conditions.labels, len(self.names.genres)))
        self.state = detach_state(state)
        return float(nll.detach()), batch.notes

    def _divergence(self, logits: dict[str, Tensor], batch: Batch) -> Tensor:
        """KL divergence from the base in nats a note, on songs of the base."""
        with torch.no_grad(), autocast(self.device, self.config.precision):
            base_logits, self.base_state = self.base_network(
                batch.inputs.to(self.device),
                batch.conditions.to(self.device),
                reset_state(self.base_state, batch.resets.to(self.device)),
            )
        return divergence(base_logits, logits, batch.target.to(self.device)) / max(batch.notes, 1)

    def _step(self) -> None:
        for name, own in self.own_rows.items():
            grad = self.named[name].grad
            if grad is not None:
                grad[~own] = 0
        super()._step()
        with torch.no_grad():  # weight decay moves rows without a gradient
            for name, own in self.own_rows.items():
                self.named[name][~own] = self.anchor[name][~own]

    def _validate(self) -> None:
        averaged = {name: parameter.detach().clone() for name, parameter in self.named.items()}
        change = self._interpolate_to_base()
        valid = self._nll(self.valid_pieces)
        checkpoint = self._merged_checkpoint(valid, change)
        self.samples = self.sample_callback(checkpoint, self.update)
        eligible = change <= self.finetuning.old_genres_limit * LIMIT_TOLERANCE
        facts = {"old_change": change, "old_changes": self.changes} | self.samples.facts()
        if self._record(valid[self.job.genre]["nll"], valid, eligible=eligible, **facts):
            save_checkpoint(checkpoint, self.best_path)
        with torch.no_grad():  # averaging continues from the weights before the interpolation
            for name, parameter in self.named.items():
                parameter.copy_(averaged[name])

    def _interpolate_to_base(self) -> float:
        """Move the weights towards the base until the limit holds; returns the remaining change of nll."""
        change = self._old_change()
        for _ in range(INTERPOLATION_STEPS):
            if change <= self.finetuning.old_genres_limit:
                break
            # The change grows about with the square of the distance.
            kept = min(0.9, 0.95 * math.sqrt(self.finetuning.old_genres_limit / change))
            with torch.no_grad():
                for name, parameter in self.named.items():
                    parameter.lerp_(self.anchor[name], 1 - kept)
            change = self._old_change()
        return change

    def _old_change(self) -> float:
        """Relative rise of nll in the old genre that changed most; 0 without replayed songs."""
        now = self._nll(self.replay_valid)
        self.changes = {name: now[name]["nll"] / self.base_nll[name]["nll"] - 1 for name in now}
        return max(self.changes.values(), default=0.0)

    def _merged_checkpoint(self, valid: Figures, change: float) -> Checkpoint:
        old_change = change if self.replay_valid else None
        both = merged(self.job.base, self._checkpoint(valid), like=self.job.nearest, changed=old_change)
        return replace(both, style=self.job.style)

    def _report(self) -> FineTuningReport:
        report = super()._report()
        change = float(self.history[-1]["old_change"]) if self.history else 0.0
        values = {each.name: getattr(report, each.name) for each in fields(Report)}
        return FineTuningReport(**values, old_change=change, samples=self.samples, history=list(self.history))

    def _more_state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        tensors, facts = super()._more_state()
        replay = self.replay.state() if self.replay else None
        return tensors | state_tensors(self.base_state, "base_state"), {**facts, "replay": replay}

    def _restore_more(self, snapshot: Snapshot) -> None:
        super()._restore_more(snapshot)
        if self.replay:
            self.replay.restore(snapshot.facts["replay"])
            self.base_state = state_from(snapshot.tensors, self.device, "base_state")
