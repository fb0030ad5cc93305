"""Checkpoints from before a thing was told still load and compose: what they do not tell is told by nothing."""

from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

from composer.decoding.generate import Composer
from composer.errors import CheckpointError
from composer.model.checkpoint import HABITS, TENDENCIES, load_checkpoint, save_checkpoint
from composer.planning.plan import plan_song
from composer.request import ComposeRequest
from midi_data.analysis.activity import MASK_VALUES_PER_PART
from midi_data.analysis.attribute_histograms import COLUMNS
from tests.composer.checkpoints import BAND, tiny_checkpoint


def rewritten(folder: Path, drop: tuple[str, ...] = ()) -> Path:
    """A checkpoint as it was before tendencies were told and voices counted, without the weights ``drop`` names."""
    new, old = folder / "new.safetensors", folder / "old.safetensors"
    save_checkpoint(tiny_checkpoint(), new)
    with safe_open(new, framework="numpy") as file:
        tensors, facts = {name: file.get_tensor(name) for name in file.keys()}, file.metadata()  # noqa: SIM118
    tensors = {name: each for name, each in tensors.items() if not any(part in name for part in drop)}
    parts = tensors[HABITS][:, 2:].reshape(2, -1, MASK_VALUES_PER_PART)[..., :-1]
    tensors[HABITS] = np.concatenate([tensors[HABITS][:, :2], parts.reshape(2, -1)], axis=1)
    if TENDENCIES in tensors:
        tensors[TENDENCIES] = np.ascontiguousarray(tensors[TENDENCIES][:, : COLUMNS["place"].start])
    save_file(tensors, old, metadata=facts)
    return old


WEIGHTS = ("tendencies_in", "part_tendencies", "from_tendencies")


def test_an_older_checkpoint_composes(tmp_path: Path) -> None:
    checkpoint = load_checkpoint(rewritten(tmp_path, WEIGHTS))
    assert not checkpoint.weights["part_tendencies.weight"].any()
    assert not checkpoint.tendencies[0][:, COLUMNS["place"]].any()
    assert checkpoint.tendencies[0][:, COLUMNS["duration"]].any()
    voices = checkpoint.habits[:, 2:].reshape(2, -1, MASK_VALUES_PER_PART)[:, : len(BAND), -1]
    assert (voices == -1).all()
    band = Composer(checkpoint)
    [song] = band.compose([plan_song(ComposeRequest(genres={"jazz": 1.0}, seed=1, length_seconds=10), checkpoint)])
    assert song.note_count


def test_a_checkpoint_that_lacks_one_of_its_weights_is_damaged_not_old(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="part_tendencies"):
        load_checkpoint(rewritten(tmp_path, ("part_tendencies",)))
