"""Puts a trained style model into a checkpoint: ``python -m training.style.attach CHECKPOINT STYLE OUT``."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from safetensors.numpy import load_file

from composer.model.checkpoint import load_checkpoint, save_checkpoint


def attach(checkpoint: Path, style: Path, out: Path) -> None:
    """Write ``checkpoint`` with the weights of ``style`` to ``out``. Raises ``CheckpointError``."""
    save_checkpoint(replace(load_checkpoint(checkpoint), style=load_file(style)), out)


if __name__ == "__main__":
    attach(*(Path(path) for path in sys.argv[1:4]))
