"""Linear layers with int8 weights and uint8 activations whose sums are exact in any order of addition.

Two implementations give the same bits: onnxruntime's integer product, if it is installed (``pip install
'riffbird[fast]'``) and exact on this processor, which reads a quarter of the bytes; else numpy's float32 product, which
is exact while no sum of magnitudes reaches 2²⁴. ``docs/speed.md`` measures both, and the loss by quantization.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from composer.model.arithmetic.fixed_point import EXACT_BITS, Floats
from composer.model.arithmetic.onnx_model import product_model

Bytes = NDArray[np.uint8]

ZERO_POINT = 128
"""The uint8 value of an activation of 0."""
QMAX = 127
"""Quantization steps of an activation of 1."""
BOUND_SHAPES = 8
"""Batch sizes for which a layer keeps bound input and output buffers."""
SMALLEST_STEP = 1e-12
"""Quantization step of a row of zeros."""


class Int8Linear:
    """x W ᵀ + b for int8 weights (out, in), one quantization step a row, and activations in [−1, 1]."""

    def __init__(self, weights: Floats, scale: float = 1.0, *, runtime: bool = True) -> None:
        """``scale``: factor on the product, a power of two.

        ``runtime``: use onnxruntime if it is installed and its sums are exact.
        """
        step = _row_steps(weights)
        self.quantized = np.ascontiguousarray(np.rint(weights / step[:, None]).astype(np.int8).T)  # (in, out)
        self._scale = np.float32(scale) * (step / np.float32(QMAX))
        self._bound: dict[int, _BoundSession] = {}
        self._session: Any = None
        self._floats = self.quantized.astype(np.float32)
        if runtime and find_spec("onnxruntime"):
            self._use_if_exact(open_session(product_model(self.quantized, ZERO_POINT, self._scale)))

    @property
    def uses_onnxruntime(self) -> bool:
        """Whether onnxruntime computes the sums."""
        return self._session is not None

    def __call__(self, inputs: Bytes, bias: Floats) -> Floats:
        """(B, in) uint8 activations and (out,) or (B, out) bias → (B, out)."""
        if self._session is None:
            products = (inputs.astype(np.float32) - ZERO_POINT) @ self._floats
            products *= self._scale
        else:
            products = self._by_runtime(inputs)
        return products + bias

    def _by_runtime(self, inputs: Bytes) -> Floats:
        """(B, out) products, in a buffer that the next call of the same batch size overwrites."""
        bound = self._bound.get(len(inputs))
        if bound is None:
            if len(self._bound) == BOUND_SHAPES:
                self._bound.clear()
            bound = _BoundSession(self._session, len(inputs), inputs.shape[1], len(self._scale))
            self._bound[len(inputs)] = bound
        return bound.products(inputs)

    def _use_if_exact(self, session: Any) -> None:
        """Use ``session`` if its sums are exact: on some processors products of large bytes overflow."""
        count, no_bias = len(self.quantized), np.zeros(1, dtype=np.float32)
        scattered = np.arange(count) * 89 % (2 * QMAX + 1) - QMAX
        inputs = (np.stack([np.full(count, QMAX), np.full(count, -QMAX), scattered]) + ZERO_POINT).astype(np.uint8)
        # Two different inputs through the bound buffers: a runtime that copied them would repeat its first answer.
        bound = _BoundSession(session, len(inputs), count, len(self._scale))
        if all(np.array_equal(bound.products(each), self(each, no_bias)) for each in (inputs[::-1], inputs)):
            self._session, self._floats = session, self._floats[:0]  # the session has its own copy of the weights


def _row_steps(weights: Floats) -> Floats:
    """(out,) quantization step of each row, large enough for its sums, rounding included, to be exact in float32."""
    room = 2.0**EXACT_BITS - ZERO_POINT * weights.shape[1]
    sizes = np.abs(weights)
    step = np.maximum(sizes.max(axis=1) / QMAX, ZERO_POINT * sizes.sum(axis=1, dtype=np.float64) / room)
    return np.asarray(np.maximum(step, SMALLEST_STEP), dtype=np.float32)


class _BoundSession:
    """An onnxruntime session bound to its own input and output buffers, which saves 4 µs a call."""

    def __init__(self, session: Any, batch: int, inner: int, outer: int) -> None:
        from onnxruntime import OrtValue

        self._inputs = np.empty((batch, inner), dtype=np.uint8)
        self._out = np.empty((batch, outer), dtype=np.float32)
        self._binding = session.io_binding()
        # The runtime reads and writes these arrays in place.
        self._values = OrtValue.ortvalue_from_numpy(self._inputs), OrtValue.ortvalue_from_numpy(self._out)
        self._binding.bind_ortvalue_input("left", self._values[0])
        self._binding.bind_ortvalue_output("out", self._values[1])
        self._run = session.run_with_iobinding

    def products(self, inputs: Bytes) -> Floats:
        """(B, out), overwritten by the next call."""
        self._inputs[:] = inputs
        self._run(self._binding)
        return self._out


def open_session(model: bytes) -> Any:
    """A single-threaded onnxruntime session for the bytes of a model."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # processes use the cores, not threads
    options.log_severity_level = 3
    options.enable_cpu_mem_arena = options.enable_mem_pattern = False  # arenas pay for larger models only
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
