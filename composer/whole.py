"""Matrix products of whole numbers: weights and activations in eight bits, sums exact in whatever order they are made.

One product, two ways to the same bits: onnxruntime's integer product where it is installed (``pip install
'riffbird[fast]'``), which reads a quarter of the bytes, else numpy's in float32, which is exact as long as no sum of
magnitudes reaches 2²⁴. What eight bits cost is in docs/speed.md.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from composer.grid import EXACT_BITS, Floats
from composer.onnx_model import product_model

Bytes = NDArray[np.uint8]

REST = 128
"""The byte that stands for an activation of 0."""
WHOLE = 127
"""So many steps make an activation of 1."""
_OUTPUTS = ["out"]


class WholeProduct:
    """``weights`` (out, in), each row in its own steps, for activations in [−1, 1] given as bytes around ``REST``."""

    def __init__(self, weights: Floats, unit: float = 1.0, *, runtime: bool = True) -> None:
        """``unit``: what a product of 1 is given as, a power of two.

        ``runtime``: whether onnxruntime is used where it is installed and its sums are exact.
        """
        # A row's step is so large that its sums stay exact in float32 too, rounding included.
        room = 2.0**EXACT_BITS - REST * weights.shape[1]
        sizes = np.abs(weights)
        step = np.maximum(sizes.max(axis=1) / WHOLE, REST * sizes.sum(axis=1, dtype=np.float64) / room)
        step = np.maximum(step, 1e-12).astype(np.float32)
        self.whole = np.ascontiguousarray(np.rint(weights / step[:, None]).astype(np.int8).T)
        self._scale = np.float32(unit) * (step / np.float32(WHOLE))
        self._session: Any = None
        self._floats = self.whole.astype(np.float32)
        if runtime and find_spec("onnxruntime"):
            self._use(open_session(product_model(self.whole, REST)))

    @property
    def by_runtime(self) -> bool:
        """Whether onnxruntime makes the sums."""
        return self._session is not None

    def __call__(self, left: Bytes) -> Floats:
        """(B, out): the products of activations (B, in)."""
        sums = self._sums(left)
        sums *= self._scale
        return sums

    def _sums(self, left: Bytes) -> Floats:
        if self._session is None:
            return (left.astype(np.float32) - REST) @ self._floats
        sums: Floats = self._session.run(_OUTPUTS, {"left": left})[0].astype(np.float32)
        return sums

    def _use(self, session: Any) -> None:
        """Leave the sums to the runtime, if its are exact: some processors' byte products overflow at large bytes."""
        count = len(self.whole)
        scattered = np.arange(count) * 89 % (2 * WHOLE + 1) - WHOLE
        left = (np.stack([np.full(count, WHOLE), np.full(count, -WHOLE), scattered]) + REST).astype(np.uint8)
        if np.array_equal(session.run(_OUTPUTS, {"left": left})[0], self._sums(left)):
            self._session, self._floats = session, self._floats[:0]  # one copy of the weights is enough


def open_session(model: bytes) -> Any:
    """A runtime's session for a model's bytes, with one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # as everything in composing
    options.log_severity_level = 3
    options.enable_cpu_mem_arena = options.enable_mem_pattern = False  # memory kept ahead is for larger models
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
