"""Trains the instrumentation model and counts the pooled statistics: ``python -m training.planner.train_bands``."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file as save_arrays
from safetensors.torch import save_file

from composer.model.checkpoint import load_checkpoint
from midi_data.corpus.dataset import all_pieces, open_shards
from training.data.corpora import names_of
from training.planner.charts import example_of
from training.planner.instrumentation import BandNetwork, style_shares, train
from training.planner.parts import facts_of
from training.planner.pooled import pooled_statistics


def main() -> None:
    """Parse the command line, train and count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--out-bands", type=Path, required=True)
    parser.add_argument("--out-pooled", type=Path, required=True)
    parser.add_argument("--updates", type=int, default=1500)
    parser.add_argument("--checkpoint", type=Path, help="its genres are the rows (default: the shipped one)")
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(1)
    shards = open_shards(given.corpus)
    pieces, held = list(all_pieces(shards, "train")), list(all_pieces(shards, "valid"))
    names = names_of(pieces, load_checkpoint(given.checkpoint))
    examples, valid = (
        [example_of(shard, piece, names.genre_row(piece)) for shard, piece in each] for each in (pieces, held)
    )
    styles = [names.style_row(piece) for _, piece in pieces]
    weights = train(BandNetwork(len(names.genres), len(names.styles)), examples, styles, valid, given.updates)
    genres = [names.genre_row(piece) for _, piece in pieces]
    weights["style_share"] = style_shares(genres, styles, len(names.genres), len(names.styles))
    save_file({name: tensor.contiguous() for name, tensor in weights.items()}, given.out_bands)
    facts = [facts_of(shard, piece, names) for shard, piece in pieces]
    arrays = pooled_statistics(facts, len(names.genres), len(names.styles)).arrays()
    save_arrays({name: np.ascontiguousarray(array) for name, array in arrays.items()}, given.out_pooled)


if __name__ == "__main__":
    main()
