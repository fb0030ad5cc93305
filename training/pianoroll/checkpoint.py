"""Piano-roll checkpoints: safetensors with everything needed to use them in the header.

A checkpoint is trusted no more than any file from outside: header, widths, names, shapes and numbers are checked.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from composer.errors import CheckpointError
from training.pianoroll.data import HIGHEST, LOWEST, RollSet
from training.pianoroll.model_config import RollShape
from training.pianoroll.network import RollDropouts, RollNetwork

FORMAT = "riffbird-pianoroll-1"
FILE_SIZE_LIMIT = 256 * 2**20
HEADER_KEY = "riffbird"
SHIPPED = Path(__file__).parents[1] / "checkpoints"
SETS = {"jsb": "jsb", "chorale": "jsb", "nottingham": "nottingham", "muse": "musedata", "piano_midi": "piano-midi",
        "piano-midi": "piano-midi", "pianomidi": "piano-midi"}  # fmt: skip
"""What a file's name may hold, and the set that it then is."""


class _Shape(BaseModel):
    """Bounds on what a foreign header may ask to be allocated."""

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


class RollHeader(BaseModel):
    """What a checkpoint says of itself. ``prints``: digests of its data's parts. ``valid_nll``: nats a frame."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: str = FORMAT
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
    """A header of this version's format."""
    return RollHeader(shape=_Shape(**asdict(shape)), **facts)


def save_roll_checkpoint(network: RollNetwork, header: RollHeader, path: Path) -> None:
    """Write in half precision, under a temporary name first. Raises ``CheckpointError`` when the folder is no good."""
    tensors = {name: w.detach().cpu().half().contiguous() for name, w in network.state_dict().items()}
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(tensors, temporary, metadata={HEADER_KEY: header.model_dump_json()})
        temporary.replace(path)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path}: cannot be written ({error})") from error
    finally:
        temporary.unlink(missing_ok=True)


def load_roll_checkpoint(path: Path) -> RollCheckpoint:
    """Read a checkpoint. Raises ``CheckpointError`` when it is damaged or foreign."""
    try:
        if path.stat().st_size > FILE_SIZE_LIMIT:
            raise CheckpointError(f"{path}: a piano-roll checkpoint has at most {FILE_SIZE_LIMIT} bytes")
        with safe_open(path, framework="pt") as file:
            header = _header(path, file.metadata() or {})
            weights = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118  not a dict
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror or error})") from error
    except SafetensorError as error:
        raise CheckpointError(f"{path}: not a checkpoint ({error})") from error
    network = RollNetwork(RollShape(**header.shape.model_dump()), RollDropouts()).eval()
    _check(path, {name: tuple(w.shape) for name, w in network.state_dict().items()}, weights)
    network.load_state_dict(weights)
    return RollCheckpoint(header, network, path)


def read_roll_header(path: Path) -> RollHeader:
    """The header alone. Raises ``CheckpointError`` when the file is damaged or foreign."""
    try:
        with safe_open(path, framework="pt") as file:
            return _header(path, file.metadata() or {})
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror or error})") from error
    except SafetensorError as error:
        raise CheckpointError(f"{path}: not a checkpoint ({error})") from error


def find_checkpoint(rolls: RollSet, folder: Path = SHIPPED) -> Path | None:
    """The shipped checkpoint made with this set: by its content, else by the file's name; None without one."""
    prints = rolls.prints()
    for path in sorted(folder.glob("pianoroll-*.safetensors")):
        known = read_roll_header(path).prints
        if any(known.get(part) == prints.get(part) for part in ("train", "valid") if part in prints):
            return path
    named = folder / f"pianoroll-{set_name(rolls.path)}.safetensors"
    return named if named.exists() else None


def set_name(path: Path) -> str:
    """The set that a file's name speaks of, ``set`` when it is none of the four."""
    return next((name for word, name in SETS.items() if word in path.stem.lower()), "set")


def _header(path: Path, metadata: dict[str, str]) -> RollHeader:
    try:
        header = RollHeader.model_validate_json(metadata[HEADER_KEY])
    except KeyError as error:
        raise CheckpointError(f"{path}: not a Riffbird checkpoint (its header has no {HEADER_KEY!r})") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise CheckpointError(
            f"{path}: not a piano-roll checkpoint: {'.'.join(map(str, first['loc']))}: {first['msg']}"
        ) from error
    if header.format != FORMAT:
        raise CheckpointError(f"{path}: piano-roll checkpoint format {FORMAT} can be read, not {header.format}")
    if header.shape.low > header.shape.high:
        raise CheckpointError(f"{path}: damaged checkpoint header: low {header.shape.low} above {header.shape.high}")
    return header


def _check(path: Path, wanted: dict[str, tuple[int, ...]], weights: dict[str, torch.Tensor]) -> None:
    found = {name: tuple(weight.shape) for name, weight in weights.items()}
    if wanted != found:
        name = min(set(wanted.items()) ^ set(found.items()))[0]
        raise CheckpointError(f"{path}: {name} should be {wanted.get(name)}, is {found.get(name)}")
    for name, weight in weights.items():
        if not bool(torch.isfinite(weight).all()):
            raise CheckpointError(f"{path}: damaged checkpoint, {name} has values that are no numbers")
