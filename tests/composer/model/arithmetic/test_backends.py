"""Int8 products: close to exact ones, and the same bits by either implementation, in a batch or alone."""

from typing import Any

import numpy as np
import pytest

from composer.errors import RefusedError
from composer.model.arithmetic import backends
from composer.model.arithmetic.backends import Backend, OnnxRuntimeBackend, open_backend, select_backend
from composer.model.arithmetic.fixed_point import EXACT_BITS
from composer.model.arithmetic.onnx_product import BOUND_SHAPES, BoundProduct, product_model
from composer.model.arithmetic.quantized import QMAX, ZERO_POINT, quantize

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
    found = Backend().product(quantize(weights))(left)
    assert np.abs(found - wanted).max() < 0.02 * np.abs(weights).max() * np.sqrt(shape[1])


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", ["onnxruntime", "torch"])
def test_other_backends_give_the_same_bits_as_numpy(shape: tuple[int, int], name: backends.BackendName) -> None:
    pytest.importorskip(name, reason="an extra")
    weights, left = quantize(some_weights(*shape)), some_bytes(7, shape[1])
    left[0], left[1] = ZERO_POINT + QMAX, ZERO_POINT - QMAX
    other = open_backend(name, "cpu")
    mine, its = Backend().product(weights), other.product(weights)
    assert isinstance(its, BoundProduct) == (name == "onnxruntime")
    found = other.numpy(its(other.array(left))).copy()
    assert np.array_equal(mine(left), found)
    for row in range(7):
        assert np.array_equal(other.numpy(its(other.array(left[row : row + 1])))[0], found[row])


def test_bound_buffers_are_kept_for_a_few_batch_sizes() -> None:
    pytest.importorskip("onnxruntime", reason="the fast extra")
    weights = quantize(some_weights(8, 3))
    mine, its = Backend().product(weights), OnnxRuntimeBackend().product(weights)
    assert isinstance(its, BoundProduct)
    for batch in [*range(1, 3 * BOUND_SHAPES), 1, 2]:
        left = some_bytes(batch, 3)
        assert np.array_equal(mine(left), its(left))
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
    pytest.importorskip("onnxruntime", reason="the fast extra")
    monkeypatch.setattr(backends, "open_session", lambda *_weights: runtime)
    product = OnnxRuntimeBackend().product(quantize(np.ones((4, 16), dtype=np.float32)))
    assert isinstance(product, BoundProduct) is used


def test_without_the_libraries_numpy_computes_and_they_are_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backends, "find_spec", lambda _name: None)
    assert open_backend().name == "numpy"
    for name in ("onnxruntime", "torch"):
        with pytest.raises(RefusedError, match="pip install"):
            open_backend(name)


def test_cuda_is_refused_without_a_device_and_with_another_backend() -> None:
    torch = pytest.importorskip("torch", reason="the train extra")
    with pytest.raises(RefusedError, match="needs --backend torch, not numpy"):
        open_backend("numpy", "cuda")
    if not torch.cuda.is_available():
        with pytest.raises(RefusedError, match="needs a CUDA device"):
            open_backend("auto", "cuda")


def test_a_selected_backend_is_used_from_then_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backends, "_SELECTED", [])
    assert select_backend("numpy", "auto") is backends.selected_backend()


def test_sums_stay_in_the_exact_range_of_float32() -> None:
    weights = np.ones((2, 5000), dtype=np.float32)  # every weight is its row's largest
    quantized = quantize(weights)
    loudest = Backend().product(quantized)(np.full((1, 5000), ZERO_POINT + QMAX, dtype=np.uint8))
    assert np.abs(quantized.values.astype(np.int64)).sum(axis=0).max() * ZERO_POINT < 2**EXACT_BITS
    assert loudest == pytest.approx(5000, rel=0.01)


def test_the_runtime_reads_the_written_model() -> None:
    onnxruntime = pytest.importorskip("onnxruntime", reason="the fast extra")
    right, scale = np.arange(-6, 6, dtype=np.int8).reshape(4, 3), np.array([1, 0.5, 3], dtype=np.float32)
    session = onnxruntime.InferenceSession(product_model(right, 128, scale), providers=["CPUExecutionProvider"])
    [given], [out] = session.get_inputs(), session.get_outputs()
    assert (given.name, given.type, given.shape) == ("left", "tensor(uint8)", ["B", 4])
    assert (out.name, out.type, out.shape) == ("out", "tensor(float)", ["B", 3])
    left = np.array([[128, 129, 130, 0]], dtype=np.uint8)
    assert session.run(None, {"left": left})[0].tolist() == ((left.astype(int) - 128) @ right * scale).tolist()
