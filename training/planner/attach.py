"""Puts trained parts into a checkpoint: ``python -m training.planner.attach CHECKPOINT BASE OUT PART=FILE …``.

A PART is one of ``composer.model.checkpoint_parts.PARTS``, a FILE safetensors of its arrays. Name and
``CALIBRATED`` are those of BASE, which CHECKPOINT was trained from.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from safetensors.numpy import load_file

from composer.model.checkpoint import load_checkpoint, save_checkpoint

CALIBRATED = ("temperatures", "motif_bonus", "new_bar_bias")
"""Header fields by genre that are set after a training."""


def attach(checkpoint: Path, base: Path, out: Path, **parts: Path) -> None:
    """Write ``checkpoint`` with the arrays of ``parts`` to ``out``. Raises ``CheckpointError``."""
    made, kept = load_checkpoint(checkpoint), load_checkpoint(base).header
    notes = made.header.trained_notes + kept.trained_notes
    header = made.header.model_copy(
        update={name: getattr(kept, name) for name in ("name", *CALIBRATED, "curve")} | {"trained_notes": notes}
    )
    loaded: dict[str, Any] = {name: load_file(path) for name, path in parts.items()}
    save_checkpoint(replace(made, header=header, **loaded), out)


if __name__ == "__main__":
    attach(
        *(Path(path) for path in sys.argv[1:4]),
        **{name: Path(path) for name, path in (part.split("=", 1) for part in sys.argv[4:])},
    )
