"""What tests of trainings share: tiny riffs to learn from, and a recipe that learns from them in seconds."""

import io
import tarfile
from pathlib import Path

from tests.songs import midi_folder

RECIPE = """
name = "tiny"
updates = {updates}
batch_size = 2
steps = 16
warm_up_updates = 2
valid_every = {valid_every}
early_stopping = 1000
[widths]
hidden = 8
layers = 1
inputs = 8
head = 8
"""

FINETUNE_RECIPE = """
name = "finetune"
updates = {updates}
batch_size = 2
steps = 16
warm_up_updates = 1
valid_every = {valid_every}
early_stopping = 1000
[finetuning]
rows_only_below_notes = 0
replay_songs_a_genre = 2
replay_seconds = 10
replay_batch_size = 1
samples = 1
sample_seconds = 10
old_genres_limit = 10
"""


def tiny_recipe(folder: Path, *, updates: int = 30, valid_every: int = 10) -> Path:
    path = folder / "tiny.toml"
    path.write_text(RECIPE.format(updates=updates, valid_every=valid_every))
    return path


def archive_of(folder: Path, count: int = 4) -> bytes:
    """A tar.gz of riffs, and of a member that tries to leave its folder."""
    midi = midi_folder(folder / "packed", count=count)
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w:gz") as archive:
        for path in sorted(midi.iterdir()):
            archive.add(path, arcname=f"../../{path.name}")
    return whole.getvalue()


def tiny_finetune_recipe(folder: Path, *, updates: int = 30, valid_every: int = 10) -> Path:
    path = folder / "finetune.toml"
    path.write_text(FINETUNE_RECIPE.format(updates=updates, valid_every=valid_every))
    return path
