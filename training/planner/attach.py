"""Puts a trained planner into a checkpoint: ``python -m training.planner.attach CHECKPOINT PLANNER BASE OUT``.

Name, temperatures and strengths of repetition are those of BASE, which CHECKPOINT was trained from.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from safetensors.numpy import load_file

from composer.model.checkpoint import load_checkpoint, save_checkpoint


def attach(checkpoint: Path, planner: Path, base: Path, out: Path) -> None:
    """Write ``checkpoint`` with the weights of ``planner`` to ``out``. Raises ``CheckpointError``."""
    made, kept = load_checkpoint(checkpoint), load_checkpoint(base).header
    notes = made.header.trained_notes + kept.trained_notes
    header = made.header.model_copy(
        update={name: getattr(kept, name) for name in ("name", "temperatures", "repetition_strength", "curve")}
        | {"trained_notes": notes}
    )
    save_checkpoint(replace(made, header=header, planner=load_file(planner)), out)


if __name__ == "__main__":
    attach(*(Path(path) for path in sys.argv[1:5]))
