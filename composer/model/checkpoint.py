"""Checkpoint files: safetensors with a JSON header that holds everything needed to use the weights.

A file is checked like any foreign input: size, header, fingerprint of the event representation, names, shapes and
values of the tensors. No pickle, no torch.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from composer.errors import CheckpointError
from composer.model.checkpoint_tables import pack_tables, unpack_tables
from composer.model.config import ModelConfig, expected_shapes
from midi_data.analysis.activity import Activity
from midi_data.analysis.attribute_histograms import AttributeHistograms
from midi_data.events.encoding import FINGERPRINT

FORMAT = "riffbird-checkpoint-2"
FILE_SIZE_LIMIT = 512 * 2**20
HEADER_KEY = "riffbird"
FILE_NAMES = {
    "time_shift": "advance",
    "repetition": "form",
    "band_activity": "busy",
    "next_band_activity": "busy_next",
    "activity_bonus": "level",
    "active_parts_in": "playing_in",
    "active_histograms_in": "playing_tendencies_in",
    "histograms_in": "tendencies_in",
    "part_histograms": "part_tendencies",
    "from_histograms": "from_tendencies",
    "from_lookback": "from_looks",
}
"""Components of weight names and names of event fields whose spelling in format 2 differs from the code's."""
_CODE_NAMES = {stored: name for name, stored in FILE_NAMES.items()}


class _Config(BaseModel):
    """``ModelConfig`` with bounds on what a foreign header may ask to be allocated."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    genres: int = Field(ge=1, le=4096)
    styles: int = Field(ge=1, le=65536)
    hidden: int = Field(ge=1, le=8192)
    layers: int = Field(ge=1, le=16)
    inputs: int = Field(ge=1, le=8192)
    head: int = Field(ge=1, le=8192)
    time_shift: int = Field(ge=1, le=4096, alias="advance")
    part: int = Field(ge=1, le=4096)
    pitch: int = Field(ge=1, le=4096)
    duration: int = Field(ge=1, le=4096)
    velocity: int = Field(ge=1, le=4096)
    lags: tuple[int, ...] = Field(min_length=1, max_length=16)


class Header(BaseModel):
    """Facts about a checkpoint.

    ``valid``: held-out nats a note by genre, in all (``nll``) and by event field. ``temperatures``: calibrated sampling
    temperature by genre, 1 if missing. ``repetition_strength``: factor by genre on the logit bias towards the source
    bar, 1 if missing. ``curve``: (notes seen, running training nats a note, mean validation nats a note).
    """

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    format: str
    fingerprint: str
    name: str
    config: _Config = Field(alias="shape")
    genres: tuple[str, ...]
    styles: tuple[str, ...]
    valid: dict[str, dict[str, float]] = Field(default_factory=dict)
    trained_notes: int = 0
    curve: tuple[tuple[int, float, float], ...] = ()
    temperatures: dict[str, Annotated[float, Field(ge=0.5, le=1.5)]] = Field(default_factory=dict)
    repetition_strength: dict[str, Annotated[float, Field(ge=0, le=5)]] = Field(default_factory=dict, alias="returns")
    recipe: dict[str, Any] = Field(default_factory=dict)
    data: dict[str, dict[str, float]] = Field(default_factory=dict)
    licences: dict[str, dict[str, int]] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """Weights by name (float32, named as in the torch module), the header, and facts of ``P`` training pieces.

    ``templates`` (P, 8 + 16): ``checkpoint_tables.TEMPLATE_COLUMNS``, then the band. For each piece: ``repetitions``
    and ``source_lags`` (bars,), ``part_repetition`` and ``activities`` (bars, parts), ``attribute_histograms``
    (parts, 255). ``masks`` (P, 82) and ``time_shift_histograms`` (P, 21) have one row a piece.
    """

    header: Header
    weights: dict[str, NDArray[np.float32]]
    templates: NDArray[np.int64] = field(repr=False)
    repetitions: tuple[Activity, ...] = field(repr=False)
    source_lags: tuple[Activity, ...] = field(repr=False)
    part_repetition: tuple[Activity, ...] = field(repr=False)
    activities: tuple[Activity, ...] = field(repr=False)
    masks: NDArray[np.int64] = field(repr=False)
    attribute_histograms: tuple[AttributeHistograms, ...] = field(repr=False)
    time_shift_histograms: AttributeHistograms = field(repr=False)
    path: Path | None = None

    @property
    def config(self) -> ModelConfig:
        """Widths and table sizes of the network."""
        return ModelConfig(**self.header.config.model_dump())

    @property
    def label(self) -> str:
        """The recipe's name."""
        return self.header.name


def shipped_checkpoint() -> Path:
    """The checkpoint that comes with the package."""
    return Path(__file__).parents[1] / "checkpoints" / "house.safetensors"


def load_checkpoint(path: Path | None = None) -> Checkpoint:
    """Read a checkpoint (default: the shipped one). Raises ``CheckpointError`` if it is damaged or foreign."""
    path = path or shipped_checkpoint()
    try:
        if path.stat().st_size > FILE_SIZE_LIMIT:
            raise CheckpointError(
                f"{path}: a checkpoint has at most {FILE_SIZE_LIMIT} bytes, not {path.stat().st_size}"
            )
        with safe_open(path, framework="numpy") as file:
            header = _header(path, file.metadata() or {})
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  not a dict
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror or error})") from error
    except SafetensorError as error:
        raise CheckpointError(f"{path}: not a checkpoint ({error})") from error
    tables = unpack_tables(path, tensors)  # takes the tables out of tensors
    weights = {_renamed(name, _CODE_NAMES): _finite(path, name, tensor) for name, tensor in tensors.items()}
    checkpoint = Checkpoint(header, weights, *tables, path=path)
    _check(checkpoint, path)
    return checkpoint


def save_checkpoint(checkpoint: Checkpoint, path: Path) -> None:
    """Write weights in half precision and replace ``path`` atomically. Raises ``CheckpointError`` on failure."""
    tensors = {_renamed(name, FILE_NAMES): weight.astype(np.float16) for name, weight in checkpoint.weights.items()}
    header = checkpoint.header.model_copy(update={"valid": _with_fields(checkpoint.header.valid, FILE_NAMES)})
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        metadata = {HEADER_KEY: header.model_dump_json(by_alias=True)}
        save_file(tensors | pack_tables(checkpoint), temporary, metadata=metadata)
        temporary.replace(path)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path}: cannot be written ({error})") from error
    finally:
        temporary.unlink(missing_ok=True)


def header_for(config: ModelConfig, **facts: Any) -> Header:
    """A header for this version's format and event representation."""
    return Header(format=FORMAT, fingerprint=FINGERPRINT, shape=_Config(**asdict(config)), **facts)


def _renamed(name: str, names: Mapping[str, str]) -> str:
    """``name`` with each of its dotted components translated by ``names``."""
    return ".".join(names.get(component, component) for component in name.split("."))


def _with_fields(by_genre: Mapping[str, Mapping[str, float]], names: Mapping[str, str]) -> dict[str, dict[str, float]]:
    """``Header.valid`` with the names of event fields translated."""
    return {genre: {names.get(key, key): nats for key, nats in own.items()} for genre, own in by_genre.items()}


def _finite(path: Path, name: str, tensor: NDArray[Any]) -> NDArray[np.float32]:
    weight = np.ascontiguousarray(tensor, dtype=np.float32)
    if not np.isfinite(weight).all():
        raise CheckpointError(f"{path}: damaged checkpoint, {name} has values that are not finite")
    return weight


def _header(path: Path, metadata: Mapping[str, str]) -> Header:
    try:
        header = Header.model_validate_json(metadata[HEADER_KEY])
    except KeyError as error:
        raise CheckpointError(f"{path}: not a Riffbird checkpoint (its header has no {HEADER_KEY!r})") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise CheckpointError(f"{path}: damaged checkpoint header: {first['loc']}: {first['msg']}") from error
    if header.format != FORMAT:
        raise CheckpointError(f"{path}: checkpoint format {FORMAT} can be read, not {header.format}")
    if header.fingerprint != FINGERPRINT:
        raise CheckpointError(f"{path}: made for events {header.fingerprint}, this version reads {FINGERPRINT}")
    return header.model_copy(update={"valid": _with_fields(header.valid, _CODE_NAMES)})


def _check(checkpoint: Checkpoint, path: Path) -> None:
    """Raises ``CheckpointError`` unless weights, names and config agree."""
    wanted = expected_shapes(checkpoint.config)
    found = {name: weight.shape for name, weight in checkpoint.weights.items()}
    if wanted != found:
        name = min(name for name, _ in set(wanted.items()) ^ set(found.items()))
        raise CheckpointError(f"{path}: {name} must have shape {wanted.get(name)}, has {found.get(name)}")
    header = checkpoint.header
    if len(header.genres) != header.config.genres or len(header.styles) != header.config.styles:
        raise CheckpointError(f"{path}: damaged checkpoint, names and tables differ in length")
