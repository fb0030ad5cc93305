"""Loudness and true-peak measurement after ITU-R BS.1770-4, and the master: gain and a look-ahead limiter."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from composer.audio import filters
from composer.audio.effects import linear_ramps
from composer.audio.filters import Section
from composer.audio.signal import SAMPLE_RATE, Audio, Mono, amplitude

TARGET_LUFS = -14.0
CEILING_DBTP = -3.0
"""Highest true peak of the master: 2 dB below the target of −1 dBTP, since lossy codecs add up to 1.7 dB (measured)."""
SILENCE_LUFS = -70.0
"""Absolute gate of BS.1770: anything quieter counts as silence."""

_SHELF_HERTZ, _SHELF_DB, _SHELF_QUALITY = 1681.974450955533, 3.999843853973347, 0.7071752369554196
_HIGH_PASS_HERTZ, _HIGH_PASS_QUALITY = 38.13547087602444, 0.5003270373238773
"""Analogue prototypes of the K-weighting; the shelf's frequency is its poles'."""
_MAKE_UP_DB = 18.0
"""Most gain that makes up for the loudness lost to limiting; more would only flatten the sound."""
_PASSES, _TOLERANCE_LU = 5, 0.15
_MARGIN_DB = 2.0
"""Peaks are measured for this much more gain than is applied, so that a small correction reuses them."""
_FRAME = 48
"""Samples a limiter step: 1 ms."""
_LOOK_AHEAD = 5
"""Steps by which the gain falls before a peak."""
_RELEASE_PER_FRAME = 0.985
"""Share of the gain reduction that remains after one step: 67 ms to two thirds."""
_FRAMES_AT_ONCE = 2048
_OVERSAMPLING = 4
_TAPS = 12
"""Filter taps a phase, as in BS.1770-4 annex 2."""


def integrated_loudness(audio: Audio, sample_rate: int = SAMPLE_RATE) -> float:
    """Return the gated loudness in LUFS of ``audio`` (samples, 1 or 2); ``SILENCE_LUFS`` below 0.4 s."""
    return _loudness(_weighted_power(audio, sample_rate // 10, sample_rate))


def _weighted_power(audio: Audio, frame: int, sample_rate: int) -> NDArray[np.float64]:
    """Return the mean square, summed over channels, of K-weighted ``audio`` a whole ``frame``: (frames,)."""
    frames, sections = len(audio) // frame, _k_weighting(sample_rate)
    power = np.zeros(frames)
    for channel in audio[: frames * frame].T:
        weighted = filters.apply_sections(sections, channel).reshape(frames, frame)
        power += np.einsum("hn,hn->h", weighted, weighted) / frame
    return power


def _loudness(power: NDArray[np.float64]) -> float:
    """Return the gated loudness in LUFS of sound with mean squares ``power`` (N,), one each 100 ms."""
    return _gated(np.convolve(power, np.full(4, 0.25), "valid")) if len(power) >= 4 else SILENCE_LUFS


def _gated(power: NDArray[np.float64]) -> float:
    """Return the loudness of 400 ms blocks: absolute gate, then a gate 10 LU below the mean of the rest."""
    loud = power[_lufs(power) > SILENCE_LUFS]
    if not len(loud):
        return SILENCE_LUFS
    return float(_lufs(loud[_lufs(loud) > _lufs(loud.mean()) - 10].mean()))


def _lufs(power: NDArray[np.float64]) -> NDArray[np.float64]:
    return -0.691 + 10 * np.log10(np.maximum(power, 1e-20))


@cache
def _k_weighting(sample_rate: int) -> tuple[Section, Section]:
    """Return the two biquads of BS.1770 at ``sample_rate``."""
    # The cookbook centres a shelf between its zeros and poles, a fourth root of its gain below its poles.
    poles = np.tan(np.pi * _SHELF_HERTZ / sample_rate)
    centre = float(2 * np.arctan(poles / 10 ** (_SHELF_DB / 80)))
    high_pass = filters.high_pass(filters.angle(_HIGH_PASS_HERTZ, sample_rate), _HIGH_PASS_QUALITY)
    # The standard does not normalize the high-pass: its numerator is 1 −2 1.
    return filters.high_shelf(centre, _SHELF_DB, _SHELF_QUALITY), (1.0, -2.0, 1.0, *high_pass[3:])


def true_peak(audio: Audio) -> float:
    """Return the highest amplitude at and between the samples of ``audio`` (samples, channels); 0 for no samples."""
    return float(_frame_peaks(audio, float(np.abs(audio).max(initial=0.0))).max(initial=0.0))


def _frame_peaks(audio: Audio, threshold: float) -> NDArray[np.float32]:
    """Return the oversampled peak over channels a ``_FRAME``: (frames,).

    Only exact where it may reach ``threshold``: in music no peak between samples is 4 dB above them, so frames below
    0.6 of it keep their sample peak.
    """
    frames = -(-len(audio) // _FRAME)
    channels = np.zeros((audio.shape[1], frames * _FRAME), np.float32)
    channels[:, : len(audio)] = audio.T
    in_frames = channels.reshape(len(channels), frames, _FRAME)
    peaks = np.maximum(in_frames.max(axis=(0, 2), initial=0.0), -in_frames.min(axis=(0, 2), initial=0.0))
    hot = np.flatnonzero(peaks > 0.6 * threshold)
    for channel in channels:
        for some in np.split(hot, range(_FRAMES_AT_ONCE, len(hot), _FRAMES_AT_ONCE)):
            peaks[some] = np.maximum(peaks[some], _peaks_between_samples(channel, some))
    return np.asarray(peaks, np.float32)


def _peaks_between_samples(channel: Mono, frames: NDArray[np.intp]) -> NDArray[np.float32]:
    """Return the peak between the samples of each of ``frames`` (N,) of one channel: (N,)."""
    if not len(frames):
        return np.zeros(0, np.float32)
    first, stop = int(frames[0]) * _FRAME, (int(frames[-1]) + 1) * _FRAME
    around = np.zeros(stop - first + 2 * _TAPS, np.float32)
    begin, end = max(first - _TAPS, 0), min(stop + _TAPS, len(channel))
    around[begin - first + _TAPS : end - first + _TAPS] = channel[begin:end]
    starts = (frames - frames[0]) * _FRAME + _TAPS // 2
    windows = np.lib.stride_tricks.sliding_window_view(around, _FRAME + _TAPS)[starts]  # (N, _FRAME + _TAPS)
    taps = np.lib.stride_tricks.sliding_window_view(windows, _TAPS, axis=1)  # (N, _FRAME + 1, _TAPS)
    return np.asarray(np.abs(taps @ _interpolator()).max(axis=(1, 2)), np.float32)


@cache
def _interpolator() -> NDArray[np.float32]:
    """Return windowed-sinc kernels for the three quarters between two samples: (_TAPS, 3)."""
    steps = np.arange(_TAPS)[:, None] - (_TAPS // 2 - 1) - np.arange(1, _OVERSAMPLING) / _OVERSAMPLING
    kernel = np.sinc(steps) * np.cos(np.pi * steps / (_TAPS + 1)) ** 2
    return np.asarray(kernel / kernel.sum(axis=0), np.float32)


def master(audio: Audio, target_lufs: float = TARGET_LUFS, ceiling_dbtp: float = CEILING_DBTP) -> Audio:
    """Bring ``audio`` (samples, 2) to ``target_lufs`` below ``ceiling_dbtp`` by gain and limiter, in place.

    Limiting costs loudness, so the gain is corrected up to ``_PASSES`` times. Silence stays silence.
    """
    power = _limiter_power(audio)
    loudness = _loudness_after(power, 1.0)
    if loudness <= SILENCE_LUFS:
        return audio
    ceiling, gain_db = amplitude(ceiling_dbtp), target_lufs - loudness
    max_gain_db, measured_gain_db = gain_db + _MAKE_UP_DB, -np.inf
    for _ in range(_PASSES):
        if gain_db > measured_gain_db:
            measured_gain_db = gain_db + _MARGIN_DB
            peaks = _frame_peaks(audio, ceiling / amplitude(measured_gain_db))
        gains = amplitude(gain_db) * _limiter_gains(_allowed_gains(peaks * amplitude(gain_db), ceiling))
        missing = target_lufs - _loudness_after(power, gains)
        if abs(missing) < _TOLERANCE_LU or gain_db >= max_gain_db:
            break
        # The limiter takes part of what is added, so more than what is missing is added.
        gain_db = min(gain_db + 1.4 * missing, max_gain_db)
    return _apply_gains(audio, gains)


def _limiter_power(audio: Audio) -> NDArray[np.float64]:
    """Return the K-weighted mean square a ``_FRAME`` of ``audio`` from every second sample: (frames,).

    Aliasing moves the treble but hardly changes its power (below 0.1 LU in music).
    """
    return _weighted_power(audio[::2], _FRAME // 2, SAMPLE_RATE // 2)


def _loudness_after(power: NDArray[np.float64], gains: NDArray[np.float64] | float) -> float:
    """Return the loudness of sound of ``power`` (frames,) after ``gains`` (frames + 1,), linear in between.

    The gains change so slowly that K-weighting before or after them is the same (below 0.05 LU in music).
    """
    if isinstance(gains, np.ndarray):
        left, right = gains[: len(power)], gains[1 : len(power) + 1]
        power = power * (left * left + left * right + right * right) / 3
    frames = SAMPLE_RATE // 10 // _FRAME
    return _loudness(power[: len(power) // frames * frames].reshape(-1, frames).mean(axis=1))


def limit(audio: Audio, ceiling: float) -> Audio:
    """Return ``audio`` (samples, channels) with its true peak below ``ceiling`` (amplitude)."""
    allowed = _allowed_gains(_frame_peaks(audio, ceiling), ceiling)
    return audio if allowed.min(initial=1.0) >= 1.0 else _apply_gains(audio.copy(), _limiter_gains(allowed))


def _allowed_gains(peaks: NDArray[np.floating], ceiling: float) -> NDArray[np.float64]:
    """Return the highest gain a frame, at most 1, that keeps its peak below ``ceiling``: (frames,)."""
    return np.asarray(np.minimum(1.0, ceiling / np.maximum(peaks, 1e-9)), np.float64)


def _apply_gains(audio: Audio, gains: NDArray[np.float64]) -> Audio:
    """Apply ``gains`` (frames + 1,), one at each frame border and linear in between, to ``audio`` in place."""
    audio *= linear_ramps(gains, _FRAME)[: len(audio), None]
    return audio


def _limiter_gains(allowed: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the gain at the frame borders, never above what either neighbour allows: (frames + 1,)."""
    around = np.pad(allowed, _LOOK_AHEAD, mode="edge")
    early = np.lib.stride_tricks.sliding_window_view(around, 2 * _LOOK_AHEAD + 1).min(axis=1)
    # Each reduction decays by a constant factor until a greater one takes over: in logarithms a running maximum.
    decay = np.log(_RELEASE_PER_FRAME) * np.arange(len(early))
    gains = 1 - np.exp(np.maximum.accumulate(np.log(np.maximum(1 - early, 1e-12)) - decay) + decay)
    # A mean over the look-ahead turns steps into ramps and stays below every minimum it was taken from.
    ramps = np.convolve(np.pad(gains, _LOOK_AHEAD, mode="edge"), np.full(_LOOK_AHEAD, 1 / _LOOK_AHEAD), "valid")
    middle = ramps[_LOOK_AHEAD // 2 : _LOOK_AHEAD // 2 + len(gains) + 1]
    return np.asarray(np.minimum(middle, np.minimum(np.append(allowed, 1.0), np.append(1.0, allowed))), np.float64)
