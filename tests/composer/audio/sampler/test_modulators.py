"""Modulators against the values of the SoundFont specification."""

from dataclasses import replace

import numpy as np
import pytest

from composer.audio.sampler.fonts import soundfont
from composer.audio.sampler.modulators import ATTENUATION, DEFAULTS, Modulator, modulators, sum_of

FILTER_CUTOFF = 8
NEGATIVE_VELOCITY, KEY_BIPOLAR, BREATH = 0x0102, 0x0203, 0x0582


@pytest.mark.parametrize("velocity", [1, 40, 80, 127])
def test_velocity_squared_is_the_loudness_unless_a_font_says_otherwise(velocity: int) -> None:
    region = soundfont().regions(0, is_drum=False)[0]
    assert region.gain(60, velocity) == pytest.approx((velocity / 127) ** 2, rel=1e-6)
    flatter = replace(region, attenuators=modulators(sum_of(DEFAULTS, {next(iter(DEFAULTS)): -480})))
    assert flatter.gain(60, velocity) == pytest.approx(velocity / 127, rel=1e-6)


@pytest.mark.parametrize(
    ("source", "key", "velocity", "value"),
    [
        (NEGATIVE_VELOCITY, 60, 127, 0.0), (NEGATIVE_VELOCITY, 60, 0, 1.0), (KEY_BIPOLAR, 127, 64, 1.0),
        (KEY_BIPOLAR, 0, 64, -1.0), (0x0C02, 60, 63, 0.0), (0x0C02, 60, 64, 1.0), (0x0802, 60, 127, 1.0),
        (0, 1, 1, 1.0), (0x0402, 60, 127, 1.0), (0x0402, 60, 0, 0.0),
    ],
)  # fmt: skip
def test_a_source_follows_its_curve(source: int, key: int, velocity: int, value: float) -> None:
    assert Modulator(source, FILTER_CUTOFF, 1000, 0, 0).value(key, velocity) == pytest.approx(1000 * value, abs=1e-9)


def test_modulators_of_controllers_and_links_are_left_out() -> None:
    amounts = {(BREATH, ATTENUATION, 0, 0): 960, (NEGATIVE_VELOCITY, 0x8001, 0, 0): 5, (NEGATIVE_VELOCITY, 8, 0, 0): 0}
    assert modulators(amounts) == ()


def test_a_soft_note_is_duller_where_the_font_says_so_and_like_notes_share_a_voice() -> None:
    region = soundfont().regions(0, is_drum=False)[0]
    assert region.modulated(60, 40) is region
    moved = replace(region, modulators=(Modulator(NEGATIVE_VELOCITY, FILTER_CUTOFF, -4800, 0, 0),))
    cutoffs = [moved.modulated(60, velocity).amount(FILTER_CUTOFF) for velocity in (20, 60, 100)]
    assert np.all(np.diff(cutoffs) > 1000)
    assert moved.modulated(60, 97) is moved.modulated(72, 98)
    by_key = replace(region, modulators=(Modulator(KEY_BIPOLAR, FILTER_CUTOFF, 2000, 0, 0),))
    assert by_key.modulated(72, 97).amount(FILTER_CUTOFF) > by_key.modulated(48, 97).amount(FILTER_CUTOFF)
