"""Checkpoint files: safetensors with a JSON header that holds everything needed to use the weights.

A file is checked like any foreign input: size, header, fingerprint of the event representation, names, shapes and
values of the tensors. No pickle, no torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from composer.errors import CheckpointError
from composer.model.checkpoint_parts import PARTS, Arrays, pack_parts, unpack_parts
from composer.model.config import LOOKBACK_FIELDS, ModelConfig, expected_shapes
from composer.model.tensor_file import check_shapes, finite_weight, read_tensor_file, write_tensor_file
from midi_data.events.encoding import FINGERPRINT
from midi_data.events.features import NOTE_LOOKBACK
from midi_data.events.motifs import MOTIF_INTERVALS

FORMAT = "riffbird-checkpoint-3"
OLD_FORMATS = ("riffbird-checkpoint-1", "riffbird-checkpoint-2")
"""Formats with tables of single training pieces, which songs no longer use."""
FILE_SIZE_LIMIT = 512 * 2**20
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
"""Components of weight names and names of event fields whose spelling in the file differs from the code's."""
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
    temperature by genre, 1 if missing. ``motif_bonus``: by genre, added to the pitch logit by which a motif goes on, 0
    if missing. ``new_bar_bias``: by genre, added to the planner's logit of a bar without source, 0 if missing;
    calibrated on the share of such bars. ``curve``: (notes seen, running training nats a note, mean validation nats a
    note).
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
    motif_bonus: dict[str, Annotated[float, Field(ge=0, le=5)]] = Field(default_factory=dict)
    new_bar_bias: dict[str, Annotated[float, Field(ge=-3, le=3)]] = Field(default_factory=dict)
    recipe: dict[str, Any] = Field(default_factory=dict)
    data: dict[str, dict[str, float]] = Field(default_factory=dict)
    licences: dict[str, dict[str, int]] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _without_returns(cls, values: Any) -> Any:
        """Earlier versions calibrated how strongly a source bar draws; that is the same in every genre now."""
        return (
            {name: value for name, value in values.items() if name != "returns"} if isinstance(values, dict) else values
        )


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """Weights by name (float32, named as in the torch module), the header, and the models of what songs follow.

    ``planner`` (``composer.planning.chart``), ``instrumentation`` (``composer.planning.instrumentation``), ``pooled``
    (``composer.planning.pooled``, at least ten pieces a row), ``style`` (``composer.model.style``): arrays by name.
    """

    header: Header
    weights: dict[str, NDArray[np.float32]]
    planner: Arrays = field(default_factory=dict, repr=False)
    instrumentation: Arrays = field(default_factory=dict, repr=False)
    pooled: Arrays = field(default_factory=dict, repr=False)
    style: Arrays = field(default_factory=dict, repr=False)
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
    header, tensors = read_tensor_file(path, Header, FILE_SIZE_LIMIT)
    header = _checked_header(path, header)
    parts = unpack_parts(path, tensors, len(header.genres), len(header.styles))  # takes the parts out of tensors
    weights = {_renamed(name, _CODE_NAMES): finite_weight(path, name, tensor) for name, tensor in tensors.items()}
    config = ModelConfig(**header.config.model_dump())
    weights |= _missing_chords(weights, config) | _without_motifs(weights, config)
    checkpoint = Checkpoint(header, weights, **parts, path=path)
    _check(checkpoint, path)
    return checkpoint


def save_checkpoint(checkpoint: Checkpoint, path: Path) -> None:
    """Write weights in half precision and replace ``path`` atomically. Raises ``CheckpointError`` on failure."""
    tensors = {_renamed(name, FILE_NAMES): weight.astype(np.float16) for name, weight in checkpoint.weights.items()}
    parts = {name: getattr(checkpoint, name) for name in PARTS}
    header = checkpoint.header.model_copy(update={"valid": _with_fields(checkpoint.header.valid, FILE_NAMES)})
    write_tensor_file(path, header, tensors | pack_parts(parts))


def header_for(config: ModelConfig, **facts: Any) -> Header:
    """A header for this version's format and event representation."""
    return Header(format=FORMAT, fingerprint=FINGERPRINT, shape=_Config(**asdict(config)), **facts)


def is_chord_weight(name: str) -> bool:
    """Whether a weight belongs to the conditioning on chords."""
    return "chord" in name or name.endswith("interval.weight")


def _missing_chords(weights: dict[str, NDArray[np.float32]], config: ModelConfig) -> dict[str, NDArray[np.float32]]:
    """Zeros for the weights of chords where a checkpoint has none of them."""
    wanted = {name: size for name, size in expected_shapes(config).items() if is_chord_weight(name)}
    if any(name in weights for name in wanted):
        return {}
    return {name: np.zeros(size, dtype=np.float32) for name, size in wanted.items()}


def _without_motifs(weights: dict[str, NDArray[np.float32]], config: ModelConfig) -> dict[str, NDArray[np.float32]]:
    """The weights of a note's lookback with zeros for motifs, where a checkpoint was made before there were any."""
    found = {}
    for name in LOOKBACK_FIELDS["note"]:
        before, width = NOTE_LOOKBACK - len(MOTIF_INTERVALS), config.field_widths[name]
        old = {"from_lookback.weight": (config.head, before * width), "copy.weight": (before, config.head)}
        for kind, size in {**old, "copy.bias": (before,)}.items():
            weight = weights.get(f"heads.{name}.{kind}")
            if weight is not None and weight.shape == size:
                columns = len(MOTIF_INTERVALS) * width if kind == "from_lookback.weight" else 0
                rows = 0 if columns else len(MOTIF_INTERVALS)
                padding = [(0, rows), (0, columns)][: weight.ndim]
                found[f"heads.{name}.{kind}"] = np.pad(weight, padding)
    return found


def _renamed(name: str, names: Mapping[str, str]) -> str:
    """``name`` with each of its dotted components translated by ``names``."""
    return ".".join(names.get(component, component) for component in name.split("."))


def _with_fields(by_genre: Mapping[str, Mapping[str, float]], names: Mapping[str, str]) -> dict[str, dict[str, float]]:
    """``Header.valid`` with the names of event fields translated."""
    return {genre: {names.get(key, key): nats for key, nats in own.items()} for genre, own in by_genre.items()}


def _checked_header(path: Path, header: Header) -> Header:
    """``header`` with the code's names of fields. Raises ``CheckpointError`` for another format or representation."""
    if header.format in OLD_FORMATS:
        raise CheckpointError(
            f"{path}: made by an earlier version ({header.format}); train or teach it again to get {FORMAT}"
        )
    if header.format != FORMAT:
        raise CheckpointError(f"{path}: checkpoint format {FORMAT} can be read, not {header.format}")
    if header.fingerprint != FINGERPRINT:
        raise CheckpointError(f"{path}: made for events {header.fingerprint}, this version reads {FINGERPRINT}")
    return header.model_copy(update={"valid": _with_fields(header.valid, _CODE_NAMES)})


def _check(checkpoint: Checkpoint, path: Path) -> None:
    """Raises ``CheckpointError`` unless weights, names and config agree."""
    check_shapes(path, expected_shapes(checkpoint.config), checkpoint.weights)
    header = checkpoint.header
    if len(header.genres) != header.config.genres or len(header.styles) != header.config.styles:
        raise CheckpointError(f"{path}: damaged checkpoint, names and tables differ in length")
