"""Checkpoint files of earlier versions are read."""

import json
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np

from composer.model.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from composer.model.config import LOOKBACK_FIELDS
from composer.model.planner_config import CHORD_WIDTH, expected_planner_shapes
from midi_data.events.features import NOTE_LOOKBACK
from midi_data.events.motifs import MOTIF_INTERVALS
from midi_data.events.progressions import PROGRESSION_SLOTS
from tests.composer.checkpoints import tiny_checkpoint

BEFORE = NOTE_LOOKBACK - len(MOTIF_INTERVALS)


def without_motifs(checkpoint: Checkpoint) -> Checkpoint:
    """``checkpoint`` with the weights of a version that knew no motifs."""
    weights = dict(checkpoint.weights)
    for field in LOOKBACK_FIELDS["note"]:
        columns = BEFORE * checkpoint.config.field_widths[field]
        weights[f"heads.{field}.from_lookback.weight"] = weights[f"heads.{field}.from_lookback.weight"][:, :columns]
        for name in ("weight", "bias"):
            weights[f"heads.{field}.copy.{name}"] = weights[f"heads.{field}.copy.{name}"][:BEFORE]
    return replace(checkpoint, weights=weights)


def test_a_checkpoint_without_motifs_gets_weights_of_zero(tmp_path: Path) -> None:
    made = tiny_checkpoint()
    save_checkpoint(without_motifs(made), tmp_path / "old.safetensors")
    read = load_checkpoint(tmp_path / "old.safetensors")
    for name, weight in made.weights.items():
        field = name.split(".")[1]
        if name.startswith("heads.") and field in LOOKBACK_FIELDS["note"] and ("copy" in name or "lookback" in name):
            rows = name.endswith(("copy.weight", "copy.bias"))
            kept = BEFORE if rows else BEFORE * made.config.field_widths[field]
            old, new = np.split(read.weights[name], [kept], axis=0 if rows else 1)
            assert np.array_equal(old, weight[:kept] if rows else weight[:, :kept])
            assert new.size
            assert not new.any()
        else:
            assert np.array_equal(read.weights[name], weight)


def test_a_planner_without_progressions_gets_weights_of_zero(tmp_path: Path) -> None:
    made, more = tiny_checkpoint(), len(PROGRESSION_SLOTS)
    rng, planner, older = np.random.default_rng(1), {}, {}
    for name, shape in expected_planner_shapes(1 + len(made.header.genres)).items():
        kept = shape
        if name.endswith("_source.weight"):
            kept = (shape[0], shape[1] - more * CHORD_WIDTH)
        elif "_copy." in name:
            kept = (shape[0] - more, *shape[1:])
        older[name] = rng.standard_normal(kept).astype(np.float16)
        planner[name] = np.pad(older[name], [(0, size - had) for size, had in zip(shape, kept, strict=True)])
    save_checkpoint(replace(made, planner=older), tmp_path / "old.safetensors")
    read = load_checkpoint(tmp_path / "old.safetensors").planner
    assert read.keys() == planner.keys()
    assert all(np.array_equal(read[name], planner[name]) for name in planner)


def test_a_header_with_settings_of_earlier_versions_is_read(tmp_path: Path) -> None:
    save_checkpoint(tiny_checkpoint(), tmp_path / "new.safetensors")
    data = (tmp_path / "new.safetensors").read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + size])
    facts = json.loads(header["__metadata__"]["riffbird"]) | {"returns": {"jazz": 2.0}}
    written = json.dumps(header | {"__metadata__": {"riffbird": json.dumps(facts)}}).encode()
    (tmp_path / "old.safetensors").write_bytes(struct.pack("<Q", len(written)) + written + data[8 + size :])
    assert load_checkpoint(tmp_path / "old.safetensors").header == tiny_checkpoint().header
