"""The training loop: segments in, updates out, best weights kept. Resumes exactly (same seed, same CPU).

Adam with decoupled decay, linear warm-up and cosine decay, gradient clipping, an exponential moving average of the
weights (which is what is validated and shipped). Several processes (``training.distributed``) share the lanes of one
training, and each may play its share in parts: an update is of all lanes, whoever plays them. Knows no file of music:
pieces come in as shards.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from composer.model.checkpoint import Checkpoint, save_checkpoint
from composer.model.config import ModelConfig
from composer.model.network import Dropouts, Network, State, field_nll
from midi_data.corpus.dataset import Piece, Shard
from training.ceiling import BareLstm
from training.config import Recipe
from training.data.batches import LaneStream, Segment, split
from training.data.examples import Names
from training.devices import in_bf16, precision
from training.distributed import Ranks, average_gradients, share
from training.errors import TrainingError
from training.export import Tables, checkpoint_of, tables_of
from training.running_means import RunningNll, sums_by_genre
from training.snapshot import Snapshot, load_snapshot, optimizer_tensors, restore_optimizer, save_snapshot
from training.validation import choose, nll_by_genre

Held = list[tuple[Shard, Piece]]


@dataclass(frozen=True, slots=True)
class Report:
    """Where a training stands. ``nll``: the running training figure in nats a note; ``valid``: the latest per genre.

    ``bare_notes_per_second``: what a bare LSTM of the network's shape reaches (``training.ceiling``), 0 where it was
    not measured; ``train``: as ``valid``, the running training figures.
    """

    update: int
    updates: int
    nll: float
    notes_per_second: float
    seconds_left: float
    valid: dict[str, dict[str, float]] = field(default_factory=dict)
    best: float = math.inf
    validated_at: int = -1
    bare_notes_per_second: float = 0.0
    train: dict[str, dict[str, float]] = field(default_factory=dict)

    @property
    def of_bare_lstm(self) -> float | None:
        """Notes a second as a share of a bare LSTM's."""
        return self.notes_per_second / self.bare_notes_per_second if self.bare_notes_per_second else None


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
        ranks: Ranks | None = None,
    ) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe, self.names, self.folder, self.device = recipe, names, folder, device
        self.minutes, self.ranks = minutes, ranks or Ranks(device)
        self.train_pieces, self.valid_pieces = train, choose(valid, recipe.valid_notes_a_genre)
        config = ModelConfig(len(names.genres), len(names.styles), **recipe.widths.model_dump())
        self.network = Network(config, Dropouts(**recipe.dropouts.model_dump())).to(device)
        self.named = dict(self.network.named_parameters())
        self.average = {name: p.detach().clone() for name, p in self.named.items()}
        self.optimizer = torch.optim.AdamW(
            self.named.values(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True
        )
        if not self.ranks.first:  # weights begin alike, dropout differs
            torch.manual_seed(self.ranks.seed(recipe.seed))
        self.own = self.ranks.own(recipe.lanes)
        self.stream = LaneStream(train, names, recipe, self.own)
        self.bare = self._bare_lstm()
        self.running = RunningNll(names.genres)
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
            waited = time.monotonic() - last_saved > snapshot_seconds
            seconds, save = self.ranks.from_first(time.monotonic() - begun, waited)
            self.seconds += seconds
            if self.bare:
                self.bare.measure_now_and_then(self.update)
            validated = self._validation_is_due() or self._finished()
            if validated:
                self._validate()
            if validated or save:
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

    def _bare_lstm(self) -> BareLstm | None:
        """The measure for this process's lanes; a lesson's batch is another, and has none."""
        recipe = self.recipe
        if recipe.tuning:
            return None
        lanes = -(-(self.own.stop - self.own.start) // recipe.accumulate)
        dtype = torch.bfloat16 if in_bf16(self.device, recipe.precision) else torch.float32
        return BareLstm(recipe.widths, lanes, recipe.steps, self.device, dtype)

    def _one_update(self, segment: Segment) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = self._rate()
        played = []
        for index, part in enumerate(split(segment, self.recipe.accumulate)):
            lanes = share(segment.target.shape[1], index, self.recipe.accumulate)
            played.append(self._play(part, self._carried(part.fresh.to(self.device), lanes), segment.notes))
        self.state = side_by_side([state for state, _ in played])
        self._finish(self.ranks.total(torch.stack([sums for _, sums in played]).sum(0)), segment.notes)
        self._average_weights()

    def _play(self, segment: Segment, state: State | None, notes: int) -> tuple[State, torch.Tensor]:
        """Add the gradients of ``segment``, one of the parts that have ``notes`` together.

        Returns the state after it, and its sums by genre and field.
        """
        with precision(self.device, self.recipe.precision):
            logits, state = self.network(segment.inputs.to(self.device), segment.conditions.to(self.device), state)
        losses = field_nll(logits, segment.target.to(self.device))
        loss = torch.stack([losses[name].sum() for name in losses]).sum() / max(notes, 1)
        loss.backward()  # type: ignore[no-untyped-call]
        sums = sums_by_genre(losses, segment.target, segment.conditions.labels, len(self.names.genres))
        return tuple((h.detach(), c.detach()) for h, c in state), sums

    def _finish(self, sums: torch.Tensor, own_notes: int) -> None:
        """Step by the gradients of what everybody played, whose ``sums`` by genre and field these are."""
        notes = int(sums[:, -1].sum())
        average_gradients(list(self.named.values()), own_notes, notes, self.ranks)
        self._descend()
        self.update += 1
        self.notes += notes
        self.running.take(sums)
        nll = float(sums[:, :-1].sum()) / max(notes, 1)
        self.running_nll = nll if math.isnan(self.running_nll) else 0.98 * self.running_nll + 0.02 * nll

    def _descend(self) -> None:
        torch.nn.utils.clip_grad_norm_(self.named.values(), self.recipe.gradient_norm)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)

    def _carried(self, fresh: torch.Tensor, lanes: slice = slice(None)) -> State | None:
        """The state of the last segment in ``lanes``, emptied where a new piece begins."""
        if self.state is None:
            return None
        keep = (~fresh).view(1, -1, 1)
        return tuple((h[:, lanes] * keep, c[:, lanes] * keep) for h, c in self.state)

    @torch.no_grad()
    def _average_weights(self) -> None:
        decay = min(self.recipe.ema_decay, (1 + self.update) / (10 + self.update))
        torch._foreach_lerp_(list(self.average.values()), list(self.named.values()), 1 - decay)

    def _validate(self) -> None:
        if self.ranks.first:
            self._judge_average()
        (since_best,) = self.ranks.from_first(self.since_best)
        self.since_best = int(since_best)

    def _judge_average(self) -> None:
        """Validate the averaged weights, keep them if they are better than ever."""
        with Swapped(self.named, self.average):
            sums = nll_by_genre(self.network, self.valid_pieces, self.names, self.device, self.recipe.precision)
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

    @cached_property
    def tables(self) -> Tables:
        """What every checkpoint of this training remembers of its pieces."""
        return tables_of(self.train_pieces, self.names)

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
            tables=self.tables,
        )
        save_checkpoint(checkpoint, self.folder / "best.safetensors")

    def _report(self) -> Report:
        per_second = self.notes / max(self.seconds, 1e-9)
        left = self.seconds / max(self.progress, 1e-9) * (1 - self.progress)
        valid = self.history[-1]["valid"] if self.history else {}
        total = self.recipe.updates if self.minutes is None else round(self.update / max(self.progress, 1e-9))
        when = self.history[-1]["update"] if self.history else -1
        bare = self.bare.notes_per_second * self.ranks.count if self.bare else 0.0
        return Report(
            self.update, total, self.running_nll, per_second, left, valid, self.best, when, bare, self.running.figures()
        )

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
        """Write a snapshot that ``resume`` goes on from: the first process does, of all lanes."""
        tensors = {f"network.{n}": p.detach() for n, p in self.named.items()}
        tensors |= {f"average.{n}": p for n, p in self.average.items()}
        tensors |= optimizer_tensors(self.optimizer, self.named)
        tensors |= self._random_numbers()
        for index, pair in enumerate(self.state or ()):
            hidden, cell = (self.ranks.of_all_lanes(each, self.recipe.lanes) for each in pair)
            tensors |= {f"state.{index}.hidden": hidden, f"state.{index}.cell": cell}
        if not self.ranks.first:
            return
        more_tensors, more_facts = self._more_state()
        facts = {name: getattr(self, name) for name in _COUNTERS} | more_facts
        facts |= {"stream": self.stream.state(), "running": self.running.state()}
        save_snapshot(
            Snapshot(tensors | more_tensors, {**facts, "recipe": asdict_recipe(self.recipe)}), self.folder / "snapshot"
        )

    def _random_numbers(self) -> dict[str, torch.Tensor]:
        """Where each process's generators stand."""
        kinds = {"cpu": torch.get_rng_state()}
        if self.device.type == "cuda":
            kinds["cuda"] = torch.cuda.get_rng_state(self.device)
        return {
            _random_name(kind, rank): state
            for kind, own in kinds.items()
            for rank, state in enumerate(self.ranks.every(own))
        }

    def resume(self) -> None:
        """Go on from the folder's snapshot, with any number of processes.

        Exactly as if it had not stopped with as many as before. Raises ``TrainingError`` when there is no snapshot.
        """
        snapshot = load_snapshot(self.folder / "snapshot")
        with torch.no_grad():
            for name, parameter in self.named.items():
                parameter.copy_(snapshot.tensors[f"network.{name}"])
                self.average[name].copy_(snapshot.tensors[f"average.{name}"])
        restore_optimizer(self.optimizer, self.named, snapshot.tensors)
        for name in _COUNTERS:
            setattr(self, name, snapshot.facts[name])
        self._restore_random_numbers(snapshot)
        own = self.own if self.ranks.count > 1 else slice(None)
        if "state.0.hidden" in snapshot.tensors:
            kinds = ("hidden", "cell")
            self.state = tuple(
                (hidden[:, own].to(self.device), cell[:, own].to(self.device))
                for hidden, cell in (
                    [snapshot.tensors[f"state.{layer}.{kind}"] for kind in kinds]
                    for layer in range(self.recipe.widths.layers)
                )
            )
        self.stream.restore(snapshot.facts["stream"])
        self.running.restore(snapshot.facts.get("running"))
        self._restore_more(snapshot)

    def _restore_random_numbers(self, snapshot: Snapshot) -> None:
        own = snapshot.tensors.get(_random_name("cpu", self.ranks.rank))
        if own is None:  # a process that was not there before
            torch.manual_seed(self.ranks.seed(self.recipe.seed, self.update))
            return
        torch.set_rng_state(own)
        on_gpu = snapshot.tensors.get(_random_name("cuda", self.ranks.rank))
        if on_gpu is not None and self.device.type == "cuda":
            torch.cuda.set_rng_state(on_gpu, self.device)

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


def side_by_side(states: list[State]) -> State:
    """The states of neighbouring lanes as one."""
    return tuple(
        (torch.cat([state[layer][0] for state in states], 1), torch.cat([state[layer][1] for state in states], 1))
        for layer in range(len(states[0]))
    )


def _random_name(kind: str, rank: int) -> str:
    return f"random.{kind}" + (f".{rank}" if rank else "")


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
