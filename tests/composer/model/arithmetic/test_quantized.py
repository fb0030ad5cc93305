"""Int8 products: close to exact ones, and the same bits by either implementation, in a batch or alone."""

from typing import Any

import numpy as np
import pytest

from composer.model.arithmetic.fixed_point import EXACT_BITS
from composer.model.arithmetic.onnx_model import product_model
from composer.model.arithmetic.quantized import BOUND_SHAPES, QMAX, ZERO_POINT, Int8Linear
from composer.model.engine import Engine
from tests.composer.checkpoints import tiny_checkpoint

NONE = np.zeros(1, dtype=np.float32)
SHAPES = [(8, 3), (96, 24), (2048, 1024), (64, 5000)]


def some_weights(outer: int, inner: int) -> np.ndarray:
    return np.random.default_rng(outer).standard_normal((outer, inner)).astype(np.float32)


def some_bytes(batch: int, inner: int) -> np.ndarray:
    return (
        np.random.default_rng(inner).integers(ZERO_POINT - QMAX, ZERO_POINT + QMAX + 1, (batch, inner)).astype(np.uint8)
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_a_quantized_product_is_close_to_the_float_product(shape: tuple[int, int]) -> None:
    weights, left = some_weights(*shape), some_bytes(3, shape[1])
    wanted = ((left.astype(np.float64) - ZERO_POINT) / QMAX) @ weights.T
    found = Int8Linear(weights, runtime=False)(left, NONE)
    assert np.abs(found - wanted).max() < 0.02 * np.abs(weights).max() * np.sqrt(shape[1])


@pytest.mark.parametrize("shape", SHAPES)
def test_the_runtime_gives_the_same_bits_as_numpy(shape: tuple[int, int]) -> None:
    pytest.importorskip("onnxruntime", reason="the fast extra")
    weights, left = some_weights(*shape), some_bytes(7, shape[1])
    left[0], left[1] = ZERO_POINT + QMAX, ZERO_POINT - QMAX
    mine, its = Int8Linear(weights, runtime=False), Int8Linear(weights)
    assert its.uses_onnxruntime
    assert not mine.uses_onnxruntime
    plus = np.random.default_rng(3).standard_normal((7, shape[0])).astype(np.float32)
    found = its(left, plus)
    assert np.array_equal(mine(left, plus), found)
    for row in range(7):
        assert np.array_equal(its(left[row : row + 1], plus[row])[0], found[row])
    its(left[::-1], plus)
    assert np.array_equal(mine(left, plus), found)  # what was given stays as it is when more is asked


def test_bound_buffers_are_kept_for_a_few_batch_sizes() -> None:
    pytest.importorskip("onnxruntime", reason="the fast extra")
    mine, its = Int8Linear(some_weights(8, 3), runtime=False), Int8Linear(some_weights(8, 3))
    for batch in [*range(1, 3 * BOUND_SHAPES), 1, 2]:
        left = some_bytes(batch, 3)
        assert np.array_equal(mine(left, NONE), its(left, NONE))
    assert len(its._bound) <= BOUND_SHAPES


class Runtime:
    """Products with weights of 1, sums up to ``largest``; ``copies``: bound values are copied, not read in place."""

    def __init__(self, largest: int, *, copies: bool) -> None:
        self.largest, self.copies = largest, copies
        self.places: dict[str, Any] = {}

    def io_binding(self) -> Any:
        return self

    def bind_ortvalue_input(self, name: str, value: Any) -> None:
        self.places[name] = value

    bind_ortvalue_output = bind_ortvalue_input

    def run_with_iobinding(self, _binding: object) -> None:
        left = self.places.setdefault("kept", self.places["left"].numpy().copy())
        left = left if self.copies else self.places["left"].numpy()
        sums = (left.astype(np.int64) - ZERO_POINT) @ np.ones((16, 4), dtype=np.int64) * QMAX
        scale = np.float32(1 / QMAX) / np.float32(QMAX)
        self.places["out"].update_inplace(np.minimum(sums, self.largest).astype(np.float32) * scale)


@pytest.mark.parametrize(
    ("runtime", "used"),
    [
        (Runtime(2**15, copies=False), False),
        (Runtime(2**31, copies=True), False),
        (Runtime(2**31, copies=False), True),
    ],
)
def test_a_runtime_that_overflows_or_copies_its_buffers_is_not_used(
    runtime: Runtime, used: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("composer.model.arithmetic.quantized.open_session", lambda _model: runtime)
    pytest.importorskip("onnxruntime", reason="the fast extra")
    assert Int8Linear(np.ones((4, 16), dtype=np.float32)).uses_onnxruntime is used


def test_without_the_runtime_numpy_computes_the_product(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("composer.model.arithmetic.quantized.find_spec", lambda _name: None)
    assert not Int8Linear(some_weights(8, 4)).uses_onnxruntime


def test_sums_stay_in_the_exact_range_of_float32() -> None:
    weights = np.ones((2, 5000), dtype=np.float32)  # every weight is its row's largest
    product = Int8Linear(weights, runtime=False)
    loudest = product(np.full((1, 5000), ZERO_POINT + QMAX, dtype=np.uint8), NONE)
    assert np.abs(product.quantized).sum(axis=0).max() * ZERO_POINT < 2**EXACT_BITS
    assert loudest == pytest.approx(5000, rel=0.01)


def test_the_large_layers_of_an_engine_are_int8() -> None:
    engine = Engine(tiny_checkpoint())
    assert all(isinstance(product, Int8Linear) for product in engine.linears)
    assert engine.start(2).hidden.dtype == np.uint8


def test_the_runtime_reads_the_written_model() -> None:
    onnxruntime = pytest.importorskip("onnxruntime", reason="the fast extra")
    right, scale = np.arange(-6, 6, dtype=np.int8).reshape(4, 3), np.array([1, 0.5, 3], dtype=np.float32)
    session = onnxruntime.InferenceSession(product_model(right, 128, scale), providers=["CPUExecutionProvider"])
    [given], [out] = session.get_inputs(), session.get_outputs()
    assert (given.name, given.type, given.shape) == ("left", "tensor(uint8)", ["B", 4])
    assert (out.name, out.type, out.shape) == ("out", "tensor(float)", ["B", 3])
    left = np.array([[128, 129, 130, 0]], dtype=np.uint8)
    assert session.run(None, {"left": left})[0].tolist() == ((left.astype(int) - 128) @ right * scale).tolist()
