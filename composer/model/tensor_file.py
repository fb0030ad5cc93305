"""Checkpoint files: safetensors with a JSON header in their metadata. No pickle, no torch.

Files are untrusted: size, header and numbers are checked before use.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from composer.errors import CheckpointError
from midi_data.atomic import atomic_path

HEADER_KEY = "riffbird"
NUMBER_TYPES = ("F16", "F32", "I8", "I16", "I32", "I64", "U8")
"""Number types that a checkpoint may have, by safetensors' names; numpy has no bfloat16."""
Tensors = dict[str, NDArray[Any]]
HeaderT = TypeVar("HeaderT", bound=BaseModel)


def read_tensor_file(path: Path, header_type: type[HeaderT], size_limit: int) -> tuple[HeaderT, Tensors]:
    """Header and tensors of a file of at most ``size_limit`` bytes. Raises ``CheckpointError``."""
    return _read(path, header_type, size_limit, with_tensors=True)


def read_tensor_header(path: Path, header_type: type[HeaderT], size_limit: int) -> HeaderT:
    """The header alone. Raises ``CheckpointError``."""
    return _read(path, header_type, size_limit, with_tensors=False)[0]


def _read(path: Path, header_type: type[HeaderT], size_limit: int, *, with_tensors: bool) -> tuple[HeaderT, Tensors]:
    try:
        size = path.stat().st_size
        if size > size_limit:
            raise CheckpointError(f"{path}: a checkpoint has at most {size_limit} bytes, not {size}")
        with safe_open(path, framework="numpy") as file:
            header = _header(path, header_type, file.metadata() or {})
            names = file.keys() if with_tensors else []
            return header, {name: _tensor(path, file, name) for name in names}
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror or error})") from error
    except SafetensorError as error:
        raise CheckpointError(f"{path}: not a checkpoint ({error})") from error


def _tensor(path: Path, file: Any, name: str) -> NDArray[Any]:
    """One tensor of an open file. Raises ``CheckpointError`` for a number type that cannot be read."""
    kind = str(file.get_slice(name).get_dtype())
    if kind not in NUMBER_TYPES:
        raise CheckpointError(f"{path}: number types are {', '.join(NUMBER_TYPES)}; {name} has {kind}")
    tensor: NDArray[Any] = file.get_tensor(name)
    return tensor


def _header(path: Path, header_type: type[HeaderT], metadata: Mapping[str, str]) -> HeaderT:
    try:
        return header_type.model_validate_json(metadata[HEADER_KEY])
    except KeyError as error:
        raise CheckpointError(f"{path}: not a Riffbird checkpoint (its header has no {HEADER_KEY!r})") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise CheckpointError(f"{path}: damaged or foreign checkpoint header: {where}: {first['msg']}") from error


def write_tensor_file(path: Path, header: BaseModel, tensors: Tensors) -> None:
    """Write atomically, through a temporary file. Raises ``CheckpointError`` when the folder is not writable."""
    try:
        with atomic_path(path) as temporary:
            save_file(tensors, temporary, metadata={HEADER_KEY: header.model_dump_json(by_alias=True)})
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path}: cannot be written ({error})") from error


def finite_weight(path: Path, name: str, tensor: NDArray[Any]) -> NDArray[np.float32]:
    """``tensor`` as float32. Raises ``CheckpointError`` where a value is not finite."""
    weight = np.ascontiguousarray(tensor, dtype=np.float32)
    if not np.isfinite(weight).all():
        raise CheckpointError(f"{path}: damaged checkpoint, {name} has values that are not finite")
    return weight


def check_shapes(path: Path, expected: Mapping[str, tuple[int, ...]], weights: Mapping[str, NDArray[Any]]) -> None:
    """Raise ``CheckpointError`` unless names and shapes of ``weights`` are as ``expected``."""
    found = {name: weight.shape for name, weight in weights.items()}
    if expected != found:
        name = min(name for name, _ in set(expected.items()) ^ set(found.items()))
        raise CheckpointError(f"{path}: {name} must have shape {expected.get(name)}, has {found.get(name)}")
