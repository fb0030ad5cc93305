"""The style model in torch says what the numpy model says, and learns."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the train extra")

from composer.model.style import StyleModel  # noqa: E402  after the check for torch
from composer.model.style.config import expected_style_shapes  # noqa: E402
from composer.model.style.features import shares_allowed  # noqa: E402
from midi_data.analysis.attribute_histograms import COLUMNS, FULL, HISTOGRAMS_WIDTH, TIME_SHIFT_BINS  # noqa: E402
from midi_data.events.encoding import part_code  # noqa: E402
from training.style.network import StyleNetwork  # noqa: E402
from training.style.pieces import StylePiece, View, batch_of  # noqa: E402
from training.style.train import train  # noqa: E402

BANDS = ((0, part_code(30, is_drum=False)), (part_code(0, is_drum=False), part_code(33, is_drum=False), 200))


def view(band: tuple[int, ...], seed: int) -> View:
    """A random view of ``band``."""
    rng = np.random.default_rng(seed)
    allowed = shares_allowed(np.array([part < 4 for part in band]))
    shares = np.zeros((len(band), HISTOGRAMS_WIDTH))
    for columns in COLUMNS.values():
        drawn = rng.dirichlet(np.full(columns.stop - columns.start, 0.1), len(band)) * allowed[:, columns]
        shares[:, columns] = np.rint(FULL * drawn / np.maximum(drawn.sum(axis=1, keepdims=True), 1e-9))
    stated = np.array([[40, 60 + seed % 9, 3, 9, 1 + seed % 3]] * len(band)) + 128 * np.array(
        [[part < 4, part < 4, 0, 0, 0] for part in band]
    )
    time_shift = np.rint(FULL * rng.dirichlet(np.ones(TIME_SHIFT_BINS)))
    return View(band, shares, time_shift, rng.integers(20, 300, len(band)), stated, rng.integers(0, 2, 24))


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def network() -> StyleNetwork:
    torch.manual_seed(1)
    made = StyleNetwork(2).eval()
    with torch.no_grad():
        for name, weight in made.named_parameters():
            if "prior" in name:
                weight.normal_(std=0.1)
        made.program_pieces += 10
    return made


def masks_of_view(own: View) -> np.ndarray:
    """The row of ``midi_data.analysis.activity.masks_of`` that states what ``own`` states."""
    grid = int(sum(1 << tick for tick in np.flatnonzero(own.grid).tolist()))
    return np.concatenate([[grid, 4095], own.stated.ravel()])


def test_weights_have_the_expected_shapes(network: StyleNetwork) -> None:
    assert {name: tuple(weight.shape) for name, weight in network.weights().items()} == expected_style_shapes(3)


def test_torch_and_numpy_agree_on_a_batch(network: StyleNetwork) -> None:
    model = StyleModel.from_tensors({f"style.{name}": tensor.numpy() for name, tensor in network.weights().items()})
    views = [(number, view(band, number)) for number, band in enumerate(BANDS)]
    batch = batch_of(views)
    with torch.no_grad():
        parts, genre = network.embedded(batch)
        song, own = network.encode(batch, parts, genre)
        nats = network.reconstruction(batch, song[0], own[0], parts, genre)
    for number, (row, each) in enumerate(views):
        own_rows = batch.piece == number
        mean, std = model.encode(each.shares / FULL, each.time_shift / FULL, each.band, {row: 1.0}, masks_of_view(each))
        assert np.allclose(mean.song, song[0][number], atol=2e-3)
        assert np.allclose(mean.parts, own[0][own_rows], atol=2e-3)
        assert np.allclose(std.song, song[1][number].exp(), atol=2e-3)
        decoded = model.decode(mean, each.band, {row: 1.0})
        wanted = (each.notes.clip(max=64) * (-each.shares / FULL * np.log(decoded.shares + 1e-3)).sum(1)).sum()
        assert wanted == pytest.approx(float(nats["shares"][number]), rel=0.1)


def test_samples_have_the_density_that_training_computes(network: StyleNetwork) -> None:
    # Stein's identity: for z of density p, E[d log p / dz_k] = 0 and E[z_k · d log p / dz_k] = −1 in each coordinate.
    model = StyleModel.from_tensors({name: tensor.numpy() for name, tensor in network.weights().items()})
    rng, count = np.random.default_rng(3), 400
    styles = [model.sample({1: 1.0}, BANDS[1], rng) for _ in range(count)]
    batch = batch_of([(1, view(BANDS[1], 1))] * count)
    song = torch.tensor(np.array([style.song for style in styles])).float().requires_grad_()
    parts = torch.tensor(np.concatenate([style.parts for style in styles])).float().requires_grad_()
    found = network.log_priors(batch, song, parts, *network.embedded(batch))
    slopes = torch.autograd.grad(found[0].sum() + found[1].sum(), (song, parts))
    for z, slope in zip((song.detach(), parts.detach()), slopes, strict=True):
        assert float(slope.mean()) == pytest.approx(0, abs=0.05)
        assert float((z * slope).mean()) == pytest.approx(-1, abs=0.1)


def test_training_lowers_the_nats_and_rare_programs_have_no_row() -> None:
    pieces = [StylePiece(str(n), n % 2, (view(BANDS[n % 2], n % 4),)) for n in range(24)]
    weights = train(StyleNetwork(2), pieces, pieces[:4], minutes=0.03)
    assert not weights["program.weight"][100].any()
    assert weights["program.weight"][31].any()
    model = StyleModel.from_tensors({name: tensor.numpy() for name, tensor in weights.items()})
    style = model.sample({0: 1.0}, BANDS[0], np.random.default_rng(1))
    assert (style.song.shape, style.parts.shape) == ((16,), (2, 16))
