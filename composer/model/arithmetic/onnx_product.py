"""An integer matrix product by onnxruntime: the model file, its session, and buffers bound once for each batch size.

The model is written without the onnx library. Field numbers follow ``onnx.proto`` (ONNX 1.17), the encoding is protocol
buffers; the operator is onnxruntime's MatMulIntegerToFloat.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

BOUND_SHAPES = 8
"""Batch sizes for which a product keeps bound buffers."""
_FLOAT, _UINT8, _INT8 = 1, 2, 3
_IR_VERSION, _OPERATOR_SET, _RUNTIME_SET = 8, 13, 1
_RUNTIME = "com.microsoft"


class BoundProduct:
    """(B, in) uint8 activations → (B, out), in a buffer that the next call of the same batch size overwrites."""

    def __init__(self, session: Any, shape: tuple[int, ...]) -> None:
        """``shape``: (in, out) of the weights of ``session``."""
        self._session, self._shape = session, shape
        self._bound: dict[int, tuple[Any, ...]] = {}

    def __call__(self, inputs: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The product."""
        binding, left, out, *_ = self._bound.get(len(inputs)) or self._bind(len(inputs))
        left[:] = inputs
        self._session.run_with_iobinding(binding)
        result: NDArray[np.float32] = out
        return result

    def _bind(self, batch: int) -> tuple[Any, ...]:
        """The session bound to its own input and output arrays, which saves 4 µs a call."""
        from onnxruntime import OrtValue

        if len(self._bound) == BOUND_SHAPES:
            self._bound.clear()
        left, out = np.empty((batch, self._shape[0]), np.uint8), np.empty((batch, self._shape[1]), np.float32)
        binding = self._session.io_binding()
        # The runtime reads and writes these arrays in place.
        values = OrtValue.ortvalue_from_numpy(left), OrtValue.ortvalue_from_numpy(out)
        binding.bind_ortvalue_input("left", values[0])
        binding.bind_ortvalue_output("out", values[1])
        self._bound[batch] = binding, left, out, values
        return self._bound[batch]


def open_session(right: NDArray[np.int8], zero_point: int, scale: NDArray[np.float32]) -> Any:
    """A single-threaded onnxruntime session for ``product_model``."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # processes use the cores, not threads
    options.log_severity_level = 3
    options.enable_cpu_mem_arena = options.enable_mem_pattern = False  # arenas pay for larger models only
    model = product_model(right, zero_point, scale)
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def product_model(right: NDArray[np.int8], zero_point: int, scale: NDArray[np.float32]) -> bytes:
    """Serialized model of ``out`` (B, N) = ``scale`` (N,) × ((``left`` (B, K) uint8 − ``zero_point``) · ``right``)."""
    names = b"".join(_text(1, name) for name in ("left", "right", "one", "scale", "zero_point"))
    node = names + _text(2, "out") + _text(4, "MatMulIntegerToFloat") + _text(7, _RUNTIME)
    one, zero = np.array(1, dtype=np.float32), np.array(zero_point, dtype=np.uint8)
    tensors = _tensor("right", _INT8, right) + _tensor("zero_point", _UINT8, zero)
    tensors += _tensor("one", _FLOAT, one) + _tensor("scale", _FLOAT, scale)
    signature = _message(11, _value("left", _UINT8, len(right))) + _message(12, _value("out", _FLOAT, len(scale)))
    graph = _message(1, node) + _text(2, "product") + tensors + signature
    opsets = _message(8, _number(2, _OPERATOR_SET)) + _message(8, _text(1, _RUNTIME) + _number(2, _RUNTIME_SET))
    return _number(1, _IR_VERSION) + _message(7, graph) + opsets


def _tensor(name: str, kind: int, values: NDArray[np.generic]) -> bytes:
    """A constant of the graph."""
    dims = b"".join(_number(1, size) for size in values.shape)
    return _message(5, dims + _number(2, kind) + _text(8, name) + _message(9, values.tobytes()))


def _value(name: str, kind: int, columns: int) -> bytes:
    """An input or output (B, columns)."""
    shape = _message(1, _text(2, "B")) + _message(1, _number(1, columns))
    return _text(1, name) + _message(2, _message(1, _number(1, kind) + _message(2, shape)))


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _text(field: int, value: str) -> bytes:
    return _message(field, value.encode("ascii"))


def _message(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    """Base-128 varint: seven bits a byte, lowest first; the top bit is set while more bytes follow."""
    return bytes([value]) if value < 0x80 else bytes([value & 0x7F | 0x80]) + _varint(value >> 7)
