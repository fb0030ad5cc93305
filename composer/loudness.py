"""How loud sound is, and bringing a mix to the loudness and the peak that the networks play back untouched.

Loudness after ITU-R BS.1770-4 (gated, LUFS), true peak after its annex 2 (4× oversampled, dBTP).
Knows levels only; deliberately does not know instruments, songs or files.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from composer.audio_files import SAMPLE_RATE, Audio

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
    from scipy.signal import sosfilt

    hop = sample_rate // 10
    hops = len(audio) // hop
    if hops < 4:
        return SILENCE_LUFS
    channels = sosfilt(_k_weighting(sample_rate), audio[: hops * hop].T).reshape(-1, hops, hop)
    power = np.einsum("chn,chn->h", channels, channels).astype(np.float64) / hop
    return _gated(np.convolve(power, np.full(4, 0.25), "valid"))


def _gated(power: NDArray[np.float64]) -> float:
    """Loudness of 400 ms blocks of mean square ``power``: absolute gate, then 10 LU under what is left."""
    loud = power[_lufs(power) > SILENCE_LUFS]
    if not len(loud):
        return SILENCE_LUFS
    return float(_lufs(loud[_lufs(loud) > _lufs(loud.mean()) - 10].mean()))


def _lufs(power: NDArray[np.float64]) -> NDArray[np.float64]:
    return -0.691 + 10 * np.log10(np.maximum(power, 1e-20))


@cache
def _k_weighting(sample_rate: int) -> NDArray[np.float32]:
    """The two biquads of BS.1770 at ``sample_rate``, from their analogue prototypes."""
    shelf = _biquad(1681.974450955533, 0.7071752369554196, sample_rate, 10 ** (3.999843853973347 / 20))
    return np.array([shelf, _biquad(38.13547087602444, 0.5003270373238773, sample_rate)], np.float32)


def _biquad(hertz: float, quality: float, sample_rate: int, gain: float = 0.0) -> list[float]:
    """A high shelf of ``gain`` (the standard's, its half power at gain^0.4997), or for gain 0 a high-pass."""
    k = np.tan(np.pi * hertz / sample_rate)
    norm = 1 + k / quality + k * k
    poles = [1.0, 2 * (k * k - 1) / norm, (1 - k / quality + k * k) / norm]
    if not gain:
        return [1.0, -2.0, 1.0, *poles]
    middle = gain**0.4996667741545416
    zeros = [gain + middle * k / quality + k * k, 2 * (k * k - gain), gain - middle * k / quality + k * k]
    return [*(zero / norm for zero in zeros), *poles]


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
    for channel in channels if len(hot) else ():
        np.maximum.at(peaks, hot, _between(channel, hot))
    return np.asarray(peaks, np.float32)


def _between(channel: NDArray[np.float32], frames: NDArray[np.intp]) -> NDArray[np.float32]:
    """Peak between the samples of the given frames of one channel, shape (frames,)."""
    around = np.concatenate((np.zeros(_TAPS, np.float32), channel, np.zeros(_TAPS, np.float32)))
    windows = np.lib.stride_tricks.sliding_window_view(around, _FRAME + _TAPS)[frames * _FRAME + _TAPS // 2]
    spread = np.lib.stride_tricks.sliding_window_view(windows, _TAPS, axis=1)
    return np.asarray(np.abs(spread @ _interpolator()).max(axis=(1, 2)), np.float32)


@cache
def _interpolator() -> NDArray[np.float32]:
    """Windowed-sinc interpolation to the three quarters between two samples, shape (taps, 3)."""
    steps = np.arange(_TAPS)[:, None] - (_TAPS // 2 - 1) - np.arange(1, _OVERSAMPLING) / _OVERSAMPLING
    kernel = np.sinc(steps) * np.cos(np.pi * steps / (_TAPS + 1)) ** 2
    return np.asarray(kernel / kernel.sum(axis=0), np.float32)


def master(audio: Audio, target_lufs: float = TARGET_LUFS, ceiling_dbtp: float = CEILING_DBTP) -> Audio:
    """``audio`` brought to ``target_lufs`` under ``ceiling_dbtp`` by gain and a look-ahead limiter.

    Limiting costs loudness, so the gain is corrected until it fits. Silence stays silence.
    """
    loudness = _quick_loudness(audio)
    if loudness <= SILENCE_LUFS:
        return audio
    ceiling, gain_db = amplitude(ceiling_dbtp), target_lufs - loudness
    most_gain_db, known_gain_db = gain_db + _MAKE_UP_DB, -np.inf
    for _ in range(_PASSES):
        if gain_db > known_gain_db:
            known_gain_db = gain_db + _MARGIN_DB
            peaks = _peaks(audio, ceiling / amplitude(known_gain_db))
        result = limit(audio * np.float32(amplitude(gain_db)), ceiling, peaks * np.float32(amplitude(gain_db)))
        missing = target_lufs - _quick_loudness(result)
        if abs(missing) < _NEAR_ENOUGH_LU or gain_db >= most_gain_db:
            break
        # Part of what is added is limited away again, so more than what is missing is added.
        gain_db = min(gain_db + 1.4 * missing, most_gain_db)
    return result


def _quick_loudness(audio: Audio) -> float:
    """Loudness from every second sample: folding moves the treble, but hardly its power (under 0.1 LU in music)."""
    return integrated_loudness(audio[::2], SAMPLE_RATE // 2)


def limit(audio: Audio, ceiling: float, peaks: NDArray[np.float32] | None = None) -> Audio:
    """``audio`` with its true peak under ``ceiling`` (amplitude): gain falls ahead of a peak, then recovers.

    ``peaks`` are those of `_peaks`, where they are known already.
    """
    wanted = np.minimum(1.0, ceiling / np.maximum(_peaks(audio, ceiling) if peaks is None else peaks, 1e-9))
    if wanted.min(initial=1.0) >= 1.0:
        return audio
    corners = _gain_corners(wanted)
    steps = np.arange(len(audio), dtype=np.float32) / _FRAME
    return audio * np.interp(steps, np.arange(len(corners)), corners).astype(np.float32)[:, None]


def _gain_corners(wanted: NDArray[np.float64]) -> NDArray[np.float64]:
    """Gain at the frame borders, shape (frames + 1,): never above what either neighbour frame wants."""
    from scipy.ndimage import minimum_filter1d

    early = minimum_filter1d(wanted, 2 * _LOOK_AHEAD + 1, mode="nearest")
    # Each reduction decays by a constant factor until a greater one takes over: in logarithms a running maximum.
    decay = np.log(_RELEASE_PER_FRAME) * np.arange(len(early))
    gains = 1 - np.exp(np.maximum.accumulate(np.log(np.maximum(1 - early, 1e-12)) - decay) + decay)
    # A mean over the look-ahead turns steps into ramps and stays under every minimum it was taken from.
    ramps = np.convolve(np.pad(gains, _LOOK_AHEAD, mode="edge"), np.full(_LOOK_AHEAD, 1 / _LOOK_AHEAD), "valid")
    middle = ramps[_LOOK_AHEAD // 2 : _LOOK_AHEAD // 2 + len(gains) + 1]
    return np.asarray(np.minimum(middle, np.minimum(np.append(wanted, 1.0), np.append(1.0, wanted))), np.float64)
