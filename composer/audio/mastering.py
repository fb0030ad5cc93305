"""How loud sound is, and bringing a mix to the loudness and the peak that the networks play back untouched.

Loudness after ITU-R BS.1770-4 (gated, LUFS), true peak after its annex 2 (4× oversampled, dBTP).
Knows levels only; deliberately does not know instruments, songs or files.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from composer.audio import filters
from composer.audio.effects import ramps
from composer.audio.encode import SAMPLE_RATE, Audio
from composer.audio.filters import Section

TARGET_LUFS = -14.0
CEILING_DBTP = -3.0
"""Highest true peak of the master: two decibels under −1 dBTP for what lossy encoders add (1.7 dB measured)."""
SILENCE_LUFS = -70.0
"""The absolute gate of BS.1770: anything quieter counts as silence."""

_MAKE_UP_DB = 18.0
"""Most gain that makes up for the loudness which limiting took; past it the sound would only get flat."""
_PASSES, _NEAR_ENOUGH_LU = 5, 0.15
_MARGIN_DB = 2.0
"""Peaks are measured for so much more gain than is applied, so that a small correction needs no second look."""
_FRAME = 48
"""Samples a limiter step: 1 ms."""
_LOOK_AHEAD = 5
"""Steps by which the gain goes down before the peak is there."""
_RELEASE_PER_FRAME = 0.985
"""By how much of the remaining way the gain does *not* recover in one step: 67 ms to two thirds."""
_FRAMES_AT_ONCE = 2048
_OVERSAMPLING = 4
_TAPS = 12
"""Filter taps a phase, as in BS.1770-4 annex 2."""


def decibels(ratio: float) -> float:
    """An amplitude ratio in dB; −200 for nothing at all."""
    return float(20 * np.log10(max(ratio, 1e-10)))


def amplitude(decibel: float) -> float:
    """The amplitude ratio of so many dB."""
    return float(10 ** (decibel / 20))


def integrated_loudness(audio: Audio, sample_rate: int = SAMPLE_RATE) -> float:
    """Gated loudness in LUFS of ``audio`` (samples, channels ≤ 2); ``SILENCE_LUFS`` for silence and for < 0.4 s."""
    return _loudness_of(_weighted_power(audio, sample_rate // 10, sample_rate))


def _weighted_power(audio: Audio, frame: int, sample_rate: int) -> NDArray[np.float64]:
    """Mean square, over channels together, of K-weighted ``audio`` in each whole ``frame`` samples."""
    frames, sections = len(audio) // frame, _k_weighting(sample_rate)
    power = np.zeros(frames)
    for channel in audio[: frames * frame].T:
        weighted = filters.through(sections, channel).reshape(frames, frame)
        power += np.einsum("hn,hn->h", weighted, weighted) / frame
    return power


def _loudness_of(power: NDArray[np.float64]) -> float:
    """Gated loudness in LUFS of sound whose mean square in each 100 ms is ``power``."""
    return _gated(np.convolve(power, np.full(4, 0.25), "valid")) if len(power) >= 4 else SILENCE_LUFS


def _gated(power: NDArray[np.float64]) -> float:
    """Loudness of 400 ms blocks of mean square ``power``: absolute gate, then 10 LU under what is left."""
    loud = power[_lufs(power) > SILENCE_LUFS]
    if not len(loud):
        return SILENCE_LUFS
    return float(_lufs(loud[_lufs(loud) > _lufs(loud.mean()) - 10].mean()))


def _lufs(power: NDArray[np.float64]) -> NDArray[np.float64]:
    return -0.691 + 10 * np.log10(np.maximum(power, 1e-20))


@cache
def _k_weighting(sample_rate: int) -> tuple[Section, Section]:
    """The two biquads of BS.1770 at ``sample_rate``, from their analogue prototypes."""
    shelf = _biquad(1681.974450955533, 0.7071752369554196, sample_rate, 10 ** (3.999843853973347 / 20))
    return shelf, _biquad(38.13547087602444, 0.5003270373238773, sample_rate)


def _biquad(hertz: float, quality: float, sample_rate: int, gain: float = 0.0) -> Section:
    """A high shelf of ``gain`` (the standard's, its half power at gain^0.4997), or for gain 0 a high-pass."""
    k = np.tan(np.pi * hertz / sample_rate)
    norm = 1 + k / quality + k * k
    poles = (1.0, float(2 * (k * k - 1) / norm), float((1 - k / quality + k * k) / norm))
    if not gain:
        return 1.0, -2.0, 1.0, *poles
    middle = gain**0.4996667741545416
    around, between = gain + k * k, middle * k / quality
    return float((around + between) / norm), float(2 * (k * k - gain) / norm), float((around - between) / norm), *poles


def true_peak(audio: Audio) -> float:
    """Highest value between and at the samples of ``audio`` (samples, channels), as amplitude; 0 for no samples."""
    return float(_peaks(audio, float(np.abs(audio).max(initial=0.0))).max(initial=0.0))


def _peaks(audio: Audio, matters: float) -> NDArray[np.float32]:
    """Oversampled peak over channels in each ``_FRAME``, shape (frames,).

    Only right where it may reach ``matters``: in music no peak between samples is 4 dB over them, so frames that
    stay under 0.6 of it keep their sample peak and need no work.
    """
    frames = -(-len(audio) // _FRAME)
    channels = np.zeros((audio.shape[1], frames * _FRAME), np.float32)
    channels[:, : len(audio)] = audio.T
    in_frames = channels.reshape(len(channels), frames, _FRAME)
    peaks = np.maximum(in_frames.max(axis=(0, 2), initial=0.0), -in_frames.min(axis=(0, 2), initial=0.0))
    hot = np.flatnonzero(peaks > 0.6 * matters)
    for channel in channels:
        for some in np.split(hot, range(_FRAMES_AT_ONCE, len(hot), _FRAMES_AT_ONCE)):
            peaks[some] = np.maximum(peaks[some], _between(channel, some))
    return np.asarray(peaks, np.float32)


def _between(channel: NDArray[np.float32], frames: NDArray[np.intp]) -> NDArray[np.float32]:
    """Peak between the samples of the given frames of one channel, shape (frames,)."""
    if not len(frames):
        return np.zeros(0, np.float32)
    first, stop = int(frames[0]) * _FRAME, (int(frames[-1]) + 1) * _FRAME
    around = np.zeros(stop - first + 2 * _TAPS, np.float32)
    begin, end = max(first - _TAPS, 0), min(stop + _TAPS, len(channel))
    around[begin - first + _TAPS : end - first + _TAPS] = channel[begin:end]
    places = (frames - frames[0]) * _FRAME + _TAPS // 2
    windows = np.lib.stride_tricks.sliding_window_view(around, _FRAME + _TAPS)[places]
    spread = np.lib.stride_tricks.sliding_window_view(windows, _TAPS, axis=1)
    return np.asarray(np.abs(spread @ _interpolator()).max(axis=(1, 2)), np.float32)


@cache
def _interpolator() -> NDArray[np.float32]:
    """Windowed-sinc interpolation to the three quarters between two samples, shape (taps, 3)."""
    steps = np.arange(_TAPS)[:, None] - (_TAPS // 2 - 1) - np.arange(1, _OVERSAMPLING) / _OVERSAMPLING
    kernel = np.sinc(steps) * np.cos(np.pi * steps / (_TAPS + 1)) ** 2
    return np.asarray(kernel / kernel.sum(axis=0), np.float32)


def master(audio: Audio, target_lufs: float = TARGET_LUFS, ceiling_dbtp: float = CEILING_DBTP) -> Audio:
    """``audio`` (changed in place) brought to ``target_lufs`` under ``ceiling_dbtp`` by gain and a look-ahead limiter.

    Limiting costs loudness, so the gain is corrected until it fits. Silence stays silence.
    """
    power = _frame_power(audio)
    loudness = _after(power, 1.0)
    if loudness <= SILENCE_LUFS:
        return audio
    ceiling, gain_db = amplitude(ceiling_dbtp), target_lufs - loudness
    most_gain_db, known_gain_db = gain_db + _MAKE_UP_DB, -np.inf
    for _ in range(_PASSES):
        if gain_db > known_gain_db:
            known_gain_db = gain_db + _MARGIN_DB
            peaks = _peaks(audio, ceiling / amplitude(known_gain_db))
        corners = amplitude(gain_db) * _gain_corners(_wanted(peaks * amplitude(gain_db), ceiling))
        missing = target_lufs - _after(power, corners)
        if abs(missing) < _NEAR_ENOUGH_LU or gain_db >= most_gain_db:
            break
        # Part of what is added is limited away again, so more than what is missing is added.
        gain_db = min(gain_db + 1.4 * missing, most_gain_db)
    return _ridden(audio, corners)


def _frame_power(audio: Audio) -> NDArray[np.float64]:
    """K-weighted mean square in each ``_FRAME`` of ``audio``, from every second sample.

    Folding moves the treble, but hardly its power (under 0.1 LU in music).
    """
    return _weighted_power(audio[::2], _FRAME // 2, SAMPLE_RATE // 2)


def _after(power: NDArray[np.float64], corners: NDArray[np.float64] | float) -> float:
    """Loudness of sound of ``power`` (frames,) after gains that go straight from corner to corner.

    The gains change so slowly that weighting before or after them is the same (under 0.05 LU in music).
    """
    if isinstance(corners, np.ndarray):
        left, right = corners[: len(power)], corners[1 : len(power) + 1]
        power = power * (left * left + left * right + right * right) / 3
    frames = SAMPLE_RATE // 10 // _FRAME
    return _loudness_of(power[: len(power) // frames * frames].reshape(-1, frames).mean(axis=1))


def limit(audio: Audio, ceiling: float) -> Audio:
    """``audio`` with its true peak under ``ceiling`` (amplitude): gain falls ahead of a peak, then recovers."""
    wanted = _wanted(_peaks(audio, ceiling), ceiling)
    return audio if wanted.min(initial=1.0) >= 1.0 else _ridden(audio.copy(), _gain_corners(wanted))


def _wanted(peaks: NDArray[np.floating], ceiling: float) -> NDArray[np.float64]:
    """The gain that each frame's peak leaves, 1 at most."""
    return np.asarray(np.minimum(1.0, ceiling / np.maximum(peaks, 1e-9)), np.float64)


def _ridden(audio: Audio, corners: NDArray[np.float64]) -> Audio:
    """``audio``, in place, at gains that go straight from corner to corner, one ``_FRAME`` apart."""
    audio *= ramps(corners, _FRAME)[: len(audio), None]
    return audio


def _gain_corners(wanted: NDArray[np.float64]) -> NDArray[np.float64]:
    """Gain at the frame borders, shape (frames + 1,): never above what either neighbour frame wants."""
    around = np.pad(wanted, _LOOK_AHEAD, mode="edge")
    early = np.lib.stride_tricks.sliding_window_view(around, 2 * _LOOK_AHEAD + 1).min(axis=1)
    # Each reduction decays by a constant factor until a greater one takes over: in logarithms a running maximum.
    decay = np.log(_RELEASE_PER_FRAME) * np.arange(len(early))
    gains = 1 - np.exp(np.maximum.accumulate(np.log(np.maximum(1 - early, 1e-12)) - decay) + decay)
    # A mean over the look-ahead turns steps into ramps and stays under every minimum it was taken from.
    ramps = np.convolve(np.pad(gains, _LOOK_AHEAD, mode="edge"), np.full(_LOOK_AHEAD, 1 / _LOOK_AHEAD), "valid")
    middle = ramps[_LOOK_AHEAD // 2 : _LOOK_AHEAD // 2 + len(gains) + 1]
    return np.asarray(np.minimum(middle, np.minimum(np.append(wanted, 1.0), np.append(1.0, wanted))), np.float64)
