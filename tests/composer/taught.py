"""A tiny checkpoint as a file that was taught a genre: for tests of what is done with genres, never of music."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from composer.model.checkpoint import save_checkpoint
from tests.composer.checkpoints import tiny_checkpoint


def taught(folder: Path, *genres: str, name: str = "", seed: int = 1) -> Path:
    """A file in ``folder`` that plays the last of two ``genres`` besides the other."""
    made = tiny_checkpoint(seed)
    header = made.header.model_copy(
        update={
            "name": name or genres[-1],
            "genres": genres,
            "data": {genres[-1]: {"pieces": 40, "hours": 2.125, "notes": 9000}},
            "valid": {genres[-1]: {"nll": 3.25}},
            "licences": {genres[-1]: {"ska: \x1b[2JCC0-1.0": 40}},
            "recipe": {"base": "house"},
        }
    )
    path = folder / f"{genres[-1]}-{seed}.riffbird"
    save_checkpoint(replace(made, header=header), path)
    return path
