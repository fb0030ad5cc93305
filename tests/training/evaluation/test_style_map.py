"""The map of the style space: held-out pieces by genre beside songs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("matplotlib", reason="plots need the train extra")

from composer.model.style.config import expected_style_shapes
from midi_data.corpus.dataset import Shard, all_pieces, open_shards
from midi_data.corpus.prepare import prepare
from tests.songs import midi_folder
from training.evaluation.report import plots
from training.evaluation.samples import Sample
from training.evaluation.style_map import style_map


def held_out(shard: Shard) -> Shard:
    return replace(shard, pieces=tuple(replace(piece, split="valid") for piece in shard.pieces))


def test_pieces_and_songs_lie_on_the_two_widest_axes(tmp_path: Path) -> None:
    shards = []
    for genre in ("jazz", "rock"):
        prepare(midi_folder(tmp_path / genre, count=6), tmp_path / "corpus" / genre, genre=genre)
        shards += [held_out(shard) for shard in open_shards(tmp_path / "corpus" / genre)]
    rng = np.random.default_rng(1)
    style = {
        name: (rng.standard_normal(shape) / np.sqrt(shape[-1])).astype(np.float16)
        for name, shape in expected_style_shapes(3).items()
    }
    songs = [Sample(piece.work, shard.events(piece)) for shard, piece in all_pieces(shards, "valid")][:5]
    found = style_map(style, shards, "rock", songs, 0)
    assert found is not None
    assert set(found.pieces) == {"jazz", "rock"}
    assert found.songs.shape == (5, 2)
    every = np.concatenate(list(found.pieces.values()))
    assert every.mean(axis=0) == pytest.approx([0, 0], abs=1e-9)
    assert found.explained[0] >= found.explained[1]
    legend = plots.style_map(found, "rock").axes[0].get_legend()
    assert legend is not None
    assert "songs of rock" in [text.get_text() for text in legend.get_texts()]


def test_a_checkpoint_without_a_style_model_has_no_map() -> None:
    assert style_map({}, [], "rock", [], 0) is None
    assert "no style model" in plots.style_map(None, "rock").axes[0].get_title()
