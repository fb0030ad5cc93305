import numpy as np
import pytest

from composer.audio.sampler.fonts import soundfont
from composer.audio.sampler.soundfont import Region
from composer.audio.sampler.voice import VOICE_CACHE, render_voices
from composer.audio.sampler.voice_cache import VoiceCache


def tone(samples: int) -> np.ndarray:
    return np.arange(samples, dtype=np.float32)


@pytest.fixture(scope="module")
def region() -> Region:
    return soundfont().regions(0, is_drum=False)[0]


def test_a_tone_is_found_at_its_length_and_shorter_but_not_longer(region: Region) -> None:
    cache = VoiceCache(10_000)
    cache.put(region, 60, 100, tone(100))
    assert np.array_equal(cache.get(region, 60, 40), tone(40))
    assert len(cache.get(region, 60, 100)) == 100
    assert cache.get(region, 60, 101) is None
    assert cache.get(region, 61, 40) is None


def test_a_tone_that_ended_by_itself_is_whole_at_any_length_it_was_asked_for(region: Region) -> None:
    cache = VoiceCache(10_000)
    cache.put(region, 60, 1000, tone(10))
    assert len(cache.get(region, 60, 900)) == 10


def test_what_was_not_asked_for_longest_makes_room(region: Region) -> None:
    cache = VoiceCache(1000)
    for key in (60, 61):
        cache.put(region, key, 100, tone(100))
    assert cache.get(region, 60, 100) is not None
    cache.put(region, 62, 100, tone(100))
    assert cache.get(region, 61, 100) is None
    assert cache.get(region, 60, 100) is not None


def test_a_tone_larger_than_the_store_is_not_kept_and_nothing_is_after_clearing(region: Region) -> None:
    cache = VoiceCache(1000)
    cache.put(region, 60, 1000, tone(1000))
    assert cache.get(region, 60, 10) is None
    cache.put(region, 60, 10, tone(10))
    cache.clear()
    assert cache.get(region, 60, 10) is None


def test_a_kept_tone_is_the_tone_made_afresh() -> None:
    for region in soundfont().regions(30, is_drum=False)[:3]:
        key = region.keys[0]
        VOICE_CACHE.clear()
        render_voices(region, {key: 48_000})
        again = render_voices(region, {key: 20_000})[key]
        VOICE_CACHE.clear()
        assert np.array_equal(again, render_voices(region, {key: 20_000})[key])
