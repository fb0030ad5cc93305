"""Trains the planner: ``python -m training.planner.train --corpus data/corpora --out planner.safetensors``.

Adam with cosine decay over the given time; the weights that are likeliest on held-out pieces (every genre alike) are
kept. ``--checkpoint`` names the checkpoint whose genres the planner's rows follow.
"""

from __future__ import annotations

import argparse
import logging
import math
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from composer.model.checkpoint import load_checkpoint
from midi_data.corpus.dataset import all_pieces, open_shards
from training.planner.charts import Example, batch_of, example_of, excerpt_of
from training.planner.network import PlannerNetwork

BATCH = 24
LEARNING_RATE = 2e-3
WEIGHT_DECAY = 0.02
GENRE_DROPOUT = 0.05
VALIDATE_EVERY = 200
EMA_DECAY = 0.995
VALID_STRIDE = 3
"""Every third held-out piece is validated on."""
_log = logging.getLogger(__name__)


def genre_shares(examples: list[Example]) -> np.ndarray:
    """(N,) how often each example is drawn: genres count by the square root of their size."""
    rows = [example.conditions.genres[0][0] for example in examples]
    counts = np.bincount(rows)
    shares = 1 / np.sqrt(counts[rows])
    normalised: np.ndarray = shares / shares.sum()
    return normalised


@torch.no_grad()
def validate(network: PlannerNetwork, examples: list[Example]) -> dict[int, dict[str, float]]:
    """Nats a bar of each genre's whole pieces, by field."""
    network.eval()
    sums: dict[int, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    ordered = sorted(examples, key=lambda example: example.conditions.bars)
    for first in range(0, len(ordered), BATCH):
        group = ordered[first : first + BATCH]
        losses = network(batch_of(group))
        for index, example in enumerate(group):
            own = sums[example.conditions.genres[0][0]]
            own["bars"] += example.conditions.bars
            for name, values in losses.items():
                own[name] += float(values[index])
    network.train()
    return {row: {n: v / own["bars"] for n, v in own.items() if n != "bars"} for row, own in sorted(sums.items())}


def train(
    network: PlannerNetwork, examples: list[Example], valid: list[Example], minutes: float, out: Path, seed: int = 1
) -> None:
    """Train for ``minutes`` and write the best averaged weights to ``out``."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    optimizer = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    average = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    shares, best, begun, update = genre_shares(examples), math.inf, time.monotonic(), 0
    while (progress := (time.monotonic() - begun) / (60 * minutes)) < 1:
        for group in optimizer.param_groups:
            group["lr"] = LEARNING_RATE * min(1, (update + 1) / 100) * (0.52 + 0.48 * math.cos(math.pi * progress))
        chosen = rng.choice(len(examples), BATCH, p=shares)
        batch = batch_of([excerpt_of(examples[index], rng) for index in chosen], rng, GENRE_DROPOUT)
        loss = torch.stack(list(network(batch).values())).sum() / batch.real.sum()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        update += 1
        decay = min(EMA_DECAY, (1 + update) / (10 + update))
        for name, tensor in network.state_dict().items():
            average[name].lerp_(tensor, 1 - decay)
        if update % VALIDATE_EVERY == 0:
            best = _keep_if_better(network, average, valid, best, out, update)
    _keep_if_better(network, average, valid, best, out, update)


def _keep_if_better(
    network: PlannerNetwork, average: dict[str, torch.Tensor], valid: list[Example], best: float, out: Path, update: int
) -> float:
    """Validate the averaged weights; write them where they are better than ``best``. Returns the better figure."""
    own = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    network.load_state_dict(average)
    figures = validate(network, valid)
    network.load_state_dict(own)
    mean = sum(sum(each.values()) for each in figures.values()) / len(figures)
    by_field = {n: round(sum(f[n] for f in figures.values()) / len(figures), 3) for n in next(iter(figures.values()))}
    _log.info("update %d: %.3f nats a bar held out %s", update, mean, by_field)
    if mean < best:
        out.parent.mkdir(parents=True, exist_ok=True)
        save_file({name: tensor.contiguous() for name, tensor in average.items()}, out)
    return min(mean, best)


def main() -> None:
    """Parse the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument("--checkpoint", type=Path, help="its genres are the rows (default: the shipped one)")
    parser.add_argument("--base", type=Path, help="weights to go on from")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    genres = load_checkpoint(given.checkpoint).header.genres
    shards = open_shards(given.corpus)
    torch.set_num_threads(1)
    train_set, valid_set = (
        [example_of(shard, piece, genres.index(piece.genre)) for shard, piece in all_pieces(shards, split)]
        for split in ("train", "valid")
    )
    _log.info("%d charts to train on, %d held out", len(train_set), len(valid_set))
    network = PlannerNetwork(len(genres))
    if given.base:
        network.load_state_dict(load_file(given.base))
    train(network, train_set, valid_set[::VALID_STRIDE], given.minutes, given.out, given.seed)


if __name__ == "__main__":
    main()
