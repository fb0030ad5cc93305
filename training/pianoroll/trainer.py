"""Training of a piano-roll network; figures are in nats a frame."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from training.devices import autocast
from training.distributed import Ranks
from training.errors import TrainingError
from training.pianoroll.batches import RollBatch, RollBatchStream
from training.pianoroll.checkpoint import header_for, save_roll_checkpoint
from training.pianoroll.config import RollTrainingConfig
from training.pianoroll.data import LOWEST, RollSet
from training.pianoroll.features import Piece
from training.pianoroll.model_config import RollShape
from training.pianoroll.network import RollDropouts, RollNetwork
from training.pianoroll.score import score_pieces
from training.recurrent_state import detach_state
from training.trainer import Trainer

VALID = "valid"
"""The only group of a report's figures."""


class RollTrainer(Trainer[RollBatch]):
    """A training on the ``train`` part of a set, validated on its ``valid`` part."""

    def __init__(
        self,
        config: RollTrainingConfig,
        rolls: RollSet,
        folder: Path,
        device: torch.device,
        *,
        minutes: float | None = None,
    ) -> None:
        if not any(len(roll) > 1 for roll in rolls.pieces("train")) or not rolls.pieces("valid"):
            raise TrainingError(f"{rolls.path}: training needs pieces of two frames in train, and some in valid")
        torch.manual_seed(config.seed)
        self.config, self.digests = config, rolls.digests()
        self.valid_pieces = [Piece.of(roll) for roll in rolls.pieces("valid")]
        shape = shape_for(config, rolls)
        self.network = RollNetwork(shape, RollDropouts(**config.dropouts.model_dump())).to(device)
        batches = RollBatchStream([Piece.of(roll) for roll in rolls.pieces("train")], shape, config)
        super().__init__(config, self.network, batches, folder, Ranks(device), minutes)

    def _train_on(self, batch: RollBatch) -> tuple[float, int]:
        steps, resets = batch
        with autocast(self.device):
            nats, state = self.network(steps.to(self.device), self._previous_state(resets.to(self.device)))
        frames = int(steps.scored.sum())
        loss = nats.sum() / max(frames, 1)
        loss.backward()
        self._step()
        self.state = detach_state(state)
        return float(loss.detach()), frames

    def _validate(self) -> None:
        nll = score_pieces(self.network, self.valid_pieces).nll
        if self._record(nll, {VALID: {"nll": nll}}):
            facts = {"valid_nll": nll, "trained_frames": self.items, "recipe": self.config.model_dump(mode="json")}
            header = header_for(self.network.shape, name=self.config.name, prints=self.digests, **facts)
            save_roll_checkpoint(self.network, header, self.best_path)

    def _identity(self) -> dict[str, Any]:
        return {"digests": self.digests, "widths": self.config.widths.model_dump()}


def shape_for(config: RollTrainingConfig, rolls: RollSet) -> RollShape:
    """The configured widths over the keys of the training part and its margin."""
    used = np.flatnonzero(np.stack([roll.any(0) for roll in rolls.pieces("train")]).any(0)) + LOWEST
    full = RollShape()
    if not len(used):
        return RollShape(descending=config.descending, **config.widths.model_dump())
    low, high = max(full.low, int(used[0]) - config.margin), min(full.high, int(used[-1]) + config.margin)
    return RollShape(low, high, config.descending, **config.widths.model_dump())
