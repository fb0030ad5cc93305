"""The instrumentation model: an exact distribution over bands, and bands drawn from it."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from composer.model.planner_config import expected_band_shapes
from composer.planning import instrumentation
from composer.planning.draw import draw_band
from composer.planning.instrumentation import Instrumentation, renumbered

PARTS = 6


def model(seed: int = 0) -> Instrumentation:
    """Three programs of two occurrences, two genres, three styles."""
    rng = np.random.default_rng(seed)
    weights = {n: 0.4 * rng.standard_normal(size) for n, size in expected_band_shapes(2, 3, 3, 2).items()}
    weights["style_share"] = np.array([[0.25, 0.75, 0], [1, 0, 0]])
    return Instrumentation(weights)


@pytest.mark.parametrize("genres", [{0: 1.0}, {1: 1.0}, {0: 0.4, 1: 0.6}])
def test_all_bands_together_have_probability_one(genres: dict[int, float]) -> None:
    bands = [band for size in range(1, PARTS + 1) for band in combinations(range(PARTS), size)]
    assert sum(np.exp(model().log_probability(band, genres)) for band in bands) == pytest.approx(1)


def test_a_full_band_ends_of_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instrumentation, "PART_LIMIT", 2)
    bands = [band for size in (1, 2) for band in combinations(range(PARTS), size)]
    assert sum(np.exp(model().log_probability(band, {0: 1.0})) for band in bands) == pytest.approx(1)
    assert max(len(model().sample({0: 1.0}, 0, np.random.default_rng(n))) for n in range(20)) <= 2


def test_bands_are_drawn_as_often_as_they_are_likely(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instrumentation, "MIN_P", 0.0)
    drawn, generator = model(), np.random.default_rng(1)
    bands = []
    for _ in range(2000):
        style = int(generator.random() < 0.75)
        bands.append(drawn.sample({0: 1.0}, style, generator))
    for band in set(bands[:50]):
        share = np.mean([each == band for each in bands])
        assert share == pytest.approx(np.exp(drawn.log_probability(band, {0: 1.0})), abs=0.04)


def test_forced_parts_are_in_the_band() -> None:
    for seed in range(20):
        band = model().sample({1: 1.0}, 0, np.random.default_rng(seed), forced=(1, 4))
        assert {1, 4} <= set(band)
        assert list(band) == sorted(set(band))


def test_the_style_of_an_asked_band_is_likely_for_it() -> None:
    drawn = model()
    band = (0, 3, 5)
    likely = {style: drawn.log_probability_in(band, {0: 1.0}, style) for style in (0, 1)}
    weights = np.array([0.25, 0.75]) * np.exp([likely[0], likely[1]])
    styles = [draw_band(drawn, {0: 1.0}, band, (), np.random.default_rng(n))[0] for n in range(400)]
    assert np.mean([style == 1 for style in styles]) == pytest.approx(weights[1] / weights.sum(), abs=0.08)


def test_parts_of_an_instrument_are_numbered_from_zero() -> None:
    assert renumbered((0, 5, 7, 129, 131)) == (0, 4, 5, 128, 129)
