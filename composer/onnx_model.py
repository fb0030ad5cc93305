"""One integer matrix product as an ONNX model, in the bytes that a runtime reads; no library is needed to write it.

The message and field numbers are those of ``onnx.proto`` (ONNX 1.17), the encoding that of protocol buffers. Knows one
model only: ``out`` (B, N) int32 = (``left`` (B, K) uint8 − ``rest``) · ``right`` (K, N) int8, for any B.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

_UINT8, _INT8, _INT32 = 2, 3, 6
_IR_VERSION, _OPERATOR_SET = 8, 13


def product_model(right: NDArray[np.int8], rest: int) -> bytes:
    """The model's bytes; ``rest`` is what stands for 0 in ``left``."""
    inner, outer = right.shape
    node = b"".join(_text(1, name) for name in ("left", "right", "rest")) + _text(2, "out") + _text(4, "MatMulInteger")
    tensors = _tensor("right", _INT8, right) + _tensor("rest", _UINT8, np.array(rest, dtype=np.uint8))
    outside = _message(11, _value("left", _UINT8, inner)) + _message(12, _value("out", _INT32, outer))
    graph = _message(1, node) + _text(2, "product") + tensors + outside
    return _number(1, _IR_VERSION) + _message(7, graph) + _message(8, _number(2, _OPERATOR_SET))


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
    """Seven bits a byte, the lowest first; the top bit says that more follow."""
    while value > 0x7F:
        yield value & 0x7F | 0x80
        value >>= 7
    yield value
