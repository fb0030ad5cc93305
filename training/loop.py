"""The training loop: segments in, updates out, best weights kept. Resumes exactly (same seed, same CPU).

Adam with decoupled decay, linear warm-up and cosine decay, gradient clipping, an exponential moving average of the
weights (which is what is validated and shipped). Knows no file of music: pieces come in as shards.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from composer.checkpoint import Checkpoint, save_checkpoint
from composer.network import Dropouts, Network, State, field_nll
from composer.shapes import NetworkShape
from midi_data.pieces import Piece, Shard
from training.devices import precision
from training.errors import TrainingError
from training.export import checkpoint_of
from training.lanes import LaneStream, Segment
from training.pieces import Names
from training.recipe import Recipe
from training.state import Snapshot, load_snapshot, optimizer_tensors, restore_optimizer, save_snapshot
from training.valid import choose, nll_by_genre

Held = list[tuple[Shard, Piece]]


@dataclass(frozen=True, slots=True)
class Report:
    """Where a training stands. ``nll``: the running training figure in nats a note; ``valid``: the latest per genre."""

    update: int
    updates: int
    nll: float
    notes_per_second: float
    seconds_left: float
    valid: dict[str, dict[str, float]] = field(default_factory=dict)
    best: float = math.inf
    validated_at: int = -1


OnReport = Callable[[Report], None]


class Training:
    """One training in ``folder``: ``snapshot/`` to resume from, ``best.safetensors`` to compose with."""

    def __init__(
        self,
        recipe: Recipe,
        train: Held,
        valid: Held,
        names: Names,
        folder: Path,
        device: torch.device,
        *,
        minutes: float | None = None,
    ) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe, self.names, self.folder, self.device = recipe, names, folder, device
        self.minutes = minutes
        self.train_pieces, self.valid_pieces = train, choose(valid, recipe.valid_notes_a_genre)
        shape = NetworkShape(len(names.genres), len(names.styles), **recipe.widths.model_dump())
        self.network = Network(shape, Dropouts(**recipe.dropouts.model_dump())).to(device)
        self.named = dict(self.network.named_parameters())
        self.average = {name: p.detach().clone() for name, p in self.named.items()}
        self.optimizer = torch.optim.AdamW(
            self.named.values(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True
        )
        self.stream = LaneStream(train, names, recipe)
        self.state: State | None = None
        self.update = 0
        self.seconds = 0.0
        self.notes = 0
        self.running_nll = math.nan
        self.best = math.inf
        self.since_best = 0
        self.history: list[dict[str, Any]] = []

    def run(self, on_report: OnReport, *, snapshot_seconds: float = 120.0) -> None:
        """Train until the recipe's updates (or ``minutes``) are done, or nothing gets better."""
        last_saved = time.monotonic()
        while not self._finished():
            begun = time.monotonic()
            self._one_update(self.stream.next())
            self.seconds += time.monotonic() - begun
            validated = self._validation_is_due() or self._finished()
            if validated:
                self._validate()
            if validated or time.monotonic() - last_saved > snapshot_seconds:
                self.save()
                last_saved = time.monotonic()
            on_report(self._report())

    @property
    def progress(self) -> float:
        """0 … 1 of the schedule: of the updates, or of the time given."""
        if self.minutes is not None:
            return min(self.seconds / (self.minutes * 60), 1.0)
        return self.update / self.recipe.updates

    def _validation_is_due(self) -> bool:
        return self.update % self.recipe.valid_every == 0

    def _finished(self) -> bool:
        return self.progress >= 1 or self.since_best > self.recipe.patience

    def _rate(self) -> float:
        recipe = self.recipe
        warm = min(1.0, (self.update + 1) / max(recipe.warm_up_updates, 1))
        floor = recipe.final_learning_rate_ratio
        return recipe.learning_rate * warm * (floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * self.progress)))

    def _one_update(self, segment: Segment) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = self._rate()
        state = self._carried(segment.fresh.to(self.device))
        with precision(self.device):
            logits, state = self.network(segment.inputs.to(self.device), segment.conditions.to(self.device), state)
        losses = field_nll(logits, segment.target.to(self.device))
        loss = torch.stack([losses[name].sum() for name in losses]).sum() / max(segment.notes, 1)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.named.values(), self.recipe.gradient_norm)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.state = tuple((h.detach(), c.detach()) for h, c in state)
        self.update += 1
        self.notes += segment.notes
        self._average_weights()
        nll = float(loss.detach())
        self.running_nll = nll if math.isnan(self.running_nll) else 0.98 * self.running_nll + 0.02 * nll

    def _carried(self, fresh: torch.Tensor) -> State | None:
        """The state of the last segment, emptied in lanes where a new piece begins."""
        if self.state is None:
            return None
        keep = (~fresh).view(1, -1, 1)
        return tuple((h * keep, c * keep) for h, c in self.state)

    @torch.no_grad()
    def _average_weights(self) -> None:
        decay = min(self.recipe.ema_decay, (1 + self.update) / (10 + self.update))
        torch._foreach_lerp_(list(self.average.values()), list(self.named.values()), 1 - decay)

    def _validate(self) -> None:
        with Swapped(self.named, self.average):
            sums = nll_by_genre(self.network, self.valid_pieces, self.names, self.device)
            figures = {genre: total.per_note() for genre, total in sorted(sums.items())}
            # Every genre counts alike: the small ones are what people ask for.
            mean = sum(figure["nll"] for figure in figures.values()) / max(len(figures), 1)
            self.history.append(
                {"update": self.update, "notes": self.notes, "train": self.running_nll, "valid": figures}
            )
            self.since_best += 1
            if mean < self.best:
                self.best, self.since_best = mean, 0
                self._keep_best(figures)

    def _keep_best(self, figures: dict[str, dict[str, float]]) -> None:
        checkpoint = checkpoint_of(
            self.network,
            self.names,
            self.train_pieces,
            name=self.recipe.name,
            valid=figures,
            trained_notes=self.notes,
            recipe=self.recipe.model_dump(mode="json"),
            curve=curve_of(self.history),
        )
        save_checkpoint(checkpoint, self.folder / "best.safetensors")

    def _report(self) -> Report:
        per_second = self.notes / max(self.seconds, 1e-9)
        left = self.seconds / max(self.progress, 1e-9) * (1 - self.progress)
        valid = self.history[-1]["valid"] if self.history else {}
        total = self.recipe.updates if self.minutes is None else round(self.update / max(self.progress, 1e-9))
        when = self.history[-1]["update"] if self.history else -1
        return Report(self.update, total, self.running_nll, per_second, left, valid, self.best, when)

    @torch.no_grad()
    def start_from(self, base: Checkpoint) -> None:
        """Begin with the weights of ``base``; rows of new genres and styles begin as the mean of the old ones.

        Raises ``TrainingError`` when the widths differ.
        """
        for name, parameter in self.named.items():
            old = torch.from_numpy(base.weights[name]).to(self.device)
            if old.shape[1:] != parameter.shape[1:] or old.shape[0] > parameter.shape[0]:
                raise TrainingError(
                    f"--base: {name} is {tuple(old.shape)} there, {tuple(parameter.shape)} by this recipe"
                )
            parameter.copy_(
                torch.cat([old, old.mean(0, keepdim=True).expand(parameter.shape[0] - len(old), *old.shape[1:])])
            )
            self.average[name].copy_(parameter)

    def save(self) -> None:
        """Write a snapshot that ``resume`` goes on from."""
        tensors = {f"network.{n}": p.detach() for n, p in self.named.items()}
        tensors |= {f"average.{n}": p for n, p in self.average.items()}
        tensors |= optimizer_tensors(self.optimizer, self.named)
        tensors["random.cpu"] = torch.get_rng_state()
        for index, (hidden, cell) in enumerate(self.state or ()):
            tensors |= {f"state.{index}.hidden": hidden, f"state.{index}.cell": cell}
        more_tensors, more_facts = self._more_state()
        facts = {name: getattr(self, name) for name in _COUNTERS} | more_facts
        save_snapshot(
            Snapshot(
                tensors | more_tensors,
                {**facts, "stream": self.stream.state(), "recipe": asdict_recipe(self.recipe)},
            ),
            self.folder / "snapshot",
        )

    def resume(self) -> None:
        """Go on from the folder's snapshot. Raises ``TrainingError`` when there is none."""
        snapshot = load_snapshot(self.folder / "snapshot")
        with torch.no_grad():
            for name, parameter in self.named.items():
                parameter.copy_(snapshot.tensors[f"network.{name}"])
                self.average[name].copy_(snapshot.tensors[f"average.{name}"])
        restore_optimizer(self.optimizer, self.named, snapshot.tensors)
        torch.set_rng_state(snapshot.tensors["random.cpu"])
        layers = range(self.recipe.widths.layers)
        if "state.0.hidden" in snapshot.tensors:
            self.state = tuple(
                (
                    snapshot.tensors[f"state.{i}.hidden"].to(self.device),
                    snapshot.tensors[f"state.{i}.cell"].to(self.device),
                )
                for i in layers
            )
        for name in _COUNTERS:
            setattr(self, name, snapshot.facts[name])
        self.stream.restore(snapshot.facts["stream"])
        self._restore_more(snapshot)

    def _more_state(self) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
        """Tensors and facts that a training of another kind adds to a snapshot."""
        return {}, {}

    def _restore_more(self, snapshot: Snapshot) -> None:
        """Take back what ``_more_state`` gave."""


_COUNTERS = ("update", "seconds", "notes", "running_nll", "best", "since_best", "history")


def curve_of(history: list[dict[str, Any]]) -> list[tuple[int, float, float]]:
    """(notes, running training nll, mean valid nll of the genres) of each validation."""
    return [
        (each["notes"], each["train"], sum(v["nll"] for v in each["valid"].values()) / max(len(each["valid"]), 1))
        for each in history
    ]


def asdict_recipe(recipe: Recipe) -> dict[str, object]:
    """The recipe as JSON."""
    return recipe.model_dump(mode="json")


class Swapped:
    """Inside the block the network holds the averaged weights."""

    def __init__(self, named: dict[str, torch.nn.Parameter], average: dict[str, torch.Tensor]) -> None:
        self._named, self._average = named, average

    def __enter__(self) -> None:
        self._swap()

    def __exit__(self, *_: object) -> None:
        self._swap()

    @torch.no_grad()
    def _swap(self) -> None:
        for name, parameter in self._named.items():
            kept = parameter.detach().clone()
            parameter.copy_(self._average[name])
            self._average[name].copy_(kept)
