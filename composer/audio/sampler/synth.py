"""The sampler: the notes of one part to its dry sound, played with the recordings of a soundfont."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from composer.audio.sampler.fonts import soundfont
from composer.audio.sampler.soundfont import Region
from composer.audio.sampler.voice import release_curve, render_voices
from composer.audio.signal import SAMPLE_RATE, Audio, Mono, add_scaled
from midi_data.song import Note, Song, Track

_PAN, _EXCLUSIVE_CLASS = 17, 57
_TIMING_SECONDS = 0.006
"""Standard deviation of a skilled musician's timing."""
_SILENT_GAIN = 1e-6

Panning = tuple[tuple[float, float], ...]
"""Gains with which the font's left and right enter each channel: (channels, 2)."""
STEREO: Panning = ((1.0, 0.0), (0.0, 1.0))
"""The two channels as the font pans its samples."""
MONO: Panning = ((0.5, 0.5),)
"""One channel: the mean of left and right."""

_CHOKE_SECONDS = 0.03
"""Fade of an open hi-hat that a closing one silences."""


@dataclass(frozen=True, slots=True)
class Stroke:
    """One note in samples: key down at ``begin``, up at ``end``."""

    begin: int
    end: int
    key: int
    velocity: int


def play(track: Track, song: Song, seconds: float, *, take: int = 0, panning: Panning = STEREO) -> Audio:
    """Return the dry sound of ``track`` along ``song``'s tempo map: (seconds · SAMPLE_RATE, channels).

    ``take`` 0 is sample-exact; every other number is a repeatable performance with a musician's timing errors.
    ``panning`` makes the channels from the font's left and right. A drum track's program selects the font's kit.
    """
    sound = np.zeros((len(panning), round(seconds * SAMPLE_RATE)), np.float32)
    strokes = _humanize([_stroke(song, note) for note in track.notes], take)
    keys = {stroke.key for stroke in strokes}
    by_region = {
        region: [stroke for stroke in strokes if region.matches(stroke.key, stroke.velocity)]
        for region in soundfont().regions(track.program, is_drum=track.is_drum)
        if any(region.keys[0] <= key <= region.keys[1] for key in keys)
    }
    for region, matching in by_region.items():
        if matching:
            _play_region(region, matching, _choke_times(region, by_region), panning, sound)
    return sound.T


def _choke_times(region: Region, by_region: dict[Region, list[Stroke]]) -> NDArray[np.int64]:
    """Return the samples at which ``region`` is silenced: the onsets of its exclusive class, ascending."""
    group = region.amount(_EXCLUSIVE_CLASS)
    members = [strokes for other, strokes in by_region.items() if group and other.amount(_EXCLUSIVE_CLASS) == group]
    return np.unique(np.array([stroke.begin for strokes in members for stroke in strokes], np.int64))


def _stroke(song: Song, note: Note) -> Stroke:
    begin, end = (round(song.seconds_at(tick) * SAMPLE_RATE) for tick in (note.onset, note.end))
    return Stroke(begin, end, note.pitch, note.velocity)


def _humanize(strokes: list[Stroke], take: int) -> list[Stroke]:
    """Return ``strokes`` shifted by a few milliseconds, those of a chord together; take 0 unchanged."""
    if not take:
        return strokes
    begins = sorted({stroke.begin for stroke in strokes})
    shifts = np.random.default_rng(take).normal(0, _TIMING_SECONDS * SAMPLE_RATE, len(begins))
    shift = dict(zip(begins, np.rint(shifts).astype(int).tolist(), strict=True))
    return [replace(s, begin=max(s.begin + shift[s.begin], 0), end=s.end + shift[s.begin]) for s in strokes]


def _play_region(
    region: Region, strokes: Sequence[Stroke], chokes: NDArray[np.int64], panning: Panning, sound: Audio
) -> None:
    """Add ``strokes`` to ``sound`` (channels, samples) in place."""
    by_modulated: dict[Region, list[Stroke]] = {}
    for stroke in strokes:
        by_modulated.setdefault(region.modulated(stroke.key, stroke.velocity), []).append(stroke)
    for modulated, alike in by_modulated.items():
        _play_alike(modulated, alike, chokes, panning, sound)


def _play_alike(
    region: Region, strokes: Sequence[Stroke], chokes: NDArray[np.int64], panning: Panning, sound: Audio
) -> None:
    """Add ``strokes`` of the same generators to ``sound`` (channels, samples) in place."""
    release = release_curve(region)
    voices = render_voices(region, _longest(strokes, len(release), sound.shape[1]))
    # Pan −500 … 500 is left … right, at constant power.
    angle = (np.clip(region.amount(_PAN), -500, 500) / 500 + 1) * np.pi / 4
    pans = [left * np.cos(angle) + right * np.sin(angle) for left, right in panning]
    for stroke in strokes:
        gain, at = region.gain(stroke.key, stroke.velocity), stroke.begin
        for piece in _choked(_faded(voices[stroke.key], stroke.end - at, release), at, chokes):
            _add(piece[: max(sound.shape[1] - at, 0)], at, [np.float32(pan * gain) for pan in pans], sound)
            at += len(piece)


def _add(voice: Mono, at: int, gains: Sequence[np.float32], sound: Audio) -> None:
    """Add ``voice`` to ``sound`` (channels, samples) from sample ``at`` on, with one gain a channel, in place."""
    for side, gain in zip(sound, gains, strict=True):
        if abs(gain) > _SILENT_GAIN:
            add_scaled(voice, gain, side[at : at + len(voice)])


def _longest(strokes: Sequence[Stroke], release: int, end: int) -> dict[int, int]:
    """Return key → samples of its longest note with ``release``, cut at the sound's ``end``."""
    lengths: dict[int, int] = {}
    for stroke in strokes:
        length = max(min(stroke.end - stroke.begin + release, end - stroke.begin), 1)
        lengths[stroke.key] = max(lengths.get(stroke.key, 0), length)
    return lengths


def _faded(voice: Mono, held: int, fade: Mono) -> tuple[Mono, Mono]:
    """Return the first ``held`` samples of ``voice``, and what follows falling along ``fade``."""
    falling = voice[held : held + len(fade)]
    return voice[:held], falling * fade[: len(falling)]


def _choked(pieces: tuple[Mono, Mono], begin: int, chokes: NDArray[np.int64]) -> tuple[Mono, Mono]:
    """Return a voice that began at sample ``begin``, in two pieces, faded out at the next of ``chokes``."""
    following = int(np.searchsorted(chokes, begin, side="right"))
    if following == len(chokes):
        return pieces
    fade = np.linspace(1, 0, round(_CHOKE_SECONDS * SAMPLE_RATE), dtype=np.float32)
    return _faded(np.concatenate(pieces), int(chokes[following]) - begin, fade)
