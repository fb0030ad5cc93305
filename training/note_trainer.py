"""Training of the note network (``composer.model.network``) on prepared corpora, in one process or several.

Shape letters: T time steps, B batch rows, G genres.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from composer.model.checkpoint import Checkpoint, is_chord_weight, load_checkpoint, save_checkpoint
from composer.model.checkpoint_parts import Arrays
from composer.model.config import ModelConfig
from composer.model.network import Dropouts, Network, field_nll
from training.config import TrainingConfig
from training.data.batches import Batch, BatchStream, split_batch
from training.data.examples import Names
from training.data.pieces import CorpusPieces
from training.devices import autocast
from training.distributed import Ranks, average_gradients, split_rows
from training.errors import TrainingError
from training.export import checkpoint_of
from training.planner.parts import parts_for
from training.recurrent_state import State, concat_states, detach_state
from training.snapshot import Snapshot
from training.tracking.running_means import RunningNll, sums_by_genre
from training.trainer import Figures, Trainer
from training.validation import mean_over_genres, nll_by_genre, select_pieces


class NoteTrainer(Trainer[Batch]):
    """A training of all weights. ``valid`` pieces are validated up to the configured number of notes a genre."""

    def __init__(
        self,
        config: TrainingConfig,
        train: CorpusPieces,
        valid: CorpusPieces,
        names: Names,
        folder: Path,
        ranks: Ranks,
        *,
        minutes: float | None = None,
    ) -> None:
        torch.manual_seed(config.seed)
        self.config, self.names = config, names
        self.train_pieces, self.valid_pieces = train, select_pieces(valid, config.valid_notes_a_genre)
        model_config = ModelConfig(len(names.genres), len(names.styles), **config.widths.model_dump())
        self.network = Network(model_config, Dropouts(**config.dropouts.model_dump())).to(ranks.device)
        batches = BatchStream(train, names, config, ranks.own(config.batch_size))
        super().__init__(config, self.network, batches, folder, ranks, minutes)
        self.running = RunningNll(names.genres)
        self.base: Checkpoint | None = None
        self.nearest = ""

    def _make_optimizer(self) -> torch.optim.AdamW:
        """AdamW whose learning rate of the chord weights is ``chord_learning_rate_ratio`` times the rest's."""
        ratio, config = self.config.chord_learning_rate_ratio, self.config
        groups: dict[bool, list[torch.nn.Parameter]] = {False: [], True: []}
        for name, parameter in self.named.items():
            groups[ratio != 1 and is_chord_weight(name)].append(parameter)
        ratios = [{"params": each, "ratio": ratio if chord else 1.0} for chord, each in groups.items() if each]
        return torch.optim.AdamW(ratios, lr=config.learning_rate, weight_decay=config.weight_decay, fused=True)

    def _train_on(self, batch: Batch) -> tuple[float, int]:
        states, sums = [], []
        for index, part in enumerate(split_batch(batch, self.config.accumulate)):
            rows = split_rows(batch.target.shape[1], index, self.config.accumulate)
            state = self._previous_state(part.resets.to(self.device), rows)
            state, part_sums = self._backward(part, state, batch.notes)
            states.append(state)
            sums.append(part_sums)
        self.state = concat_states(states)
        return self._step_together(self.ranks.total(torch.stack(sums).sum(0)), batch.notes)

    def _backward(self, batch: Batch, state: State | None, notes: int) -> tuple[State, Tensor]:
        """Add the gradients of ``batch``, a part of a batch of ``notes`` notes.

        Returns the state after it and its sums (G, 5 + 1) by genre and field.
        """
        with autocast(self.device, self.config.precision):
            logits, state = self.network(batch.inputs.to(self.device), batch.conditions.to(self.device), state)
        losses = field_nll(logits, batch.target.to(self.device))  # (T, B) of each field
        loss = torch.stack([each.sum() for each in losses.values()]).sum() / max(notes, 1)
        loss.backward()  # type: ignore[no-untyped-call]
        sums = sums_by_genre(losses, batch.target, batch.conditions.labels, len(self.names.genres))
        return detach_state(state), sums

    def _step_together(self, sums: Tensor, own_notes: int) -> tuple[float, int]:
        """Update the weights by the gradients of all processes, whose ``sums`` (G, 5 + 1) these are."""
        notes = int(sums[:, -1].sum())
        average_gradients(list(self.named.values()), own_notes, notes, self.ranks)
        self._step()
        self.running.add(sums)
        return float(sums[:, :-1].sum()) / max(notes, 1), notes

    def _validate(self) -> None:
        valid = self._nll(self.valid_pieces)
        # The mean over genres: small genres count as much as large ones.
        if self._record(mean_over_genres(valid), valid):
            save_checkpoint(self._checkpoint(valid), self.best_path)

    def _nll(self, pieces: CorpusPieces) -> Figures:
        """Nats a note of ``pieces`` by genre and field."""
        config = self.config
        sums = nll_by_genre(self.network, pieces, self.names, self.device, config.precision, config.valid_unconditioned)
        return {genre: total.per_note() for genre, total in sorted(sums.items())}

    @cached_property
    def parts(self) -> dict[str, Arrays]:
        """The parts of the checkpoint beside the network: of the base, or of the shipped checkpoint."""
        return parts_for(self.base or load_checkpoint(), self.names, self.train_pieces, self.nearest)

    def _checkpoint(self, valid: Figures) -> Checkpoint:
        return checkpoint_of(
            self.network,
            self.names,
            self.train_pieces,
            parts=self.parts,
            name=self.config.name,
            valid=valid,
            trained_notes=self.items,
            recipe=self.config.model_dump(mode="json"),
            curve=curve_of(self.history),
        )

    def _running_figures(self) -> Figures:
        return self.running.figures()

    @torch.no_grad()
    def start_from(self, base: Checkpoint) -> None:
        """Start with the weights of ``base``; rows of new genres and styles start as the mean of the known ones.

        Raises ``TrainingError`` when the widths differ.
        """
        self.base = base
        for name, parameter in self.named.items():
            old = torch.from_numpy(base.weights[name]).to(self.device)
            if old.shape[1:] != parameter.shape[1:] or old.shape[0] > parameter.shape[0]:
                raise TrainingError(
                    f"--base: {name} is {tuple(old.shape)} there, {tuple(parameter.shape)} by this configuration"
                )
            new = old.mean(0, keepdim=True).expand(parameter.shape[0] - len(old), *old.shape[1:])
            parameter.copy_(torch.cat([old, new]))
            self.average[name].copy_(parameter)

    def _identity(self) -> dict[str, Any]:
        shapes = {name: list(parameter.shape) for name, parameter in self.named.items()}
        return {"widths": self.config.widths.model_dump(), "genres": list(self.names.genres), "shapes": shapes}

    def _more_state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        return {}, {"running": self.running.state()}

    def _restore_more(self, snapshot: Snapshot) -> None:
        self.running.restore(snapshot.facts["running"])


def curve_of(history: list[dict[str, Any]]) -> list[tuple[int, float, float]]:
    """(notes, running training nll, mean validation nll of the genres) of each validation."""
    return [(each["items"], each["train"], mean_over_genres(each["valid"])) for each in history]
