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

from composer.model.fixed_point import EXACT_BITS, Floats
from composer.model.onnx_model import product_model

Bytes = NDArray[np.uint8]

ZERO_POINT = 128
"""The byte that stands for an activation of 0."""
QMAX = 127
"""So many steps make an activation of 1."""
MOST_BOUND = 8
"""Numbers of songs side by side for which a product keeps places."""


class Int8Linear:
    """Int8 ``weights`` (out, in), one scale a row, for activations in [−1, 1] as uint8 around ``ZERO_POINT``."""

    def __init__(self, weights: Floats, unit: float = 1.0, *, runtime: bool = True) -> None:
        """``unit``: what a product of 1 is given as, a power of two.

        ``runtime``: whether onnxruntime is used where it is installed and its sums are exact.
        """
        # A row's step is so large that its sums stay exact in float32 too, rounding included.
        room = 2.0**EXACT_BITS - ZERO_POINT * weights.shape[1]
        sizes = np.abs(weights)
        step = np.maximum(sizes.max(axis=1) / QMAX, ZERO_POINT * sizes.sum(axis=1, dtype=np.float64) / room)
        step = np.maximum(step, 1e-12).astype(np.float32)
        self.whole = np.ascontiguousarray(np.rint(weights / step[:, None]).astype(np.int8).T)
        self._scale = np.float32(unit) * (step / np.float32(QMAX))
        self._bound: dict[int, _Bound] = {}
        self._session: Any = None
        self._floats = self.whole.astype(np.float32)
        if runtime and find_spec("onnxruntime"):
            self._use(open_session(product_model(self.whole, ZERO_POINT, self._scale)))

    @property
    def by_runtime(self) -> bool:
        """Whether onnxruntime makes the sums."""
        return self._session is not None

    def __call__(self, left: Bytes, plus: Floats) -> Floats:
        """(B, out): the products of activations (B, in), and ``plus``."""
        if self._session is None:
            products = (left.astype(np.float32) - ZERO_POINT) @ self._floats
            products *= self._scale
        else:
            products = self._by_runtime(left)
        return products + plus

    def _by_runtime(self, left: Bytes) -> Floats:
        """The products, in a place that the next call for as many songs writes over."""
        bound = self._bound.get(len(left))
        if bound is None:
            if len(self._bound) == MOST_BOUND:
                self._bound.clear()
            bound = self._bound[len(left)] = _Bound(self._session, len(left), left.shape[1], len(self._scale))
        return bound.products(left)

    def _use(self, session: Any) -> None:
        """Leave the sums to the runtime, if its are exact: some processors' byte products overflow at large bytes."""
        count, none = len(self.whole), np.zeros(1, dtype=np.float32)
        scattered = np.arange(count) * 89 % (2 * QMAX + 1) - QMAX
        left = (np.stack([np.full(count, QMAX), np.full(count, -QMAX), scattered]) + ZERO_POINT).astype(np.uint8)
        # Through bound places, as ever after: were they copied, the second answer would be the first.
        bound = _Bound(session, len(left), count, len(self._scale))
        if all(np.array_equal(bound.products(each), self(each, none)) for each in (left[::-1], left)):
            self._session, self._floats = session, self._floats[:0]  # one copy of the weights is enough


class _Bound:
    """A runtime's session with places of its own for what goes in and comes out: a call is 4 µs cheaper."""

    def __init__(self, session: Any, batch: int, inner: int, outer: int) -> None:
        from onnxruntime import OrtValue

        self._left = np.empty((batch, inner), dtype=np.uint8)
        self._out = np.empty((batch, outer), dtype=np.float32)
        self._binding = session.io_binding()
        # The runtime reads and writes these arrays where they lie.
        self._places = OrtValue.ortvalue_from_numpy(self._left), OrtValue.ortvalue_from_numpy(self._out)
        self._binding.bind_ortvalue_input("left", self._places[0])
        self._binding.bind_ortvalue_output("out", self._places[1])
        self._run = session.run_with_iobinding

    def products(self, left: Bytes) -> Floats:
        """(B, out), written over by the next call."""
        self._left[:] = left
        self._run(self._binding)
        return self._out


def open_session(model: bytes) -> Any:
    """A runtime's session for a model's bytes, with one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # as everything in composing
    options.log_severity_level = 3
    options.enable_cpu_mem_arena = options.enable_mem_pattern = False  # memory kept ahead is for larger models
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
