import numpy as np

from composer.audio import reverb
from composer.audio.signal import SAMPLE_RATE


def test_the_room_answers_differently_left_and_right_and_dies_away() -> None:
    left, right = reverb.impulse_response()
    assert abs(np.corrcoef(left, right)[0, 1]) < 0.2
    early, late = (np.square(left[a : a + 4800]).sum() for a in (0, len(left) - 4800))
    assert 10 * np.log10(late / early) < -45


def test_sound_sent_to_the_room_rings_on_after_it_has_ended() -> None:
    bus, send = np.zeros((SAMPLE_RATE, 2), np.float32), np.zeros(SAMPLE_RATE, np.float32)
    send[:100] = 0.5
    reverb.add_reverb(bus, send)
    assert np.abs(bus[4800:9600]).max() > 0
    assert np.isfinite(bus).all()


def test_nothing_sent_is_nothing_added() -> None:
    bus = np.zeros((1000, 2), np.float32)
    reverb.add_reverb(bus, np.zeros(1000, np.float32))
    assert not bus.any()
