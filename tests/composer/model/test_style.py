"""The style model in numpy: shapes and bounds of what it encodes, samples and decodes."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from composer.errors import CheckpointError
from composer.model.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from composer.model.style import StyleModel, draw_style, interpolate, style_noise
from composer.model.style.config import expected_style_shapes
from composer.model.style.features import range_columns, stated_from
from midi_data.analysis.attribute_histograms import COLUMNS, FULL, HISTOGRAMS_WIDTH, TIME_SHIFT_BINS
from midi_data.events.encoding import DRUM_PITCH, part_code

BAND = (0, part_code(33, is_drum=False), part_code(30, is_drum=False), part_code(30, is_drum=False, occurrence=1))


def random_weights(genres: int, seed: int = 1) -> dict[str, np.ndarray]:
    """Untrained weights for ``genres`` genres."""
    rng = np.random.default_rng(seed)
    return {
        name: (rng.standard_normal(shape) / np.sqrt(shape[-1])).astype(np.float16)
        for name, shape in expected_style_shapes(1 + genres).items()
    }


@pytest.fixture(scope="module")
def model() -> StyleModel:
    return StyleModel.from_tensors(random_weights(2))


def test_a_sampled_style_decodes_to_statistics_of_its_band(model: StyleModel) -> None:
    style = model.sample({0: 0.5, 1: 0.5}, BAND, np.random.default_rng(1))
    decoded = model.decode(style, BAND, {0: 1.0})
    assert (decoded.shares.shape, decoded.time_shift.shape) == ((4, HISTOGRAMS_WIDTH), (TIME_SHIFT_BINS,))
    for attribute, columns in COLUMNS.items():
        sums = decoded.shares[:, columns].sum(axis=1)
        wanted = [attribute != "step", *[attribute != "tone"] * 3]
        assert sums == pytest.approx(np.array(wanted, dtype=float), abs=0.2)  # rounded to 1 / FULL
    assert np.array_equal(decoded.shares * FULL, np.rint(decoded.shares * FULL))
    assert (decoded.lowest <= decoded.highest).all()
    assert decoded.lowest[0] >= DRUM_PITCH > decoded.highest[1]
    assert (decoded.softest <= decoded.loudest).all()
    assert decoded.voices.min() >= 1
    assert ((decoded.grid >= 0) & (decoded.grid <= 1)).all()


def test_the_same_seed_samples_the_same_style(model: StyleModel) -> None:
    one, two = (model.sample({1: 1.0}, BAND, np.random.default_rng(5)) for _ in range(2))
    assert np.array_equal(one.song, two.song)
    assert np.array_equal(one.parts, two.parts)
    assert not np.array_equal(one.parts, model.sample({1: 1.0}, BAND, np.random.default_rng(6)).parts)


def test_products_do_not_depend_on_the_order_of_summation() -> None:
    weights, rng = random_weights(1), np.random.default_rng(2)
    order = rng.permutation(weights["decode_inner.weight"].shape[0])
    shuffled = dict(weights)
    for name in ("decode_in.weight", "decode_in.bias", "decode_inner.bias"):
        shuffled[name] = weights[name][order]
    shuffled["decode_inner.weight"] = weights["decode_inner.weight"][order][:, order]
    for name in ("shares_out.weight", "ranges_out.weight"):
        shuffled[name] = weights[name][:, order]
    hidden = len(order)
    shuffled["band_in.weight"] = np.hstack(
        [weights["band_in.weight"][:, :hidden][:, order], weights["band_in.weight"][:, hidden:]]
    )
    style = StyleModel(weights).sample({}, BAND, rng)
    one, two = (StyleModel(each).decode(style, BAND, {}) for each in (weights, shuffled))
    assert np.array_equal(one.shares, two.shares)
    assert np.array_equal(one.grid, two.grid)


def test_the_posterior_is_drawn_around_its_mean(model: StyleModel) -> None:
    decoded = model.decode(model.sample({}, BAND, np.random.default_rng(1)), BAND, {})
    mean, std = model.encode(decoded.shares, decoded.time_shift, BAND, {0: 1.0})
    drawn = [draw_style(mean, std, np.random.default_rng(seed)) for seed in range(400)]
    assert np.mean([style.song for style in drawn], axis=0) == pytest.approx(mean.song, abs=0.3 * std.song.max())
    assert np.std([style.parts for style in drawn], axis=0) == pytest.approx(std.parts, rel=0.2)


def test_interpolation_runs_from_one_style_to_the_other(model: StyleModel) -> None:
    a, b = (model.sample({}, BAND, np.random.default_rng(seed)) for seed in (1, 2))
    assert np.array_equal(interpolate(a, b, 0).song, a.song)
    assert np.array_equal(interpolate(a, b, 1).parts, b.parts)
    assert interpolate(a, b, 0.25).song == pytest.approx(0.75 * a.song + 0.25 * b.song, abs=1e-4)


def test_a_blend_lies_between_its_genres_for_the_same_noise(model: StyleModel) -> None:
    noise = style_noise(len(BAND), np.random.default_rng(3))
    one, half, other = (model.style_of_noise(*noise, genres, BAND) for genres in ({0: 1.0}, {0: 1.0, 1: 1.0}, {1: 1.0}))
    whole = np.linalg.norm(one.song - other.song)
    assert np.linalg.norm(half.song - one.song) < whole
    assert np.linalg.norm(half.song - other.song) < whole


def test_ranges_survive_scaling() -> None:
    stated = np.array([[164, 185, 2, 15, 3], [28, 50, 0, 9, 1], [40, 88, 5, 5, 4], [40, 64, 5, 7, 2]])
    assert np.array_equal(stated_from(range_columns(stated, BAND), BAND), stated)


def test_a_checkpoint_carries_the_style_model_and_may_lack_it(tmp_path: Path) -> None:
    shipped = load_checkpoint()
    bare = replace(shipped, style={})
    save_checkpoint(bare, tmp_path / "bare.safetensors")
    assert load_checkpoint(tmp_path / "bare.safetensors").style == {}
    weights = random_weights(9)
    save_checkpoint(replace(shipped, style=weights), tmp_path / "styled.safetensors")
    found = load_checkpoint(tmp_path / "styled.safetensors").style
    assert found.keys() == weights.keys()
    assert all(np.array_equal(found[name], weights[name]) for name in weights)
    added = (tmp_path / "styled.safetensors").stat().st_size - (tmp_path / "bare.safetensors").stat().st_size
    assert added < 2**20
    damaged = weights | {"genre.weight": weights["genre.weight"][:, :5]}
    save_checkpoint(replace(shipped, style=damaged), tmp_path / "damaged.safetensors")
    with pytest.raises(CheckpointError, match=r"genre\.weight"):
        load_checkpoint(tmp_path / "damaged.safetensors")


def test_no_tensor_has_a_row_for_each_piece() -> None:
    for name, shape in expected_style_shapes(10).items():
        rows = {"genre.weight": 10, "genre_pieces": 10}
        assert rows.get(name, 0) == shape[0] or shape == expected_style_shapes(11)[name], name


def test_encoding_and_decoding_a_piece_is_fast(model: StyleModel) -> None:
    decoded = model.decode(model.sample({}, BAND, np.random.default_rng(1)), BAND, {})
    begun = time.process_time()
    for _ in range(20):
        model.decode(model.encode(decoded.shares, decoded.time_shift, BAND, {})[0], BAND, {})
    assert (time.process_time() - begun) / 20 < 0.01  # measured: 1.2 ms; the bound allows for a busy machine


@pytest.fixture(scope="module")
def shipped() -> Checkpoint:
    return load_checkpoint()


@pytest.mark.parametrize("pair", [("heavy-metal", "jazz"), ("rock", "classical"), ("pop", "folk")])
def test_five_steps_between_two_genres_move_the_statistics_one_way(shipped: Checkpoint, pair: tuple[str, str]) -> None:
    model, rng = StyleModel(shipped.style), np.random.default_rng(0)
    one, other = (shipped.header.genres.index(name) for name in pair)
    noises = [style_noise(len(BAND), rng) for _ in range(20)]
    means = []
    for weight in np.linspace(0, 1, 5).tolist():
        genres = {genre: share for genre, share in ((one, 1 - weight), (other, weight)) if share}
        decoded = [model.decode(model.style_of_noise(*noise, genres, BAND), BAND, genres) for noise in noises]
        means.append(np.mean([each.shares for each in decoded], axis=0).ravel())
    line = means[-1] - means[0]
    places = [float((mean - means[0]) @ line / (line @ line)) for mean in means]
    assert places == sorted(places)
    assert places[1] > 0.05
    assert places[3] < 0.95


def test_no_row_of_the_shipped_style_model_is_of_fewer_than_ten_pieces(shipped: Checkpoint) -> None:
    style = shipped.style
    assert style["genre_pieces"].min() >= 10
    rare = style["program_pieces"] < 10
    assert rare.any()
    assert not style["program.weight"][rare].any()
    assert style["program.weight"][~rare].any(axis=1).all()
    rows = {weight.shape[0] for name, weight in style.items() if name.endswith("weight") and "_" not in name}
    assert max(rows) <= 129  # programs, families, genres, occurrences: none by piece
