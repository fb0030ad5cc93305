"""Trains the style model: ``python -m training.style CORPORA --out FILE``.

Adam with cosine decay over the given time; the averaged weights with the least nats on held-out pieces (every genre
alike) are kept. Genres are weighted by the square root of their pieces.
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
from midi_data.events.encoding import SAME_PROGRAM_LIMIT
from training.style.network import StyleNetwork, keep_all_but_priors, load_weights
from training.style.pieces import EXCERPTS, StylePiece, batch_of, pieces_of

BATCH = 64
LEARNING_RATE = 1.5e-3
WEIGHT_DECAY = 0.02
GENRE_DROPOUT = 0.1
RANGES_DROPOUT = 0.3
"""Share of views that are encoded without ranges and grid."""
ANNEALING = 0.2
"""Share of the training in which the weight of the divergence rises from 0 to 1."""
VALIDATE_EVERY = 250
EMA_DECAY = 0.998
GENRE_POWER = 0.5
_log = logging.getLogger(__name__)


def count_pieces(network: StyleNetwork, pieces: list[StylePiece]) -> None:
    """Store how many pieces of each genre and with each program the network is trained on."""
    network.genre_pieces.zero_()
    network.program_pieces.zero_()
    for piece in pieces:
        network.genre_pieces[[0, 1 + piece.genre]] += 1
        programs = {part // SAME_PROGRAM_LIMIT for part in piece.views[0].band}
        network.program_pieces[sorted(programs)] += 1


def validate(network: StyleNetwork, pieces: list[StylePiece]) -> dict[int, dict[str, float]]:
    """Nats a part of each genre's pieces, by share of the bound (``StyleNetwork.forward``)."""
    network.eval()
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        sums: dict[int, dict[str, float]] = defaultdict(lambda: defaultdict(float))
        for first in range(0, len(pieces), BATCH):
            group = pieces[first : first + BATCH]
            nats = network(batch_of([(piece.genre, piece.views[0]) for piece in group]))
            for index, piece in enumerate(group):
                own = sums[piece.genre]
                own["n"] += len(piece.views[0].band)
                for name, values in nats.items():
                    own[name] += float(values[index])
    network.train()
    return {row: {n: v / own["n"] for n, v in own.items() if n != "n"} for row, own in sorted(sums.items())}


def mean_nats(figures: dict[int, dict[str, float]]) -> dict[str, float]:
    """The mean over genres of ``validate``'s figures, with their sum as ``total``."""
    names = next(iter(figures.values()))
    means = {name: sum(each[name] for each in figures.values()) / len(figures) for name in names}
    return means | {"total": sum(means.values())}


def train(
    network: StyleNetwork, pieces: list[StylePiece], valid: list[StylePiece], minutes: float, seed: int = 1
) -> dict[str, torch.Tensor]:
    """Train for ``minutes`` and return the best averaged weights."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    count_pieces(network, pieces)
    trained = [weight for weight in network.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    average = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    genres = np.array([piece.genre for piece in pieces])
    shares = np.bincount(genres)[genres] ** -GENRE_POWER
    best, kept, begun, update = math.inf, dict(average), time.monotonic(), 0
    while (progress := (time.monotonic() - begun) / (60 * minutes)) < 1:
        for group in optimizer.param_groups:
            group["lr"] = LEARNING_RATE * min(1, (update + 1) / 100) * (0.51 + 0.49 * math.cos(math.pi * progress))
        chosen = [pieces[index] for index in rng.choice(len(pieces), BATCH, p=shares / shares.sum())]
        batch = batch_of(
            [(piece.genre, piece.views[rng.integers(len(piece.views))]) for piece in chosen],
            keep_genre=lambda: bool(rng.random() >= GENRE_DROPOUT),
            knows_ranges=lambda: bool(rng.random() >= RANGES_DROPOUT),
        )
        nats = network(batch)
        weight = min(1.0, 0.02 + progress / ANNEALING)
        loss = sum(n.sum() * (weight if name in ("song", "parts") else 1) for name, n in nats.items())
        optimizer.zero_grad(set_to_none=True)
        (loss / len(batch.piece)).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()
        update += 1
        decay = min(EMA_DECAY, (1 + update) / (10 + update))
        for name, tensor in network.state_dict().items():
            average[name].lerp_(tensor, 1 - decay)
        if update % VALIDATE_EVERY == 0:
            best, kept = _better(network, average, valid, best, kept, update)
    kept = _better(network, average, valid, best, kept, update)[1]
    network.load_state_dict(kept)
    network.eval()
    return dict(network.weights())


def _better(
    network: StyleNetwork,
    average: dict[str, torch.Tensor],
    valid: list[StylePiece],
    best: float,
    kept: dict[str, torch.Tensor],
    update: int,
) -> tuple[float, dict[str, torch.Tensor]]:
    """The least held-out nats so far and their weights, after validating ``average``."""
    own = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    network.load_state_dict(average)
    means = mean_nats(validate(network, valid))
    network.load_state_dict(own)
    _log.info("update %d: %s", update, {name: round(nats, 3) for name, nats in means.items()})
    if means["total"] < best:
        return means["total"], {name: tensor.clone() for name, tensor in average.items()}
    return best, kept


def main() -> None:
    """Parse the command line and train."""
    parser = argparse.ArgumentParser(prog="python -m training.style", description=__doc__)
    parser.add_argument("corpora", type=Path, help="prepared corpus")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--checkpoint", type=Path, help="its genres are the rows (default: the shipped one)")
    parser.add_argument("--base", type=Path, help="weights to go on from")
    parser.add_argument("--prior-only", action="store_true", help="keep encoder, decoder and embeddings of the base")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    genres = load_checkpoint(given.checkpoint).header.genres
    shards = open_shards(given.corpora)
    torch.set_num_threads(1)
    pieces = pieces_of(all_pieces(shards, "train"), genres, EXCERPTS, given.seed)
    valid = pieces_of(all_pieces(shards, "valid"), genres, 0)
    _log.info("%d pieces to train on, %d held out", len(pieces), len(valid))
    network = StyleNetwork(len(genres))
    if given.base:
        load_weights(network, load_file(given.base))
    if given.prior_only:
        keep_all_but_priors(network)
    weights = train(network, pieces, valid, given.minutes, given.seed)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    save_file(
        {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in weights.items()}, given.out
    )


if __name__ == "__main__":
    main()
