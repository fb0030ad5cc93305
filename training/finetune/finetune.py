"""A genre more for a finished checkpoint: its own row and, for larger corpora, every weight, held close to the base.

The new genre's row begins as that of the genre it is most like. What the base knew is kept in two ways: on songs that
it composed itself the network must go on choosing as the base would (distillation, Li & Hoiem 2017), and whatever is
validated is moved back towards the base (weights interpolated, Wortsman et al. 2022) until unseen songs of that kind
are hardly less likely than before. Knows no folder of MIDI and no terminal.
"""

from __future__ import annotations

import copy
import math
import time
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from composer.model.checkpoint import Checkpoint, save_checkpoint
from composer.model.network import State, field_nll
from training.config import Recipe, Tuning, Widths
from training.data.batches import LaneStream, Segment
from training.data.examples import Names
from training.data.replay import Replay
from training.devices import precision
from training.export import checkpoint_of
from training.finetune.distillation import carried, divergence, side_by_side
from training.finetune.merging import merged
from training.finetune.sample_callback import Heard, Listening
from training.running_means import sums_by_genre
from training.snapshot import Snapshot
from training.trainer import Held, Report, Swapped, Training
from training.validation import choose, nll_by_genre

FEWEST_VALIDATIONS = 12
"""In the time given, unless nothing gets better before."""
TRIES = 4
"""How often weights are moved back towards the base before a validation counts as failed."""

Figures = dict[str, dict[str, float]]


@dataclass(frozen=True, slots=True)
class Lesson:
    """What is taught: pieces of one ``genre``, some held out, to ``base``; its row begins as ``nearest``'s."""

    genre: str
    train: Held
    valid: Held
    base: Checkpoint
    nearest: str
    names: Names
    replay: Replay | None
    """``None`` moves the genre's own rows only: nothing can be forgotten."""


@dataclass(frozen=True, slots=True)
class TuningReport(Report):
    """As ``Report``, and what else is watched.

    ``old_change``: by what share songs of the old genre that lost most are less likely.
    """

    old_change: float = 0.0
    heard: Heard | None = None
    history: list[dict[str, Any]] = field(default_factory=list)


class FineTuning(Training):
    """One lesson in ``folder``; ``run``, ``save`` and ``resume`` as any training."""

    def __init__(
        self, recipe: Recipe, lesson: Lesson, listening: Listening, folder: Path, device: torch.device, minutes: float
    ) -> None:
        base = lesson.base
        widths = Widths(**{name: getattr(base.config, name) for name in Widths.model_fields})
        recipe = recipe.model_copy(update={"widths": widths})
        super().__init__(recipe, lesson.train, lesson.valid, lesson.names, folder, device, minutes=minutes)
        self.lesson, self.listening, self.how = lesson, listening, recipe.tuning or Tuning()
        self.heard: Heard | None = None
        self.start_from(base)
        self.own_rows = {f"condition_tables.{kind}.weight": own for kind, own in self._own_rows().items()}
        self._begin_rows()
        self.optimizer = self._two_speeds()
        self.anchor = {name: p.detach().clone() for name, p in self.named.items()}
        self.base_network = copy.deepcopy(self.network).eval().requires_grad_(requires_grad=False)
        self.base_state: State | None = None
        self.replay = self._replay_stream(lesson.replay) if lesson.replay else None
        self.watched = choose(lesson.replay.valid, 0) if lesson.replay else []
        self.base_nll = self._nll(self.watched)
        self.changes: dict[str, float] = {}
        self.at_start = self._nll(self.valid_pieces)[lesson.genre]
        if lesson.replay is None:
            self._hold_all_but_rows()

    @property
    def progress(self) -> float:
        """0 … 1: of the time or of the recipe's updates, whichever is further."""
        return max(super().progress, min(self.update / self.recipe.updates, 1.0))

    def _validation_is_due(self) -> bool:
        """After the recipe's updates, and on a slow machine often enough for a choice of moments."""
        last = self.history[-1]["seconds"] if self.history else 0.0
        waited = self.seconds - last >= (self.minutes or self.how.minutes) * 60 / FEWEST_VALIDATIONS
        return waited or super()._validation_is_due()

    @property
    def nll_at_start(self) -> float:
        """Nats a note of the held-out pieces before the first update: as songs of the nearest genre."""
        return self.at_start["nll"]

    def _own_rows(self) -> dict[str, Tensor]:
        """Which rows of the genre and style tables are the taught genre's own; all others stay what they were."""
        genre, names = self.lesson.genre, self.names
        own = {
            "genre": [name == genre for name in names.genres],
            "style": [name.startswith(f"{genre}/") for name in names.styles],
        }
        return {kind: torch.tensor(rows, device=self.device) for kind, rows in own.items()}

    @torch.no_grad()
    def _begin_rows(self) -> None:
        """A new genre's row begins as the nearest genre's, new styles' rows as "any"."""
        header = self.lesson.base.header
        for kind, known, like in (("genre", header.genres, self.lesson.nearest), ("style", header.styles, "any")):
            name = f"condition_tables.{kind}.weight"
            table = self.named[name]
            table[len(known) :] = table[known.index(like)].clone()
            self.average[name].copy_(table)

    def _two_speeds(self) -> torch.optim.AdamW:
        """The genre's own rows are few and new: they move faster than what everything stands on."""
        groups = [
            {"params": [p for name, p in self.named.items() if (name in self.own_rows) is own], "ratio": ratio}
            for own, ratio in ((True, self.how.rows_learning_rate_ratio), (False, 1.0))
        ]
        return torch.optim.AdamW(groups, weight_decay=self.recipe.weight_decay, fused=True)

    def _hold_all_but_rows(self) -> None:
        for name, parameter in self.named.items():
            parameter.requires_grad_(name in self.own_rows)

    def _replay_stream(self, replay: Replay) -> LaneStream:
        recipe = self.recipe.model_copy(update={"lanes": self.how.replay_lanes, "genre_weights": {}})
        return LaneStream(replay.train, self.names, recipe)

    def _one_update(self, segment: Segment) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = self._rate() * group["ratio"]
        replayed = self.replay.next() if self.replay else None
        both = side_by_side(segment, replayed) if replayed else segment
        state = self._carried(both.fresh.to(self.device))
        target = both.target.to(self.device)
        with precision(self.device, self.recipe.precision):
            logits, state = self.network(both.inputs.to(self.device), both.conditions.to(self.device), state)
        own = segment.target.shape[1]
        losses = field_nll({name: each[:, :own] for name, each in logits.items()}, target[:, :own])
        nll = torch.stack([each.sum() for each in losses.values()]).sum() / max(segment.notes, 1)
        loss = nll
        if replayed:
            theirs = {name: each[:, own:] for name, each in logits.items()}
            loss = nll + self.how.replay_weight * self._strayed(theirs, replayed)
        self._step(loss)
        labels = segment.conditions.labels
        self.running.take(sums_by_genre(losses, segment.target, labels, len(self.names.genres)))
        self._count(segment.notes, float(nll.detach()))
        self.state = tuple((h.detach(), c.detach()) for h, c in state)

    def _step(self, loss: Tensor) -> None:
        loss.backward()  # type: ignore[no-untyped-call]
        for name, own in self.own_rows.items():
            grad = self.named[name].grad
            if grad is not None:
                grad[~own] = 0
        moving = [parameter for parameter in self.named.values() if parameter.requires_grad]
        torch.nn.utils.clip_grad_norm_(moving, self.recipe.gradient_norm)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        with torch.no_grad():  # decay would have moved them
            for name, own in self.own_rows.items():
                self.named[name][~own] = self.anchor[name][~own]

    def _count(self, notes: int, nll: float) -> None:
        self.update += 1
        self.notes += notes
        self._average_weights()
        self.running_nll = nll if math.isnan(self.running_nll) else 0.95 * self.running_nll + 0.05 * nll

    def _strayed(self, logits: dict[str, Tensor], segment: Segment) -> Tensor:
        """Nats a note by which the network's choices in the base's songs stray from the base's (Kullback-Leibler)."""
        with torch.no_grad(), precision(self.device, self.recipe.precision):
            wanted, self.base_state = self.base_network(
                segment.inputs.to(self.device),
                segment.conditions.to(self.device),
                carried(self.base_state, segment.fresh.to(self.device)),
            )
        return divergence(wanted, logits, segment.target.to(self.device)) / max(segment.notes, 1)

    def _validate(self) -> None:
        begun = time.monotonic()
        with Swapped(self.named, self.average):
            averaged = {name: parameter.detach().clone() for name, parameter in self.named.items()}
            change = self._move_back()
            figures = self._nll(self.valid_pieces)
            self._judge(figures, change)
            with torch.no_grad():  # what goes on being averaged is not moved back
                for name, parameter in self.named.items():
                    parameter.copy_(averaged[name])
        self.seconds += time.monotonic() - begun

    def _move_back(self) -> float:
        """Move the weights towards the base until its songs are likely enough; the share they lost."""
        change = self._old_change()
        for _ in range(TRIES):
            if change <= self.how.old_genres_limit:
                break
            # What is lost grows about with the square of the way.
            share = min(0.9, 0.95 * math.sqrt(self.how.old_genres_limit / change))
            with torch.no_grad():
                for name, parameter in self.named.items():
                    parameter.lerp_(self.anchor[name], 1 - share)
            change = self._old_change()
        return change

    def _old_change(self) -> float:
        """By what share the watched songs' nll rose in the genre that lost most; 0 where nothing can change."""
        now = self._nll(self.watched)
        self.changes = {name: now[name]["nll"] / self.base_nll[name]["nll"] - 1 for name in now}
        return max(self.changes.values(), default=0.0)

    def _nll(self, held: Held) -> Figures:
        sums = nll_by_genre(self.network, held, self.names, self.device, self.recipe.precision)
        return {genre: total.per_note() for genre, total in sorted(sums.items())}

    def _judge(self, figures: Figures, change: float) -> None:
        """Keep what is better than ever, compose with it, write the moment down."""
        nll = figures[self.lesson.genre]["nll"]
        made = self._made(figures, change)
        self.heard = self.listening.hear(made, self.update)
        self.since_best += 1
        good = change <= self.how.old_genres_limit * 1.1
        if good and nll < self.best:
            self.best, self.since_best = nll, 0
            save_checkpoint(made, self.folder / "best.safetensors")
        self.history.append(
            {"update": self.update, "notes": self.notes, "seconds": round(self.seconds, 1), "train": self.running_nll,
             "valid": figures, "old_change": change, "old_changes": self.changes, "copy_rate": self.heard.copy_rate,
             "real_rate": self.heard.real_rate, "sample": self.heard.midi.name}
        )  # fmt: skip

    def _made(self, figures: Figures, change: float) -> Checkpoint:
        made = checkpoint_of(
            self.network, self.names, self.train_pieces, name=self.recipe.name, valid=figures,
            trained_notes=self.notes, recipe=self.recipe.model_dump(mode="json"), tables=self.tables,
        )  # fmt: skip
        return merged(self.lesson.base, made, like=self.lesson.nearest, changed=change if self.watched else None)

    def _report(self) -> TuningReport:
        plain = super()._report()
        change = float(self.history[-1]["old_change"]) if self.history else 0.0
        known = {each.name: getattr(plain, each.name) for each in fields(Report)}
        return TuningReport(**known, old_change=change, heard=self.heard, history=list(self.history))

    def _more_state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        tensors: dict[str, Tensor] = {}
        for index, (hidden, cell) in enumerate(self.base_state or ()):
            tensors |= {f"base_state.{index}.hidden": hidden, f"base_state.{index}.cell": cell}
        return tensors, {"replay": self.replay.state() if self.replay else None}

    def _restore_more(self, snapshot: Snapshot) -> None:
        if self.replay is None:
            return
        self.replay.restore(snapshot.facts["replay"])
        tensors, layers = snapshot.tensors, range(self.recipe.widths.layers)
        if "base_state.0.hidden" in tensors:
            pairs = [(tensors[f"base_state.{i}.hidden"], tensors[f"base_state.{i}.cell"]) for i in layers]
            self.base_state = tuple((h.to(self.device), c.to(self.device)) for h, c in pairs)
