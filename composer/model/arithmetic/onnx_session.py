"""An integer matrix product by onnxruntime, with input and output buffers that are bound once for each batch size."""

from __future__ import annotations

from typing import Any

import numpy as np

from composer.model.arithmetic.fixed_point import Floats
from composer.model.arithmetic.onnx_model import product_model
from composer.model.arithmetic.quantized import ZERO_POINT, Bytes, Int8Weights

BOUND_SHAPES = 8
"""Batch sizes for which a product keeps bound buffers."""


class BoundProduct:
    """(B, in) uint8 activations → (B, out), in a buffer that the next call of the same batch size overwrites."""

    def __init__(self, session: Any, shape: tuple[int, ...]) -> None:
        """``shape``: (in, out) of the weights of ``session``."""
        self._session, self._shape = session, shape
        self._bound: dict[int, _Binding] = {}

    def __call__(self, inputs: Bytes) -> Floats:
        """The product."""
        bound = self._bound.get(len(inputs))
        if bound is None:
            if len(self._bound) == BOUND_SHAPES:
                self._bound.clear()
            bound = self._bound[len(inputs)] = _Binding(self._session, len(inputs), *self._shape)
        return bound.products(inputs)


class _Binding:
    """A session bound to its own input and output arrays, which saves 4 µs a call."""

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
        self._inputs[:] = inputs
        self._run(self._binding)
        return self._out


def open_session(weights: Int8Weights) -> Any:
    """A single-threaded onnxruntime session for the product with ``weights``."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # processes use the cores, not threads
    options.log_severity_level = 3
    options.enable_cpu_mem_arena = options.enable_mem_pattern = False  # arenas pay for larger models only
    model = product_model(weights.values, ZERO_POINT, weights.scale)
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
