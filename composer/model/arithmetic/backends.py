"""Array operations of the recurrent layers, by numpy, onnxruntime or torch: the same bits by each.

``docs/speed.md`` measures them. onnxruntime's integer product reads a quarter of the bytes of numpy's float32 product;
torch computes on CUDA, or on a CPU for tests.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from composer.errors import RefusedError
from composer.model.arithmetic.onnx_product import BoundProduct, open_session
from composer.model.arithmetic.quantized import QMAX, ZERO_POINT, Int8Weights

BackendName = Literal["auto", "numpy", "onnxruntime", "torch"]
DeviceName = Literal["auto", "cpu", "cuda"]
Array = Any
"""An array of the backend's library, on its device. Slices, ``+`` and ``*`` are the same in numpy and torch."""
Product = Callable[[Array], Array]
"""(B, in) uint8 activations → (B, out) float32; the result is valid until the next call."""


class Backend:
    """Array operations by numpy; other libraries replace some. ``name`` and ``device`` for reports.

    ``library``: the module of ``asarray`` and ``concatenate``, which take the same arguments in numpy and torch.
    """

    name, device = "numpy", "cpu"
    library: Any = np

    def array(self, values: NDArray[Any]) -> Array:
        """``values`` on the device."""
        return values

    def numpy(self, values: Array) -> NDArray[Any]:
        """``values`` in this process's memory."""
        return np.asarray(values)

    def product(self, weights: Int8Weights) -> Product:
        """The product with ``weights``. float32 is exact: no sum of magnitudes reaches 2²⁴."""
        floats, scale, library = self.array(weights.values.astype(np.float32)), self.array(weights.scale), self.library
        return lambda inputs: ((library.asarray(inputs, dtype=library.float32) - ZERO_POINT) @ floats) * scale

    def lookup(self, table: Array, places: Array) -> Array:
        """Values of ``table`` (N,) at the integer parts of ``places``, within the table."""
        return table.take(places.astype(np.intp), mode="clip")


class OnnxRuntimeBackend(Backend):
    """onnxruntime's integer products where they are exact on this processor, numpy otherwise."""

    name = "onnxruntime"

    def product(self, weights: Int8Weights) -> Product:
        """The product with ``weights``."""
        product = BoundProduct(open_session(weights.values, ZERO_POINT, weights.scale), weights.values.shape)
        return product if is_exact(product, weights) else super().product(weights)


def is_exact(product: Product, weights: Int8Weights) -> bool:
    """Whether ``product`` has exact sums: on some processors products of large bytes overflow."""
    count = len(weights.values)
    scattered = np.arange(count) * 89 % (2 * QMAX + 1) - QMAX
    inputs = (np.stack([np.full(count, QMAX), np.full(count, -QMAX), scattered]) + ZERO_POINT).astype(np.uint8)
    right = Backend().product(weights)
    # Two different inputs through the bound buffers: a runtime that copied them would repeat its first answer.
    return all(np.array_equal(product(each), right(each)) for each in (inputs[::-1], inputs))


class TorchBackend(Backend):
    """torch on ``device``."""

    name = "torch"

    def __init__(self, device: str) -> None:
        import torch

        # TF32 keeps 10 bits of each factor: products would not be exact.
        torch.backends.cuda.matmul.allow_tf32 = False
        self.library, self.device = torch, device

    def array(self, values: NDArray[Any]) -> Array:
        """``values`` on the device."""
        return self.library.asarray(np.ascontiguousarray(values), device=self.device)

    def numpy(self, values: Array) -> NDArray[Any]:
        """``values`` in this process's memory."""
        return np.asarray(values.cpu())

    def lookup(self, table: Array, places: Array) -> Array:
        """Values of ``table`` at ``places``."""
        return table[places.long().clamp(0, len(table) - 1)]


def open_backend(name: BackendName = "auto", device: DeviceName = "auto") -> Backend:
    """The backend of that name on that device; ``auto``: onnxruntime where installed, torch for CUDA.

    ``device="auto"`` is the CPU, or CUDA if torch is the named backend and has it. Raises ``RefusedError``.
    """
    if device == "cuda" and name not in ("auto", "torch"):
        raise RefusedError(f"--device cuda needs --backend torch, not {name}")
    if name == "torch" or device == "cuda":
        return TorchBackend(_torch_device(device))
    if name == "onnxruntime" and not find_spec("onnxruntime"):
        raise RefusedError("--backend onnxruntime needs onnxruntime: pip install 'riffbird[fast]'")
    return Backend() if name == "numpy" or not find_spec("onnxruntime") else OnnxRuntimeBackend()


_SELECTED: list[Backend] = []


def select_backend(name: BackendName, device: DeviceName) -> Backend:
    """Compose by this backend in this process from now on: networks loaded later use it. Raises ``RefusedError``."""
    _SELECTED[:] = [open_backend(name, device)]
    return _SELECTED[0]


def selected_backend() -> Backend:
    """The backend of this process."""
    return _SELECTED[0] if _SELECTED else open_backend()


def _torch_device(device: DeviceName) -> str:
    if not find_spec("torch"):
        raise RefusedError("--backend torch and --device cuda need torch: pip install 'riffbird[train]'")
    import torch

    if device == "cuda" and not torch.cuda.is_available():
        raise RefusedError("--device cuda needs a CUDA device; torch finds none")
    return "cpu" if device == "cpu" or not torch.cuda.is_available() else "cuda"
