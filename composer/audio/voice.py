"""One held key of a sampled instrument, from the recording to a tone of any length, as if the key were never let go.

Resampling to the key, loop, vibrato, moving filter and volume envelope, after chapters 8 and 9 of the SoundFont
specification. Knows one sample at a time; deliberately does not know notes, songs or mixing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from composer.audio.encode import SAMPLE_RATE
from composer.audio.filters import feed_back
from composer.audio.soundfont import Region
from composer.audio.voice_cache import KEPT, Mono

_DELAY, _ATTACK, _HOLD, _DECAY, _SUSTAIN, _RELEASE = range(6)
_MODULATION = (25, 26, 27, 28, 29, 30)
_VOLUME = (33, 34, 35, 36, 37, 38)
"""The generators of the two envelopes, in the order of the six stages above."""
_KEY_TO_DECAY = 40
_WHOLE_FALL_DB, _INAUDIBLE_DB = 100.0, 70.0
"""The fall that a decay or release time is given for; and the one after which a tone may end."""
_OPEN_FILTER_CENTS = 13_500
_FILTER_CUTOFF, _FILTER_RESONANCE, _FILTER_FROM_TREMOLO, _FILTER_FROM_ENVELOPE = 8, 9, 10, 11
_VOLUME_FROM_TREMOLO = 13
_SCALE_TUNING, _ATTENUATION = 56, 48
_ATTENUATION_DB = 0.04
"""Decibels a unit of attenuation: fonts are made by ear on hardware that takes 0.4 of what the specification says."""
_CONTROL_SAMPLES = 256
"""Samples between two positions of the moving filter: 5 ms."""


Moments = NDArray[np.float32]
"""Seconds since the key went down, one value a sample (or a control step)."""


@dataclass(frozen=True, slots=True)
class Stages:
    """An envelope: seconds of its stages, and its sustained level as the generator gives it (0.1 dB, or 0.1 %)."""

    delay: float
    attack: float
    hold: float
    decay: float
    sustain: float

    def rising(self, seconds: Moments) -> Moments:
        """0–1: the delay and the attack, linear in amplitude; 1 from there on."""
        return _float32(np.clip((seconds - np.float32(self.delay)) * np.float32(1 / max(self.attack, 1e-4)), 0, 1))

    def falling(self, seconds: Moments) -> Moments:
        """The share of the decay time that has passed, 0 until it begins; not limited by the sustained level."""
        begin = np.float32(self.delay + self.attack + self.hold)
        return _float32(np.maximum((seconds - begin) * np.float32(1 / max(self.decay, 1e-3)), 0))

    def silent_after(self) -> float:
        """Seconds until a volume envelope is below hearing; infinity where it sustains."""
        if self.sustain < 10 * _INAUDIBLE_DB:
            return float("inf")
        return self.delay + self.attack + self.hold + self.decay * _INAUDIBLE_DB / _WHOLE_FALL_DB


def tones(region: Region, lengths: dict[int, int]) -> dict[int, Mono]:
    """Key → its tone from ``region``, at most as many samples long as ``lengths`` says, at the region's volume.

    Tones that were made before are not made again while there is room to keep them.
    """
    lengths = {key: _heard(region, key, length) for key, length in lengths.items()}
    result = {key: tone for key, length in lengths.items() if (tone := KEPT.find(region, key, length)) is not None}
    missing = {key: length for key, length in lengths.items() if key not in result}
    for key, tone in _made(region, missing).items():
        KEPT.keep(region, key, lengths[key], tone)
        result[key] = tone
    return result


def _made(region: Region, lengths: dict[int, int]) -> dict[int, Mono]:
    """The tones themselves. Keys of like length are worked on together, because one filter movement serves them all."""
    result: dict[int, Mono] = {}
    for keys in _alike(lengths):
        raw = [_resampled(region, key, lengths[key]) for key in keys]
        block = np.zeros((len(keys), max(map(len, raw))), np.float32)
        for row, wave in zip(block, raw, strict=True):
            row[: len(wave)] = wave
        block = _filtered(region, block)
        for row, key, wave in zip(block, keys, raw, strict=True):
            result[key] = row[: len(wave)] * _volume(region, key, len(wave))
    return result


def release_curve(region: Region) -> Mono:
    """The factors by which a tone dies away after its key is let go, until nobody hears it; at least 7 ms long."""
    seconds = min(max(region.seconds(_VOLUME[_RELEASE]), 0.01), 20.0)
    return _falls(_moments(round(_INAUDIBLE_DB / _WHOLE_FALL_DB * seconds * SAMPLE_RATE)) * (_WHOLE_FALL_DB / seconds))


def _heard(region: Region, key: int, length: int) -> int:
    """``length`` (samples) without what comes after the tone has died away by itself."""
    return int(min(length, max(_stages(region, _VOLUME, key).silent_after() * SAMPLE_RATE, 1)))


def _float32(values: NDArray[Any]) -> NDArray[np.float32]:
    return np.asarray(values, np.float32)


def _moments(length: int, step: int = 1) -> Moments:
    return _float32(np.arange(0, length, step, dtype=np.int32) / np.float32(SAMPLE_RATE))


def _falls(decibels: NDArray[np.float32]) -> Mono:
    """The amplitudes after falling by ``decibels``."""
    return _float32(np.exp(decibels * np.float32(-np.log(10) / 20)))


def _alike(lengths: dict[int, int]) -> list[list[int]]:
    """Keys in groups whose lengths are within a factor of two."""
    groups: dict[int, list[int]] = {}
    for key, length in sorted(lengths.items()):
        groups.setdefault(length.bit_length(), []).append(key)
    return list(groups.values())


def _stages(region: Region, generators: Sequence[int], key: int = 60) -> Stages:
    delay, attack, hold, decay = (region.seconds(generators[stage]) for stage in (_DELAY, _ATTACK, _HOLD, _DECAY))
    if generators is _VOLUME:
        decay *= 2 ** (region.amount(_KEY_TO_DECAY) * (60 - key) / 1200)
    return Stages(delay, attack, hold, decay, float(region.amount(generators[_SUSTAIN])))


def _modulation(region: Region, seconds: Moments) -> Moments:
    """The modulation envelope at ``seconds``, 0–1."""
    stages = _stages(region, _MODULATION)
    floor = 1 - min(max(stages.sustain, 0), 1000) / 1000
    return stages.rising(seconds) * np.maximum(1 - stages.falling(seconds), np.float32(floor))


def _tremolo(region: Region, seconds: Moments) -> Moments:
    return _triangle(seconds, region.seconds(21), region.amount(22))


def _vibrato(region: Region, seconds: Moments) -> Moments:
    return _triangle(seconds, region.seconds(23), region.amount(24))


def _triangle(seconds: Moments, delay: float, cents: int) -> Moments:
    """A low-frequency oscillator at ``seconds``: ±1, from 0 on after its delay; ``cents`` over 8.176 Hz."""
    phase = np.maximum(seconds - np.float32(delay), 0) * np.float32(8.176 * 2 ** (cents / 1200)) + np.float32(0.75)
    return _float32(1 - 4 * np.abs(phase - np.floor(phase) - np.float32(0.5)))


_PITCH_SOURCES = {5: _tremolo, 6: _vibrato, 7: _modulation}
"""Generator that bends the pitch, in cents → what moves it."""


def _resampled(region: Region, key: int, length: int) -> Mono:
    """The recording played at the speed that makes it sound as ``key``; shorter than ``length`` where it ends."""
    places = _places(region, key, length)
    wave = region.wave
    if region.loop is not None:
        begin, end = region.loop
        missing = max(int(places[-1]) + 4 - end, 0) if length else 0
        wave = np.concatenate((wave[:end], np.resize(wave[begin:end], missing)))
    else:
        places = places[: int(np.searchsorted(places, len(wave) - 1))]
    return _between_samples(np.pad(wave, (1, 3)), places)


def _places(region: Region, key: int, length: int) -> NDArray[np.float64]:
    """Where in the recording each sample of the tone lies."""
    cents = (key - region.root_key) * region.amount(_SCALE_TUNING) + region.tuning_cents
    speed = region.sample_rate / SAMPLE_RATE * 2 ** (cents / 1200)
    seconds = _moments(length, _CONTROL_SAMPLES)
    bend = [region.amount(g) * source(region, seconds) for g, source in _PITCH_SOURCES.items() if region.amount(g)]
    if not bend:
        return np.arange(length, dtype=np.float64) * speed
    ratios = np.repeat(speed * 2 ** (np.sum(bend, axis=0, dtype=np.float64) / 1200), _CONTROL_SAMPLES)[:length]
    return np.asarray(np.cumsum(ratios) - ratios[:1])


def _between_samples(wave: Mono, places: NDArray[np.float64]) -> Mono:
    """``wave`` (one sample of margin before it) read at ``places`` by cubic Hermite interpolation."""
    whole = places.astype(np.intp)
    share = (places - whole).astype(np.float32)
    before, here, after, later = (wave[whole + step] for step in range(4))
    cubic = 1.5 * (here - after) + 0.5 * (later - before)
    square = before - 2.5 * here + 2 * after - 0.5 * later
    return np.asarray(((cubic * share + square) * share + 0.5 * (after - before)) * share + here, np.float32)


def _filtered(region: Region, tones: NDArray[np.float32]) -> NDArray[np.float32]:
    """``tones`` (keys, samples) through the region's low-pass, whose cutoff follows the modulation envelope."""
    cents = _cutoff_cents(region, _moments(tones.shape[1], _CONTROL_SAMPLES))
    if cents.min(initial=_OPEN_FILTER_CENTS) >= _OPEN_FILTER_CENTS:
        return tones
    share, first, second = (
        np.repeat(column, _CONTROL_SAMPLES)[: tones.shape[1]]
        for column in _low_pass(cents, region.amount(_FILTER_RESONANCE) / 10)
    )
    for tone in tones:
        fed = np.pad(share * tone, (2, 0))
        tone[:] = feed_back(fed[2:] + 2 * fed[1:-1] + fed[:-2], first, second)
    return tones


def _cutoff_cents(region: Region, seconds: Moments) -> Moments:
    cents = region.amount(_FILTER_CUTOFF) + region.amount(_FILTER_FROM_ENVELOPE) * _modulation(region, seconds)
    if tremolo := region.amount(_FILTER_FROM_TREMOLO):
        cents = cents + tremolo * _tremolo(region, seconds)
    return np.clip(cents, 1_500, _OPEN_FILTER_CENTS)


def _low_pass(cents: Moments, resonance_db: float) -> tuple[Mono, Mono, Mono]:
    """Two-pole low-passes: b₀ (b₁ is twice that, b₂ the same), a₁, a₂; at no resonance of the quality 1/√2."""
    angle = 2 * np.pi * np.minimum(8.176 * 2 ** (cents / 1200), 0.45 * SAMPLE_RATE) / SAMPLE_RATE
    alpha = np.sin(angle) / (2 * 10 ** ((resonance_db - 3.01) / 20))
    whole = 1 + alpha
    columns = (1 - np.cos(angle)) / 2 / whole, -2 * np.cos(angle) / whole, (1 - alpha) / whole
    share, first, second = (_float32(column) for column in columns)
    return share, first, second


def _volume(region: Region, key: int, length: int) -> Mono:
    """The volume envelope of a held key: factors for ``length`` samples, the region's attenuation included."""
    seconds = _moments(length)
    stages = _stages(region, _VOLUME, key)
    fall_db = np.minimum(stages.falling(seconds) * np.float32(_WHOLE_FALL_DB), np.float32(stages.sustain / 10))
    fall_db += np.float32(region.amount(_ATTENUATION) * _ATTENUATION_DB)
    if tremolo := region.amount(_VOLUME_FROM_TREMOLO):
        fall_db -= np.float32(tremolo / 10) * _tremolo(region, seconds)
    return stages.rising(seconds) * _falls(fall_db)
