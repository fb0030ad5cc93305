"""Array operations of the recurrent layers, by numpy, onnxruntime or torch: the same bits by each.

``docs/speed.md`` measures them. onnxruntime's integer product reads a quarter of the bytes of numpy's float32 product;
torch computes on CUDA, or on a CPU for tests.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from composer.errors import RefusedError
from composer.model.arithmetic.fixed_point import TABLE_HALF, Floats
from composer.model.arithmetic.onnx_session import BoundProduct, open_session
from composer.model.arithmetic.quantized import QMAX, ZERO_POINT, Bytes, Int8Weights

BackendName = Literal["auto", "numpy", "onnxruntime", "torch"]
DeviceName = Literal["auto", "cpu", "cuda"]
Array = Any
"""An array of the backend's library, on its device. Slices, ``+`` and ``*`` are the same in numpy and torch."""
Product = Callable[[Array], Array]
"""(B, in) uint8 activations → (B, out) float32; the result is valid until the next call."""


class Backend(Protocol):
    """Array operations. ``name`` and ``device`` for reports."""

    name: str
    device: str

    def array(self, values: NDArray[Any]) -> Array:
        """``values`` on the device."""

    def numpy(self, values: Array) -> NDArray[Any]:
        """``values`` in this process's memory."""

    def product(self, weights: Int8Weights) -> Product:
        """The product with ``weights``."""

    def index(self, steps: Array) -> Array:
        """Table index of arguments given in multiples of 1 / ``TABLE_STEPS``."""

    def lookup(self, table: Array, index: Array) -> Array:
        """Values of ``table`` (N,) at ``index``, which is clipped to the table."""

    def to_bytes(self, values: Array) -> Array:
        """``values`` within [0, 256) as uint8, rounded down."""

    def concat(self, arrays: list[Array], axis: int) -> Array:
        """The arrays one after the other."""


class NumpyBackend:
    """float32 products, exact since no sum of magnitudes reaches 2²⁴."""

    name, device = "numpy", "cpu"

    def array(self, values: NDArray[Any]) -> Array:
        """``values``."""
        return values

    def numpy(self, values: Array) -> NDArray[Any]:
        """``values``."""
        found: NDArray[Any] = values
        return found

    def product(self, weights: Int8Weights) -> Product:
        """The product with ``weights``."""
        floats, scale = weights.values.astype(np.float32), weights.scale

        def product(inputs: Bytes) -> Floats:
            products: Floats = (inputs.astype(np.float32) - ZERO_POINT) @ floats
            products *= scale
            return products

        return product

    def index(self, steps: Floats) -> NDArray[np.intp]:
        """Table index of ``steps``."""
        return (steps + np.float32(TABLE_HALF + 0.5)).astype(np.intp)

    def lookup(self, table: Floats, index: NDArray[np.intp]) -> Floats:
        """Values of ``table`` at ``index``."""
        return table.take(index, mode="clip")

    def to_bytes(self, values: Floats) -> Bytes:
        """``values`` as uint8."""
        return values.astype(np.uint8)

    def concat(self, arrays: list[NDArray[Any]], axis: int) -> NDArray[Any]:
        """The arrays one after the other."""
        return np.concatenate(arrays, axis=axis)


class OnnxRuntimeBackend(NumpyBackend):
    """onnxruntime's integer products where they are exact on this processor, numpy otherwise."""

    name = "onnxruntime"

    def product(self, weights: Int8Weights) -> Product:
        """The product with ``weights``."""
        product = BoundProduct(open_session(weights), weights.values.shape)
        return product if is_exact(product, weights) else super().product(weights)


def is_exact(product: Product, weights: Int8Weights) -> bool:
    """Whether ``product`` has exact sums: on some processors products of large bytes overflow."""
    count = len(weights.values)
    scattered = np.arange(count) * 89 % (2 * QMAX + 1) - QMAX
    inputs = (np.stack([np.full(count, QMAX), np.full(count, -QMAX), scattered]) + ZERO_POINT).astype(np.uint8)
    right = NumpyBackend().product(weights)
    # Two different inputs through the bound buffers: a runtime that copied them would repeat its first answer.
    return all(np.array_equal(product(each), right(each)) for each in (inputs[::-1], inputs))


class TorchBackend:
    """torch on ``device``: float32 products as numpy's."""

    name = "torch"

    def __init__(self, device: str) -> None:
        import torch

        # TF32 keeps 10 bits of each factor: products would not be exact.
        torch.backends.cuda.matmul.allow_tf32 = False
        self._torch, self.device = torch, device

    def array(self, values: NDArray[Any]) -> Array:
        """``values`` on the device."""
        return self._torch.from_numpy(np.ascontiguousarray(values)).to(self.device)

    def numpy(self, values: Array) -> NDArray[Any]:
        """``values`` in this process's memory."""
        found: NDArray[Any] = values.cpu().numpy()
        return found

    def product(self, weights: Int8Weights) -> Product:
        """The product with ``weights``."""
        floats, scale = self.array(weights.values).float(), self.array(weights.scale)
        return lambda inputs: ((inputs.float() - ZERO_POINT) @ floats) * scale

    def index(self, steps: Array) -> Array:
        """Table index of ``steps``."""
        return (steps + (TABLE_HALF + 0.5)).long()

    def lookup(self, table: Array, index: Array) -> Array:
        """Values of ``table`` at ``index``."""
        return table[index.clamp(0, len(table) - 1)]

    def to_bytes(self, values: Array) -> Array:
        """``values`` as uint8."""
        return values.to(self._torch.uint8)

    def concat(self, arrays: list[Array], axis: int) -> Array:
        """The arrays one after the other."""
        return self._torch.cat(arrays, dim=axis)


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
    return NumpyBackend() if name == "numpy" or not find_spec("onnxruntime") else OnnxRuntimeBackend()


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
