"""A sampler voice: one held key of a recording, resampled, looped, filtered and shaped by its volume envelope.

Follows chapters 8 and 9 of the SoundFont specification: loops, vibrato and tremolo, moving low-pass, both envelopes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from composer.audio import filters
from composer.audio.sampler.soundfont import Region
from composer.audio.sampler.voice_cache import VOICE_CACHE
from composer.audio.signal import SAMPLE_RATE, Mono

_DELAY, _ATTACK, _HOLD, _DECAY, _SUSTAIN, _RELEASE = range(6)
_MODULATION = (25, 26, 27, 28, 29, 30)
_VOLUME = (33, 34, 35, 36, 37, 38)
"""The generators of the two envelopes, in the order of the six stages above."""
_KEY_TO_DECAY = 40
_FULL_FALL_DB, _INAUDIBLE_DB = 100.0, 70.0
"""The fall that a decay or release time refers to, and the fall after which a voice ends."""
_SHORTEST_ATTACK, _SHORTEST_DECAY = 1e-4, 1e-3
"""Seconds."""
_OPEN_FILTER_CENTS = 13_500
_FILTER_CUTOFF, _FILTER_RESONANCE, _FILTER_FROM_TREMOLO, _FILTER_FROM_ENVELOPE = 8, 9, 10, 11
_VOLUME_FROM_TREMOLO = 13
_SCALE_TUNING, _ATTENUATION = 56, 48
_ATTENUATION_DB = 0.04
"""Decibels a unit of attenuation: 0.4 of the specification's value, as hardware and FluidSynth apply it."""
_CONTROL_SAMPLES = 256
"""Samples between two control values of pitch and filter: 5 ms."""
_INTERPOLATED_AT_ONCE = 16_384
"""Samples whose intermediate arrays stay in the processor's cache: two thirds of the time of a whole voice at once."""


Seconds = NDArray[np.float32]
"""Seconds since the key went down, one value a sample (or a control step): (N,)."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """An envelope: seconds of its stages, and its sustained level in the generator's unit (0.1 dB, or 0.1 %)."""

    delay: float
    attack: float
    hold: float
    decay: float
    sustain: float

    def attack_gain(self, seconds: Seconds) -> Seconds:
        """Return the gain of delay and attack, linear from 0 to 1, then 1: (N,)."""
        return _float32(
            np.clip((seconds - np.float32(self.delay)) * np.float32(1 / max(self.attack, _SHORTEST_ATTACK)), 0, 1)
        )

    def decay_progress(self, seconds: Seconds) -> Seconds:
        """Return the elapsed share of the decay time, 0 before it begins, not limited by the sustained level: (N,)."""
        begin = np.float32(self.delay + self.attack + self.hold)
        return _float32(np.maximum((seconds - begin) * np.float32(1 / max(self.decay, _SHORTEST_DECAY)), 0))

    def settled_after(self) -> float:
        """Return the seconds until a volume envelope is at its sustained level."""
        stages = self.delay + self.attack + _SHORTEST_ATTACK + self.hold
        return stages + max(self.decay, _SHORTEST_DECAY) * max(self.sustain, 0) / 10 / _FULL_FALL_DB

    def silent_after(self) -> float:
        """Return the seconds until a volume envelope is inaudible; infinity if it sustains."""
        if self.sustain < 10 * _INAUDIBLE_DB:
            return float("inf")
        return self.delay + self.attack + self.hold + self.decay * _INAUDIBLE_DB / _FULL_FALL_DB


def render_voices(region: Region, lengths: dict[int, int]) -> dict[int, Mono]:
    """Return key → its voice of ``region``, (samples,), at most ``lengths[key]`` samples long, from the cache or new.

    Voices include the region's attenuation, not the note's velocity.
    """
    lengths = {key: _audible_length(region, key, length) for key, length in lengths.items()}
    voices = {
        key: voice for key, length in lengths.items() if (voice := VOICE_CACHE.get(region, key, length)) is not None
    }
    missing = {key: length for key, length in lengths.items() if key not in voices}
    for key, voice in _new_voices(region, missing).items():
        VOICE_CACHE.put(region, key, lengths[key], voice)
        voices[key] = voice
    return voices


def _new_voices(region: Region, lengths: dict[int, int]) -> dict[int, Mono]:
    """Render voices; keys of similar length share one computation of the filter's movement."""
    voices: dict[int, Mono] = {}
    for keys in _similar_lengths(lengths):
        raw = [_resample(region, key, lengths[key]) for key in keys]
        block = np.zeros((len(keys), max(map(len, raw))), np.float32)  # (keys, samples)
        for row, wave in zip(block, raw, strict=True):
            row[: len(wave)] = wave
        block = _low_pass(region, block)
        for row, key, wave in zip(block, keys, raw, strict=True):
            voices[key] = row[: len(wave)] * _volume(region, key, len(wave))
    return voices


def release_curve(region: Region) -> Mono:
    """Return the gains with which a voice falls after its key is let go, until inaudible: (samples,), at least 7 ms."""
    return _release_curve(min(max(region.seconds(_VOLUME[_RELEASE]), 0.01), 20.0))


@lru_cache(maxsize=8)
def _release_curve(seconds: float) -> Mono:
    length = round(_INAUDIBLE_DB / _FULL_FALL_DB * seconds * SAMPLE_RATE)
    return _attenuation(_times(length) * (_FULL_FALL_DB / seconds))


def _audible_length(region: Region, key: int, length: int) -> int:
    """Return ``length`` (samples), limited to the time after which the voice has decayed by itself."""
    return int(min(length, max(_envelope(region, _VOLUME, key).silent_after() * SAMPLE_RATE, 1)))


def _float32(values: Any) -> NDArray[np.float32]:
    return np.asarray(values, np.float32)


def _times(length: int, step: int = 1) -> Seconds:
    return np.arange(0, length, step, dtype=np.float32) / np.float32(SAMPLE_RATE)


def _attenuation(decibels: NDArray[np.float32]) -> Mono:
    """Return the amplitudes after falling by ``decibels`` (N,)."""
    return _float32(np.exp(decibels * np.float32(-np.log(10) / 20)))


def _similar_lengths(lengths: dict[int, int]) -> list[list[int]]:
    """Return the keys in groups whose lengths are within a factor of two."""
    groups: dict[int, list[int]] = {}
    for key, length in sorted(lengths.items()):
        groups.setdefault(length.bit_length(), []).append(key)
    return list(groups.values())


def _envelope(region: Region, generators: Sequence[int], key: int = 60) -> Envelope:
    delay, attack, hold, decay = (region.seconds(generators[stage]) for stage in (_DELAY, _ATTACK, _HOLD, _DECAY))
    if generators is _VOLUME:
        decay *= 2 ** (region.amount(_KEY_TO_DECAY) * (60 - key) / 1200)
    return Envelope(delay, attack, hold, decay, float(region.amount(generators[_SUSTAIN])))


def _modulation(region: Region, seconds: Seconds) -> Seconds:
    """Return the modulation envelope at ``seconds``, 0–1: (N,)."""
    envelope = _envelope(region, _MODULATION)
    floor = 1 - min(max(envelope.sustain, 0), 1000) / 1000
    return envelope.attack_gain(seconds) * np.maximum(1 - envelope.decay_progress(seconds), np.float32(floor))


def _tremolo(region: Region, seconds: Seconds) -> Seconds:
    return _triangle(seconds, region.seconds(21), region.amount(22))


def _vibrato(region: Region, seconds: Seconds) -> Seconds:
    return _triangle(seconds, region.seconds(23), region.amount(24))


def _triangle(seconds: Seconds, delay: float, cents: int) -> Seconds:
    """Return a triangle wave at ``seconds``, ±1, ``cents`` above 8.176 Hz, starting at 0 after ``delay``: (N,)."""
    phase = np.maximum(seconds - np.float32(delay), 0) * np.float32(8.176 * 2 ** (cents / 1200)) + np.float32(0.75)
    return _float32(1 - 4 * np.abs(phase - np.floor(phase) - np.float32(0.5)))


_PITCH_SOURCES = {5: _tremolo, 6: _vibrato, 7: _modulation}
"""Generator that bends the pitch, in cents → its source."""


def _resample(region: Region, key: int, length: int) -> Mono:
    """Return the recording at the pitch of ``key``: (samples,), shorter than ``length`` where it ends."""
    positions, wave = _positions(region, key, length), region.recording
    if region.loop is not None and region.loop[0] < len(wave):
        begin, end = region.loop[0], min(region.loop[1], len(wave))
        missing = max(int(positions[-1]) + 4 - end, 0) if length else 0
        wave = np.concatenate((wave[:end], np.resize(wave[begin:end], missing)))
    else:
        positions = positions[: int(np.searchsorted(positions, len(wave) - 1))]
        wave = wave[: int(positions[-1]) + 2 if len(positions) else 0]
    return _interpolate(np.pad(wave, (1, 3)) * np.float32(1 / 32_768), positions)


def _positions(region: Region, key: int, length: int) -> NDArray[np.float64]:
    """Return the position in the recording of each of the voice's samples: (length,)."""
    cents = (key - region.root_key) * region.amount(_SCALE_TUNING) + region.tuning_cents
    speed = region.sample_rate / SAMPLE_RATE * 2 ** (cents / 1200)
    seconds = _times(length, _CONTROL_SAMPLES)
    bend = [region.amount(g) * source(region, seconds) for g, source in _PITCH_SOURCES.items() if region.amount(g)]
    if not bend:
        return np.arange(length, dtype=np.float64) * speed
    ratios = np.repeat(speed * 2 ** (np.sum(bend, axis=0, dtype=np.float64) / 1200), _CONTROL_SAMPLES)[:length]
    return np.asarray(np.cumsum(ratios) - ratios[:1])


def _interpolate(wave: Mono, positions: NDArray[np.float64]) -> Mono:
    """Return ``wave`` (one sample of margin before it) at ``positions`` (N,) by cubic Hermite interpolation: (N,)."""
    result = np.empty(len(positions), np.float32)
    for begin in range(0, len(positions), _INTERPOLATED_AT_ONCE):
        some = positions[begin : begin + _INTERPOLATED_AT_ONCE]
        floor = some.astype(np.intp)
        fraction = (some - floor).astype(np.float32)
        before, here, after, later = (wave[step:].take(floor, mode="clip") for step in range(4))
        cubic = 1.5 * (here - after) + 0.5 * (later - before)
        square = before - 2.5 * here + 2 * after - 0.5 * later
        slope = 0.5 * (after - before)
        result[begin : begin + len(some)] = ((cubic * fraction + square) * fraction + slope) * fraction + here
    return result


def _low_pass(region: Region, voices: NDArray[np.float32]) -> NDArray[np.float32]:
    """Filter ``voices`` (keys, samples) in place by the region's low-pass, whose cutoff follows its modulation."""
    cents = _cutoff_cents(region, _times(voices.shape[1], _CONTROL_SAMPLES))
    if cents.min(initial=_OPEN_FILTER_CENTS) >= _OPEN_FILTER_CENTS:
        return voices
    hertz = np.minimum(8.176 * 2 ** (cents / 1200), 0.45 * SAMPLE_RATE)
    # No resonance is a quality of 1/√2, 3.01 dB below 1.
    quality = 10 ** ((region.amount(_FILTER_RESONANCE) / 10 - 3.01) / 20)
    b0, _, _, _, a1, a2 = filters.low_pass(2 * np.pi * hertz / SAMPLE_RATE, quality)
    gain, first, second = (
        np.repeat(_float32(column), _CONTROL_SAMPLES)[: voices.shape[1]]
        for column in (b0, a1, a2)  # (samples,) each
    )
    for voice in voices:
        fed = np.pad(gain * voice, (2, 0))
        voice[:] = filters.recursive_filter(fed[2:] + 2 * fed[1:-1] + fed[:-2], first, second)
    return voices


def _cutoff_cents(region: Region, seconds: Seconds) -> Seconds:
    cents = region.amount(_FILTER_CUTOFF) + region.amount(_FILTER_FROM_ENVELOPE) * _modulation(region, seconds)
    if tremolo := region.amount(_FILTER_FROM_TREMOLO):
        cents = cents + tremolo * _tremolo(region, seconds)
    return np.clip(cents, 1_500, _OPEN_FILTER_CENTS)


def _volume(region: Region, key: int, length: int) -> Mono:
    """Return the gains of a held key's volume envelope, the region's attenuation included: (length,)."""
    envelope, tremolo = _envelope(region, _VOLUME, key), region.amount(_VOLUME_FROM_TREMOLO)
    moving = length if tremolo else min(length, round(envelope.settled_after() * SAMPLE_RATE) + 2)
    seconds = _times(moving)
    decay_db = envelope.decay_progress(seconds) * np.float32(_FULL_FALL_DB)
    fall_db = np.minimum(decay_db, np.float32(envelope.sustain / 10))
    fall_db += np.float32(region.amount(_ATTENUATION) * _ATTENUATION_DB)
    if tremolo:
        fall_db -= np.float32(tremolo / 10) * _tremolo(region, seconds)
    gains = envelope.attack_gain(seconds) * _attenuation(fall_db)
    return np.concatenate((gains, np.full(length - moving, gains[-1:], np.float32))) if moving < length else gains
