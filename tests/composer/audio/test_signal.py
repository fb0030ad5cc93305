import numpy as np

from composer.audio.signal import add_scaled


def test_a_scaled_sound_is_added_in_place() -> None:
    target = np.ones((2, 100), np.float32)
    sound = np.arange(10, dtype=np.float32)
    add_scaled(sound, 0.5, target[1, 20:30])
    add_scaled(sound[:0], 0.5, target[1, 30:30])
    expected = np.ones((2, 100), np.float32)
    expected[1, 20:30] += sound / 2
    assert (target == expected).all()
