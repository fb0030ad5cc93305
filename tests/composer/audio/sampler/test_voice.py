from itertools import product

import numpy as np
import pytest

from composer.audio.sampler.voice import Envelope

SETTINGS = list(product((0.0, 0.02), (0.0, 0.3), (0.0, 0.1), (0.0, 1.5), (0.0, 120.0, 1000.0)))
"""Delay, attack, hold and decay in seconds, sustained level in 0.1 dB."""


@pytest.mark.parametrize("setting", SETTINGS)
def test_an_envelope_stays_where_it_is_once_it_has_settled(setting: tuple[float, ...]) -> None:
    envelope = Envelope(*setting)
    after = np.array([envelope.settled_after(), 10.0], np.float32) + np.float32(1e-4)
    fall_db = np.minimum(envelope.decay_progress(after) * 100, envelope.sustain / 10)
    assert envelope.attack_gain(after).tolist() == [1, 1]
    assert fall_db.tolist() == pytest.approx([envelope.sustain / 10] * 2)


def test_an_envelope_moves_until_it_settles() -> None:
    envelope = Envelope(0.1, 0.2, 0.3, 2.0, 500.0)
    assert envelope.settled_after() == pytest.approx(0.1 + 0.2 + 0.3 + 1.0, abs=1e-3)
    before = np.array([envelope.settled_after() - 0.01], np.float32)
    assert envelope.decay_progress(before) * 100 < 50
