"""Checkpoint files: safetensors with a JSON header that holds everything needed to use the weights.

A file is checked like any foreign input: size, header, fingerprint of the event representation, names, shapes and
values of the tensors. No pickle, no torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from composer.errors import CheckpointError
from composer.model.checkpoint_tables import pack_tables, unpack_tables
from composer.model.config import ModelConfig, expected_shapes
from composer.model.planner_config import expected_planner_shapes
from composer.model.style.config import STYLE_PREFIX, expected_style_shapes
from composer.model.tensor_file import check_shapes, finite_weight, read_tensor_file, write_tensor_file
from midi_data.analysis.activity import Activity
from midi_data.analysis.attribute_histograms import AttributeHistograms
from midi_data.events.encoding import FINGERPRINT

PLANNER_PREFIX = "planner."
"""Beginning of the names of the planner's weights in the file."""
FORMAT = "riffbird-checkpoint-2"
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
    planner: dict[str, NDArray[np.float32]] = field(default_factory=dict, repr=False)
    style: dict[str, NDArray[np.float32]] = field(default_factory=dict, repr=False)
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
    tables = unpack_tables(path, tensors)  # takes the tables out of tensors
    planner = _part_weights(path, tensors, PLANNER_PREFIX, expected_planner_shapes)  # takes them out of tensors
    style = _part_weights(path, tensors, STYLE_PREFIX, expected_style_shapes)
    weights = {_renamed(name, _CODE_NAMES): finite_weight(path, name, tensor) for name, tensor in tensors.items()}
    weights |= _missing_chords(weights, ModelConfig(**header.config.model_dump()))
    checkpoint = Checkpoint(header, weights, *tables, planner=planner, style=style, path=path)
    _check(checkpoint, path)
    return checkpoint


def save_checkpoint(checkpoint: Checkpoint, path: Path) -> None:
    """Write weights in half precision and replace ``path`` atomically. Raises ``CheckpointError`` on failure."""
    tensors = {_renamed(name, FILE_NAMES): weight.astype(np.float16) for name, weight in checkpoint.weights.items()}
    tensors |= {PLANNER_PREFIX + name: weight.astype(np.float16) for name, weight in checkpoint.planner.items()}
    tensors |= {STYLE_PREFIX + name: weight.astype(np.float16) for name, weight in checkpoint.style.items()}
    header = checkpoint.header.model_copy(update={"valid": _with_fields(checkpoint.header.valid, FILE_NAMES)})
    write_tensor_file(path, header, tensors | pack_tables(checkpoint))


def header_for(config: ModelConfig, **facts: Any) -> Header:
    """A header for this version's format and event representation."""
    return Header(format=FORMAT, fingerprint=FINGERPRINT, shape=_Config(**asdict(config)), **facts)


def _part_weights(
    path: Path,
    tensors: dict[str, NDArray[Any]],
    prefix: str,
    expected: Callable[[int], dict[str, tuple[int, ...]]],
) -> dict[str, NDArray[np.float32]]:
    """Weights named with ``prefix``, taken out of ``tensors``; empty without any. Raises ``CheckpointError``.

    ``expected`` gives their shapes by the rows of the genre table.
    """
    names = [name for name in tensors if name.startswith(prefix)]
    found = {name.removeprefix(prefix): finite_weight(path, name, tensors.pop(name)) for name in names}
    if found:
        check_shapes(path, expected(len(found.get("genre.weight", ()))), found)
    return found


def is_chord_weight(name: str) -> bool:
    """Whether a weight belongs to the conditioning on chords."""
    return "chord" in name or name.endswith("interval.weight")


def _missing_chords(weights: dict[str, NDArray[np.float32]], config: ModelConfig) -> dict[str, NDArray[np.float32]]:
    """Zeros for the weights of chords where a checkpoint has none of them."""
    wanted = {name: size for name, size in expected_shapes(config).items() if is_chord_weight(name)}
    if any(name in weights for name in wanted):
        return {}
    return {name: np.zeros(size, dtype=np.float32) for name, size in wanted.items()}


def _renamed(name: str, names: Mapping[str, str]) -> str:
    """``name`` with each of its dotted components translated by ``names``."""
    return ".".join(names.get(component, component) for component in name.split("."))


def _with_fields(by_genre: Mapping[str, Mapping[str, float]], names: Mapping[str, str]) -> dict[str, dict[str, float]]:
    """``Header.valid`` with the names of event fields translated."""
    return {genre: {names.get(key, key): nats for key, nats in own.items()} for genre, own in by_genre.items()}


def _checked_header(path: Path, header: Header) -> Header:
    """``header`` with the code's names of fields. Raises ``CheckpointError`` for another format or representation."""
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
