"""Writes an ONNX model of one integer matrix product, without the onnx library.

Field numbers follow ``onnx.proto`` (ONNX 1.17), the encoding is protocol buffers; the operator is onnxruntime's
MatMulIntegerToFloat. The model computes ``out`` (B, N) float32 = ``scale`` (N,) float32 × ((``left`` (B, K) uint8 −
``zero_point``) · ``right`` (K, N) int8) for any B.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

_FLOAT, _UINT8, _INT8 = 1, 2, 3
_IR_VERSION, _OPERATOR_SET, _RUNTIME_SET = 8, 13, 1
_RUNTIME = "com.microsoft"


def product_model(right: NDArray[np.int8], zero_point: int, scale: NDArray[np.float32]) -> bytes:
    """Serialized model; ``zero_point`` is the value of 0 in ``left``."""
    inner, outer = right.shape
    names = b"".join(_text(1, name) for name in ("left", "right", "one", "scale", "zero_point"))
    node = names + _text(2, "out") + _text(4, "MatMulIntegerToFloat") + _text(7, _RUNTIME)
    one, zero = np.array(1, dtype=np.float32), np.array(zero_point, dtype=np.uint8)
    tensors = _tensor("right", _INT8, right) + _tensor("zero_point", _UINT8, zero)
    tensors += _tensor("one", _FLOAT, one) + _tensor("scale", _FLOAT, scale)
    signature = _message(11, _value("left", _UINT8, inner)) + _message(12, _value("out", _FLOAT, outer))
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
    return bytes([*_varint(field << 3), *_varint(value)])


def _text(field: int, value: str) -> bytes:
    return _message(field, value.encode("ascii"))


def _message(field: int, content: bytes) -> bytes:
    return bytes([*_varint(field << 3 | 2), *_varint(len(content))]) + content


def _varint(value: int) -> Iterator[int]:
    """Base-128 varint: seven bits a byte, lowest first; the top bit is set while more bytes follow."""
    while value > 0x7F:
        yield value & 0x7F | 0x80
        value >>= 7
    yield value
