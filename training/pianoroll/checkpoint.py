"""Piano-roll checkpoints: safetensors files with a JSON header. Untrusted: header, shapes and numbers are checked."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator

from composer.model.tensor_file import (
    check_shapes,
    finite_weight,
    read_tensor_file,
    read_tensor_header,
    write_tensor_file,
)
from training.pianoroll.data import HIGHEST, LOWEST, RollSet
from training.pianoroll.model_config import RollShape
from training.pianoroll.network import RollDropouts, RollNetwork

FILE_SIZE_LIMIT = 256 * 2**20
SHIPPED = Path(__file__).parents[1] / "checkpoints"
SETS = {"jsb": "jsb", "chorale": "jsb", "nottingham": "nottingham", "muse": "musedata", "piano_midi": "piano-midi",
        "piano-midi": "piano-midi", "pianomidi": "piano-midi"}  # fmt: skip
"""Part of a file name → name of the set."""


class _Shape(BaseModel):
    """Bounds on the memory that an untrusted header may allocate."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    low: int = Field(ge=LOWEST, le=HIGHEST)
    high: int = Field(ge=LOWEST, le=HIGHEST)
    descending: bool
    features: int = Field(ge=1, le=2048)
    key_hidden: int = Field(ge=1, le=2048)
    key: int = Field(ge=1, le=2048)
    frame_hidden: int = Field(ge=1, le=8192)
    chord_hidden: int = Field(ge=1, le=8192)
    score: int = Field(ge=1, le=2048)

    @model_validator(mode="after")
    def _ordered(self) -> _Shape:
        if self.low > self.high:
            raise ValueError(f"low is at most high ({self.high}), not {self.low}")
        return self


class RollHeader(BaseModel):
    """Metadata of a checkpoint. ``prints``: digests of the parts of its data. ``valid_nll``: nats a frame."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal["riffbird-pianoroll-1"] = "riffbird-pianoroll-1"
    name: str
    shape: _Shape
    prints: dict[str, str] = Field(default_factory=dict)
    valid_nll: float | None = None
    trained_frames: int = 0
    recipe: dict[str, Any] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class RollCheckpoint:
    """A network in evaluation mode and its header."""

    header: RollHeader
    network: RollNetwork = field(repr=False)
    path: Path | None = None


def header_for(shape: RollShape, **facts: Any) -> RollHeader:
    """A header for a network of ``shape``."""
    return RollHeader(shape=_Shape(**asdict(shape)), **facts)


def save_roll_checkpoint(network: RollNetwork, header: RollHeader, path: Path) -> None:
    """Write in half precision, atomically. Raises ``CheckpointError`` when the folder is not writable."""
    tensors = {name: w.detach().cpu().half().contiguous().numpy() for name, w in network.state_dict().items()}
    write_tensor_file(path, header, tensors)


def load_roll_checkpoint(path: Path) -> RollCheckpoint:
    """Read a checkpoint. Raises ``CheckpointError`` when it is damaged or foreign."""
    header, tensors = read_tensor_file(path, RollHeader, FILE_SIZE_LIMIT)
    network = RollNetwork(RollShape(**header.shape.model_dump()), RollDropouts()).eval()
    check_shapes(path, {name: tuple(w.shape) for name, w in network.state_dict().items()}, tensors)
    network.load_state_dict({n: torch.from_numpy(finite_weight(path, n, w)) for n, w in tensors.items()})
    return RollCheckpoint(header, network, path)


def read_roll_header(path: Path) -> RollHeader:
    """The header alone. Raises ``CheckpointError`` when the file is damaged or foreign."""
    return read_tensor_header(path, RollHeader, FILE_SIZE_LIMIT)


def find_checkpoint(rolls: RollSet, folder: Path = SHIPPED) -> Path | None:
    """The shipped checkpoint trained on this set, by its content, else by the file's name; None if there is none."""
    prints = rolls.digests()
    for path in sorted(folder.glob("pianoroll-*.safetensors")):
        known = read_roll_header(path).prints
        if any(known.get(part) == prints.get(part) for part in ("train", "valid") if part in prints):
            return path
    named = folder / f"pianoroll-{set_name(rolls.path)}.safetensors"
    return named if named.exists() else None


def set_name(path: Path) -> str:
    """The set that a file's name contains; ``set`` when it contains none of the four."""
    return next((name for word, name in SETS.items() if word in path.stem.lower()), "set")
