"""The trainer that all networks share: schedule, updates, averaged weights, validation, snapshots and resuming.

AdamW, linear warm-up and cosine decay, gradient clipping; an exponential moving average (EMA) of the weights is what is
validated and shipped. A subclass computes losses, validates and writes its checkpoints.
"""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import torch
from torch import Tensor, nn

from training.config import TrainerConfig
from training.distributed import Ranks
from training.errors import TrainingError
from training.recurrent_state import State, reset_state, slice_state, state_from, state_tensors
from training.snapshot import (
    Snapshot,
    load_snapshot,
    optimizer_tensors,
    random_tensors,
    restore_optimizer,
    restore_random,
    save_snapshot,
)

BatchT_co = TypeVar("BatchT_co", covariant=True)
BatchT = TypeVar("BatchT")
Figures = dict[str, dict[str, float]]
"""Group (a genre) → ``nll`` and its fields, nats a note or frame."""

RUNNING_DECAY = 0.98
"""Of the running training nll, an update."""
_COUNTERS = ("update", "seconds", "update_seconds", "items", "running_nll", "best", "since_best", "history")


@dataclass(frozen=True, slots=True)
class Report:
    """Progress after one update. nll figures are in nats a note (a frame for piano rolls).

    ``nll``: running mean over training batches. ``throughput``: notes (frames) a second, validations excluded.
    ``valid``: the latest validation. ``train``: running training figures of the same groups.
    """

    update: int
    updates: int
    nll: float
    throughput: float
    seconds_left: float
    valid: Figures = field(default_factory=dict)
    best: float = math.inf
    validated_at: int = -1
    train: Figures = field(default_factory=dict)


OnReport = Callable[[Report], None]


class BatchSource(Protocol[BatchT_co]):
    """A seeded, endless stream of batches that can be saved and restored."""

    def next(self) -> BatchT_co:
        """The next batch."""

    def state(self) -> dict[str, Any]:
        """Position of the stream, JSON-ready."""

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from ``state``."""


class Trainer(ABC, Generic[BatchT]):
    """One training in ``folder``: ``snapshot/`` to resume from, ``best.safetensors`` the best checkpoint so far.

    Seed torch before the network is built. ``minutes`` replaces the configured number of updates as the schedule.
    """

    def __init__(
        self,
        config: TrainerConfig,
        network: nn.Module,
        batches: BatchSource[BatchT],
        folder: Path,
        ranks: Ranks,
        minutes: float | None = None,
    ) -> None:
        self.trainer_config, self.batches, self.folder = config, batches, folder
        self.ranks, self.device, self.minutes = ranks, ranks.device, minutes
        self.named = dict(network.named_parameters())
        self.average = {name: p.detach().clone() for name, p in self.named.items()}
        self.optimizer = self._make_optimizer()
        if not ranks.first:  # same initial weights, different dropout
            torch.manual_seed(ranks.seed(config.seed))
        self.state: State | None = None
        self.update = self.items = self.since_best = 0
        self.seconds = self.update_seconds = 0.0
        self.running_nll, self.best = math.nan, math.inf
        self.history: list[dict[str, Any]] = []

    @abstractmethod
    def _train_on(self, batch: BatchT) -> tuple[float, int]:
        """Compute gradients of a batch and call ``_step``. Returns its mean nll and its number of notes or frames."""

    @abstractmethod
    def _validate(self) -> None:
        """Validate the network, which holds the averaged weights. Calls ``_record`` and saves the best checkpoint."""

    @property
    def best_path(self) -> Path:
        """File of the best checkpoint so far."""
        return self.folder / "best.safetensors"

    @property
    def progress(self) -> float:
        """0 … 1 of the schedule: of the updates, or of the time given (validations included)."""
        if self.minutes is not None:
            return min(self.seconds / (self.minutes * 60), 1.0)
        return min(self.update / self.trainer_config.updates, 1.0)

    def run(self, on_report: OnReport, *, snapshot_seconds: float = 120.0) -> None:
        """Train until the schedule ends or validation stops improving."""
        last_saved = time.monotonic()
        while not self._finished():
            self._update()
            validated = self._validation_is_due() or self._finished()
            if validated:
                self._validate_average()
            # All processes save together: the state of a batch is spread over them.
            (save,) = self.ranks.from_first(time.monotonic() - last_saved > snapshot_seconds)
            if validated or save:
                self.save()
                last_saved = time.monotonic()
            on_report(self._report())

    def _update(self) -> None:
        begun = time.monotonic()
        for group in self.optimizer.param_groups:
            group["lr"] = self._learning_rate() * group.get("ratio", 1.0)
        nll, items = self._train_on(self.batches.next())
        self.update += 1
        self.items += items
        self._average_weights()
        self.running_nll = nll if math.isnan(self.running_nll) else _decayed(self.running_nll, nll)
        (seconds,) = self.ranks.from_first(time.monotonic() - begun)
        self.seconds += seconds
        self.update_seconds += seconds

    def _learning_rate(self) -> float:
        """Linear warm-up, then cosine decay over the schedule (Loshchilov & Hutter 2017)."""
        config = self.trainer_config
        warm_up = min(1.0, (self.update + 1) / max(config.warm_up_updates, 1))
        floor = config.final_learning_rate_ratio
        return config.learning_rate * warm_up * (floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * self.progress)))

    def _make_optimizer(self) -> torch.optim.AdamW:
        """AdamW over all weights. A parameter group may have a ``ratio`` to the scheduled learning rate."""
        config = self.trainer_config
        return torch.optim.AdamW(
            self.named.values(), lr=config.learning_rate, weight_decay=config.weight_decay, fused=True
        )

    def _step(self) -> None:
        """Clip the gradients and update the weights."""
        moving = [parameter for parameter in self.named.values() if parameter.requires_grad]
        torch.nn.utils.clip_grad_norm_(moving, self.trainer_config.gradient_norm)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)

    def _previous_state(self, resets: Tensor, rows: slice = slice(None)) -> State | None:
        """The state of the last batch in ``rows``, zero where ``resets`` (B,) marks the start of a piece."""
        return reset_state(slice_state(self.state, rows), resets)

    @torch.no_grad()
    def _average_weights(self) -> None:
        # Warm-up of the decay: the first updates would otherwise keep the random initialisation.
        decay = min(self.trainer_config.ema_decay, (1 + self.update) / (10 + self.update))
        torch._foreach_lerp_(list(self.average.values()), list(self.named.values()), 1 - decay)

    def _validation_is_due(self) -> bool:
        return self.update % self.trainer_config.valid_every == 0

    def _finished(self) -> bool:
        return self.progress >= 1 or self.since_best > self.trainer_config.early_stopping

    def _validate_average(self) -> None:
        begun = time.monotonic()
        if self.ranks.first:
            with swapped(self.named, self.average):
                self._validate()
        since_best, seconds = self.ranks.from_first(self.since_best, time.monotonic() - begun)
        self.since_best = int(since_best)
        self.seconds += seconds

    def _record(self, nll: float, valid: Figures, *, eligible: bool = True, **facts: Any) -> bool:
        """Add a validation to the history; whether ``nll`` is the best of the ``eligible`` ones so far."""
        moment = {"update": self.update, "items": self.items, "seconds": round(self.seconds, 1)}
        self.history.append({**moment, "train": self.running_nll, "valid": valid, **facts})
        self.since_best += 1
        if not eligible or nll >= self.best:
            return False
        self.best, self.since_best = nll, 0
        return True

    def _report(self) -> Report:
        last = self.history[-1] if self.history else {}
        progress = max(self.progress, 1e-9)
        return Report(
            update=self.update,
            updates=self.trainer_config.updates if self.minutes is None else round(self.update / progress),
            nll=self.running_nll,
            throughput=self.items / max(self.update_seconds, 1e-9),
            seconds_left=self.seconds / progress * (1 - self.progress),
            valid=last.get("valid", {}),
            best=self.best,
            validated_at=last.get("update", -1),
            train=self._running_figures(),
        )

    def _running_figures(self) -> Figures:
        """Running training figures by group."""
        return {}

    def save(self) -> None:
        """Write a snapshot that ``resume`` continues from. All processes call it; the first one writes."""
        tensors = {f"network.{n}": p.detach() for n, p in self.named.items()}
        tensors |= {f"average.{n}": p for n, p in self.average.items()}
        tensors |= optimizer_tensors(self.optimizer, self.named) | random_tensors(self.device, self.ranks)
        for name, part in state_tensors(self.state).items():
            tensors[name] = self.ranks.all_rows(part, self.trainer_config.batch_size)
        if not self.ranks.first:
            return
        more_tensors, more_facts = self._more_state()
        facts = {name: getattr(self, name) for name in _COUNTERS} | more_facts
        facts |= {"batches": self.batches.state(), "config": self.trainer_config.model_dump(mode="json")}
        facts |= {"identity": self._identity()}
        save_snapshot(Snapshot(tensors | more_tensors, facts), self.folder / "snapshot")

    @torch.no_grad()
    def resume(self) -> None:
        """Continue from the folder's snapshot, with any number of processes; bit-exact with as many as before.

        Raises ``TrainingError`` without a snapshot, or when it is of other data, widths or another version's network.
        """
        snapshot = load_snapshot(self.folder / "snapshot")
        tensors, facts = snapshot.tensors, snapshot.facts
        if facts["identity"] != self._identity():
            raise TrainingError(f"{self.folder}: the snapshot there is of another set, other widths or another version")
        for name, parameter in self.named.items():
            parameter.copy_(tensors[f"network.{name}"])
            self.average[name].copy_(tensors[f"average.{name}"])
        restore_optimizer(self.optimizer, self.named, tensors)
        for name in _COUNTERS:
            setattr(self, name, facts[name])
        restore_random(tensors, self.device, self.ranks, self.ranks.seed(self.trainer_config.seed, self.update))
        rows = self.ranks.own(self.trainer_config.batch_size) if self.ranks.count > 1 else slice(None)
        self.state = slice_state(state_from(tensors, self.device), rows)
        self.batches.restore(facts["batches"])
        self._restore_more(snapshot)

    @abstractmethod
    def _identity(self) -> dict[str, Any]:
        """What a snapshot must agree on to be resumed, JSON-ready."""

    def _more_state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Tensors and facts that a subclass adds to a snapshot."""
        return {}, {}

    def _restore_more(self, snapshot: Snapshot) -> None:
        """The inverse of ``_more_state``."""


def _decayed(mean: float, value: float) -> float:
    return RUNNING_DECAY * mean + (1 - RUNNING_DECAY) * value


@contextmanager
def swapped(named: dict[str, nn.Parameter], average: dict[str, Tensor]) -> Iterator[None]:
    """Put the averaged weights into the network inside the block."""
    _swap(named, average)
    try:
        yield
    finally:
        _swap(named, average)


@torch.no_grad()
def _swap(named: dict[str, nn.Parameter], average: dict[str, Tensor]) -> None:
    for name, parameter in named.items():
        kept = parameter.detach().clone()
        parameter.copy_(average[name])
        average[name].copy_(kept)
