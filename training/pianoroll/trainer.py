"""Training a piano-roll network: segments in, updates out, the best averaged weights kept. Resumes exactly.

As ``training.trainer``: AdamW, warm-up and cosine decay, clipping; an exponential moving average is what is validated.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from training.devices import precision
from training.errors import TrainingError
from training.pianoroll.batches import RollLanes
from training.pianoroll.checkpoint import header_for, save_roll_checkpoint
from training.pianoroll.config import RollRecipe
from training.pianoroll.data import LOWEST, RollSet
from training.pianoroll.features import Piece, Steps
from training.pianoroll.model_config import RollShape
from training.pianoroll.network import RollDropouts, RollNetwork, State
from training.pianoroll.score import score_pieces
from training.snapshot import Snapshot, load_snapshot, optimizer_tensors, restore_optimizer, save_snapshot

_COUNTERS = ("update", "seconds", "frames", "running_nll", "best", "since_best", "history")


@dataclass(frozen=True, slots=True)
class RollReport:
    """Where a training stands; all figures in nats a frame. ``valid`` is the latest, NaN before the first."""

    update: int
    updates: int
    nll: float
    frames_per_second: float
    seconds_left: float
    valid: float
    best: float
    validated: bool


OnReport = Callable[[RollReport], None]


class RollTraining:
    """One training in ``folder``: ``snapshot/`` to resume from, ``best.safetensors`` to score with."""

    def __init__(
        self, recipe: RollRecipe, rolls: RollSet, folder: Path, device: torch.device, *, minutes: float | None = None
    ) -> None:
        if not any(len(roll) > 1 for roll in rolls.pieces("train")) or not rolls.pieces("valid"):
            raise TrainingError(f"{rolls.path}: training needs pieces of two frames in train, and some in valid")
        torch.manual_seed(recipe.seed)
        self.recipe, self.folder, self.device, self.minutes = recipe, folder, device, minutes
        self.prints = rolls.prints()
        self.valid_pieces = [Piece.of(roll) for roll in rolls.pieces("valid")]
        shape = shape_for(recipe, rolls)
        self.network = RollNetwork(shape, RollDropouts(**recipe.dropouts.model_dump())).to(device)
        self.named = dict(self.network.named_parameters())
        self.average = {name: p.detach().clone() for name, p in self.named.items()}
        self.optimizer = torch.optim.AdamW(
            self.named.values(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True
        )
        self.stream = RollLanes([Piece.of(roll) for roll in rolls.pieces("train")], shape, recipe)
        self.state: State | None = None
        self.update = self.frames = self.since_best = 0
        self.seconds = 0.0
        self.running_nll, self.best = math.nan, math.inf
        self.history: list[dict[str, float]] = []

    @property
    def best_path(self) -> Path:
        """Where the best weights so far are."""
        return self.folder / "best.safetensors"

    def run(self, on_report: OnReport, *, snapshot_seconds: float = 120.0) -> None:
        """Train until the updates (or ``minutes``) are done, or nothing gets better."""
        last_saved = time.monotonic()
        while not self._finished():
            begun = time.monotonic()
            self._one_update(*self.stream.next())
            validated = self.update % self.recipe.valid_every == 0 or self._finished(begun)
            if validated:
                self._validate()
            self.seconds += time.monotonic() - begun
            if validated or time.monotonic() - last_saved > snapshot_seconds:
                self.save()
                last_saved = time.monotonic()
            on_report(self._report(validated=validated))

    @property
    def progress(self) -> float:
        """0 … 1 of the schedule: of the updates, or of the time given (validations included)."""
        if self.minutes is not None:
            return min(self.seconds / (self.minutes * 60), 1.0)
        return min(self.update / self.recipe.updates, 1.0)

    def _finished(self, begun: float | None = None) -> bool:
        running = time.monotonic() - begun if begun is not None and self.minutes is not None else 0.0
        over = self.minutes is not None and self.seconds + running >= self.minutes * 60
        return over or self.progress >= 1 or self.since_best > self.recipe.patience

    def _rate(self) -> float:
        recipe = self.recipe
        warm = min(1.0, (self.update + 1) / max(recipe.warm_up_updates, 1))
        floor = recipe.final_learning_rate_ratio
        return recipe.learning_rate * warm * (floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * self.progress)))

    def _one_update(self, steps: Steps, fresh: torch.Tensor) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = self._rate()
        with precision(self.device):
            nats, state = self.network(steps.to(self.device), carried(self.state, fresh.to(self.device)))
        count = int(steps.scored.sum())
        loss = nats.sum() / max(count, 1)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.named.values(), self.recipe.gradient_norm)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.state = _detached(state)
        self.update += 1
        self.frames += count
        self._average_weights()
        nll = float(loss.detach())
        self.running_nll = nll if math.isnan(self.running_nll) else 0.98 * self.running_nll + 0.02 * nll

    @torch.no_grad()
    def _average_weights(self) -> None:
        decay = min(self.recipe.ema_decay, (1 + self.update) / (10 + self.update))
        torch._foreach_lerp_(list(self.average.values()), list(self.named.values()), 1 - decay)

    def _validate(self) -> None:
        kept = {name: parameter.detach().clone() for name, parameter in self.named.items()}
        self._put(self.average)
        valid = score_pieces(self.network, self.valid_pieces).nll
        self.history.append({"update": self.update, "train": self.running_nll, "valid": valid})
        self.since_best += 1
        if valid < self.best:
            self.best, self.since_best = valid, 0
            save_roll_checkpoint(self.network, self._header(valid), self.best_path)
        self._put(kept)

    def _header(self, valid: float) -> Any:
        facts = {"valid_nll": valid, "trained_frames": self.frames, "recipe": self.recipe.model_dump(mode="json")}
        return header_for(self.network.shape, name=self.recipe.name, prints=self.prints, **facts)

    @torch.no_grad()
    def _put(self, weights: dict[str, torch.Tensor]) -> None:
        for name, parameter in self.named.items():
            parameter.copy_(weights[name])

    def _report(self, *, validated: bool) -> RollReport:
        left = self.seconds / max(self.progress, 1e-9) * (1 - self.progress)
        total = self.recipe.updates if self.minutes is None else round(self.update / max(self.progress, 1e-9))
        valid = self.history[-1]["valid"] if self.history else math.nan
        speed = self.frames / max(self.seconds, 1e-9)
        return RollReport(self.update, total, self.running_nll, speed, left, valid, self.best, validated)

    def save(self) -> None:
        """Write a snapshot that ``resume`` goes on from."""
        tensors = {f"network.{n}": p.detach() for n, p in self.named.items()}
        tensors |= {f"average.{n}": p for n, p in self.average.items()}
        tensors |= optimizer_tensors(self.optimizer, self.named)
        tensors["random.cpu"] = torch.get_rng_state()
        for index, pair in enumerate(self.state or ()):
            tensors |= {f"state.{index}.{part}": tensor for part, tensor in zip("hc", pair, strict=True)}
        facts = {name: getattr(self, name) for name in _COUNTERS}
        facts |= {"stream": self.stream.state(), "recipe": self.recipe.model_dump(mode="json"), "prints": self.prints}
        save_snapshot(Snapshot(tensors, facts), self.folder / "snapshot")

    def resume(self) -> None:
        """Go on from the folder's snapshot. Raises ``TrainingError`` without one, or when it is of another training."""
        snapshot = load_snapshot(self.folder / "snapshot")
        tensors, facts = snapshot.tensors, snapshot.facts
        if facts.get("prints") != self.prints or facts["recipe"]["widths"] != self.recipe.widths.model_dump():
            raise TrainingError(f"{self.folder}: the snapshot there is of another set or other widths")
        self._put({name: tensors[f"network.{name}"] for name in self.named})
        self.average = {name: tensors[f"average.{name}"].to(self.device) for name in self.named}
        restore_optimizer(self.optimizer, self.named, tensors)
        torch.set_rng_state(tensors["random.cpu"])
        if "state.0.h" in tensors:
            parts = [tensors[f"state.{name}"].to(self.device) for name in ("0.h", "0.c", "1.h", "1.c")]
            self.state = (parts[0], parts[1]), (parts[2], parts[3])
        for name in _COUNTERS:
            setattr(self, name, facts[name])
        self.stream.restore(facts["stream"])


def shape_for(recipe: RollRecipe, rolls: RollSet) -> RollShape:
    """The recipe's widths over the keys of the training part and its margin."""
    used = np.flatnonzero(np.stack([roll.any(0) for roll in rolls.pieces("train")]).any(0)) + LOWEST
    whole = RollShape()
    if not len(used):
        return RollShape(descending=recipe.descending, **recipe.widths.model_dump())
    low, high = max(whole.low, int(used[0]) - recipe.margin), min(whole.high, int(used[-1]) + recipe.margin)
    return RollShape(low, high, recipe.descending, **recipe.widths.model_dump())


def carried(state: State | None, fresh: torch.Tensor) -> State | None:
    """The state of the last segment, emptied in lanes (``fresh``, (B,)) where a new piece begins."""
    if state is None:
        return None
    (key_hidden, key_cell), (frame_hidden, frame_cell) = state
    frame_keep = (~fresh).view(1, -1, 1)
    key_keep = frame_keep.repeat_interleave(key_hidden.shape[1] // len(fresh), dim=1)
    return (key_hidden * key_keep, key_cell * key_keep), (frame_hidden * frame_keep, frame_cell * frame_keep)


def _detached(state: State) -> State:
    (a, b), (c, d) = state
    return (a.detach(), b.detach()), (c.detach(), d.detach())
