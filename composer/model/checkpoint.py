"""Checkpoints: weights as safetensors with everything needed to use them in the header. No pickle, no torch.

A checkpoint is trusted no more than any file from outside: its header, fingerprint, names and shapes are checked.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from composer.errors import CheckpointError
from composer.model.config import ModelConfig, expected_shapes
from midi_data.analysis.activity import ACTIVITY_CLASSES, MASK_COLUMNS, MASK_VALUES_PER_PART, MASKS_WIDTH, Activity
from midi_data.analysis.attribute_histograms import COLUMNS, HISTOGRAMS_WIDTH, TIME_SHIFT_BINS, AttributeHistograms
from midi_data.analysis.repetition import REPETITION_CLASSES
from midi_data.events.encoding import FINGERPRINT, PART_LIMIT, Ints
from midi_data.events.features import LAGS

FORMAT = "riffbird-checkpoint-2"
FILE_SIZE_LIMIT = 512 * 2**20
HEADER_KEY = "riffbird"
LINEUPS = "lineups"
FORMS, FARS, FORM_ENDS = "forms", "fars", "form_ends"
"""Bar forms of all lineups' pieces in one row, likewise how far back their last look goes, and
where each piece's end in both."""
PART_FORMS, ARRANGEMENTS, HABITS = "part_forms", "arrangements", "habits"
"""Their parts' forms and arrangements in one row, bar after bar, part after part; a row of
habits each."""
TENDENCIES, PACES = "tendencies", "paces"
"""A row a part, piece after piece, and a row a piece; all 0 where there is none."""
TEMPLATE_COLUMNS = ("genre", "style", "tempo_bpm", "numerator", "denominator", "key", "density", "bars")
"""Facts of one training piece, followed by its band: part classes, −1 where there is none."""


class _Shape(BaseModel):
    """Bounds on what a foreign header may ask to be allocated."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    genres: int = Field(ge=1, le=4096)
    styles: int = Field(ge=1, le=65536)
    hidden: int = Field(ge=1, le=8192)
    layers: int = Field(ge=1, le=16)
    inputs: int = Field(ge=1, le=8192)
    head: int = Field(ge=1, le=8192)
    advance: int = Field(ge=1, le=4096)
    part: int = Field(ge=1, le=4096)
    pitch: int = Field(ge=1, le=4096)
    duration: int = Field(ge=1, le=4096)
    velocity: int = Field(ge=1, le=4096)
    lags: tuple[int, ...] = Field(min_length=1, max_length=16)


class Header(BaseModel):
    """What a checkpoint says of itself. ``valid`` holds nats a note by genre: ``nll`` and each field's share.

    ``temperatures``: at which each genre's songs are most like its real pieces; 1 where none is told. ``returns``: how
    much, times the usual, bars that return lean to their source; 1 likewise.
    ``curve``: notes seen, running training nll and mean valid nll at each validation.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: str
    fingerprint: str
    name: str
    shape: _Shape
    genres: tuple[str, ...]
    styles: tuple[str, ...]
    valid: dict[str, dict[str, float]] = Field(default_factory=dict)
    trained_notes: int = 0
    curve: tuple[tuple[int, float, float], ...] = ()
    temperatures: dict[str, Annotated[float, Field(ge=0.5, le=1.5)]] = Field(default_factory=dict)
    returns: dict[str, Annotated[float, Field(ge=0, le=5)]] = Field(default_factory=dict)
    recipe: dict[str, Any] = Field(default_factory=dict)
    data: dict[str, dict[str, float]] = Field(default_factory=dict)
    licences: dict[str, dict[str, int]] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """Weights by name (float32, named as in the torch module), the header, and what ``P`` pieces heard were like.

    ``lineups`` (P, 8 + 16); of each piece its ``forms``, ``fars`` (bars,), ``part_repetition``, ``arrangements``
    (bars, parts), ``habits`` (P, 82) and ``tendencies`` (parts, 255), ``paces`` (P, 21).
    """

    header: Header
    weights: dict[str, NDArray[np.float32]]
    lineups: NDArray[np.int64] = field(repr=False)
    forms: tuple[Activity, ...] = field(repr=False)
    fars: tuple[Activity, ...] = field(repr=False)
    part_repetition: tuple[Activity, ...] = field(repr=False)
    arrangements: tuple[Activity, ...] = field(repr=False)
    habits: NDArray[np.int64] = field(repr=False)
    tendencies: tuple[AttributeHistograms, ...] = field(repr=False)
    paces: AttributeHistograms = field(repr=False)
    path: Path | None = None

    @property
    def shape(self) -> ModelConfig:
        """The network's widths."""
        return ModelConfig(**self.header.shape.model_dump())

    @property
    def label(self) -> str:
        """A short name to print: the recipe's name, and the file's when it is another one."""
        return self.header.name


def shipped_checkpoint() -> Path:
    """The checkpoint that comes with the package."""
    return Path(__file__).parents[1] / "checkpoints" / "house.safetensors"


def load_checkpoint(path: Path | None = None) -> Checkpoint:
    """Read a checkpoint (default: the shipped one). Raises ``CheckpointError`` when it is damaged or foreign."""
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
    lineups = tensors.pop(LINEUPS, np.zeros((0, len(TEMPLATE_COLUMNS) + PART_LIMIT), dtype=np.int16)).astype(np.int64)
    ends = tensors.pop(FORM_ENDS, None)
    forms = _split_forms(path, tensors.pop(FORMS, None), ends, len(lineups))
    fars = _split_fars(path, tensors.pop(FARS, None), forms)
    by_part = (path, lineups, forms)
    part_repetition = _split_by_part(*by_part, PART_FORMS, tensors.pop(PART_FORMS, None), REPETITION_CLASSES)
    arrangements = _split_by_part(*by_part, ARRANGEMENTS, tensors.pop(ARRANGEMENTS, None), ACTIVITY_CLASSES)
    habits = _with_voices(tensors.pop(HABITS, np.zeros((0, MASKS_WIDTH), dtype=np.int32)).astype(np.int64))
    tendencies = _split_tendencies(path, tensors.pop(TENDENCIES, None), lineups)
    paces = tensors.pop(PACES, np.zeros((len(lineups), TIME_SHIFT_BINS), dtype=np.uint8))
    weights = {name: _finite(path, name, tensor) for name, tensor in tensors.items()}
    weights |= _untold_tendencies(weights, ModelConfig(**header.shape.model_dump()))
    checkpoint = Checkpoint(
        header, weights, lineups, forms, fars, part_repetition, arrangements, habits, tendencies, paces, path
    )
    _check(checkpoint, path)
    return checkpoint


def _split_forms(path: Path, forms: NDArray[Any] | None, ends: NDArray[Any] | None, count: int) -> tuple[Activity, ...]:
    if forms is None or ends is None or len(ends) != count or forms.ndim != 1 or (forms >= REPETITION_CLASSES).any():
        raise CheckpointError(f"{path}: damaged checkpoint, {count} lineups need as many forms")
    return tuple(np.split(forms.astype(np.uint8), ends.astype(np.int64)[:-1])) if count else ()


def _split_fars(path: Path, fars: NDArray[Any] | None, forms: tuple[Activity, ...]) -> tuple[Activity, ...]:
    """Of older checkpoints, whose last look always went as far, that far."""
    bars = [len(form) for form in forms]
    if fars is None:
        fars = np.full(sum(bars), LAGS[-1], dtype=np.uint8)
    if fars.shape != (sum(bars),) or (fars < 1).any():
        raise CheckpointError(f"{path}: damaged checkpoint, its forms need as many bars to look back, from 1 on")
    return tuple(np.split(fars.astype(np.uint8), np.cumsum(bars)[:-1])) if bars else ()


def _split_by_part(
    path: Path, lineups: Ints, forms: tuple[Activity, ...], name: str, levels: NDArray[Any] | None, classes: int
) -> tuple[Activity, ...]:
    """A table (bars, parts) of each piece; nothing told in a checkpoint without parts' forms."""
    parts = _part_counts(lineups)
    sizes = [len(form) * count for form, count in zip(forms, parts, strict=True)]
    if levels is None and name == PART_FORMS:
        levels = np.zeros(sum(sizes), dtype=np.uint8)
    if levels is None or levels.shape != (sum(sizes),) or (levels >= classes).any():
        raise CheckpointError(f"{path}: damaged checkpoint, {len(lineups)} lineups need as many {name}")
    pieces = np.split(levels.astype(np.uint8), np.cumsum(sizes)[:-1]) if sizes else []
    return tuple(piece.reshape(-1, count) for piece, count in zip(pieces, parts, strict=True))


def _with_voices(habits: Ints) -> Ints:
    """``habits`` of older checkpoints did not say how many notes a part holds at once: −1, as many as is usual."""
    if habits.ndim != 2 or habits.shape[1] != len(MASK_COLUMNS) + (MASK_VALUES_PER_PART - 1) * PART_LIMIT:
        return habits
    parts = habits[:, len(MASK_COLUMNS) :].reshape(-1, PART_LIMIT, MASK_VALUES_PER_PART - 1)
    parts = np.pad(parts, ((0, 0), (0, 0), (0, 1)), constant_values=-1)
    return np.concatenate([habits[:, : len(MASK_COLUMNS)], parts.reshape(len(habits), -1)], axis=1)


def _split_tendencies(path: Path, rows: NDArray[Any] | None, lineups: Ints) -> tuple[AttributeHistograms, ...]:
    parts = _part_counts(lineups)
    if rows is None:
        rows = np.zeros((sum(parts), HISTOGRAMS_WIDTH), dtype=np.uint8)
    if rows.ndim == 2 and rows.shape[1] == COLUMNS["place"].start:  # of older checkpoints, which knew no places
        rows = np.pad(rows, ((0, 0), (0, HISTOGRAMS_WIDTH - rows.shape[1])))
    if rows.shape != (sum(parts), HISTOGRAMS_WIDTH):
        raise CheckpointError(f"{path}: damaged checkpoint, its tendencies have shape {rows.shape}")
    return tuple(np.split(rows.astype(np.uint8), np.cumsum(parts)[:-1])) if parts else ()


def _untold_tendencies(weights: dict[str, NDArray[np.float32]], shape: ModelConfig) -> dict[str, NDArray[np.float32]]:
    """Zeros for the weights that older checkpoints lack: their networks were told no tendencies."""
    if any("tendencies" in name for name in weights):
        return {}
    return {
        name: np.zeros(size, dtype=np.float32) for name, size in expected_shapes(shape).items() if "tendencies" in name
    }


def _part_counts(lineups: Ints) -> list[int]:
    counts: list[int] = (lineups[:, len(TEMPLATE_COLUMNS) :] >= 0).sum(axis=1).tolist()
    return counts


def _finite(path: Path, name: str, tensor: NDArray[Any]) -> NDArray[np.float32]:
    weight = np.ascontiguousarray(tensor, dtype=np.float32)
    if not np.isfinite(weight).all():
        raise CheckpointError(f"{path}: damaged checkpoint, {name} has values that are no numbers")
    return weight


def _header(path: Path, metadata: dict[str, str]) -> Header:
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
        raise CheckpointError(f"{path}: made for events {header.fingerprint}, this version speaks {FINGERPRINT}")
    return header


def _check(checkpoint: Checkpoint, path: Path) -> None:
    wanted = expected_shapes(checkpoint.shape)
    found = {name: weight.shape for name, weight in checkpoint.weights.items()}
    if wanted != found:
        name = next(iter(sorted(set(wanted.items()) ^ set(found.items()))))[0]
        raise CheckpointError(f"{path}: {name} should be {wanted.get(name)}, is {found.get(name)}")
    lineups, header = checkpoint.lineups, checkpoint.header
    if lineups.ndim != 2 or lineups.shape[1] != len(TEMPLATE_COLUMNS) + PART_LIMIT:
        raise CheckpointError(f"{path}: damaged checkpoint, its lineups have shape {lineups.shape}")
    if checkpoint.habits.shape != (len(lineups), MASKS_WIDTH):
        raise CheckpointError(f"{path}: damaged checkpoint, its habits have shape {checkpoint.habits.shape}")
    if checkpoint.paces.shape != (len(lineups), TIME_SHIFT_BINS):
        raise CheckpointError(f"{path}: damaged checkpoint, its paces have shape {checkpoint.paces.shape}")
    if len(header.genres) != header.shape.genres or len(header.styles) != header.shape.styles:
        raise CheckpointError(f"{path}: damaged checkpoint, names and tables differ in length")


def save_checkpoint(checkpoint: Checkpoint, path: Path) -> None:
    """Write in half precision, under a temporary name first. Raises ``CheckpointError`` when the folder is no good."""
    tensors: dict[str, NDArray[Any]] = {name: w.astype(np.float16) for name, w in checkpoint.weights.items()}
    tensors[LINEUPS] = checkpoint.lineups.astype(np.int16)
    tensors[FORMS] = np.concatenate([*checkpoint.forms, np.zeros(0)]).astype(np.uint8)
    tensors[FARS] = np.concatenate([*checkpoint.fars, np.zeros(0)]).astype(np.uint8)
    for name, tables in ((PART_FORMS, checkpoint.part_repetition), (ARRANGEMENTS, checkpoint.arrangements)):
        tensors[name] = np.concatenate([*(each.ravel() for each in tables), np.zeros(0)]).astype(np.uint8)
    tensors[HABITS] = checkpoint.habits.astype(np.int32)
    tensors[TENDENCIES] = np.concatenate([*checkpoint.tendencies, np.zeros((0, HISTOGRAMS_WIDTH))]).astype(np.uint8)
    tensors[PACES] = checkpoint.paces.astype(np.uint8)
    tensors[FORM_ENDS] = np.cumsum([len(form) for form in checkpoint.forms]).astype(np.int32)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(tensors, temporary, metadata={HEADER_KEY: checkpoint.header.model_dump_json()})
        temporary.replace(path)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path}: cannot be written ({error})") from error
    finally:
        temporary.unlink(missing_ok=True)


def header_for(shape: ModelConfig, **facts: Any) -> Header:
    """A header for this version's format and events."""
    return Header(format=FORMAT, fingerprint=FINGERPRINT, shape=_Shape(**asdict(shape)), **facts)
