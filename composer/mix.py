"""From a song to its master: every part played, amplified, levelled, placed and given room, then mastered.

Knows what a mixing engineer knows, as one table of roles; deliberately does not know files, formats or pictures.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from composer import loudness, room
from composer.amplifier import Mono, amplify
from composer.audio_files import SAMPLE_RATE, Audio, Progress
from composer.synthesis import play
from midi_data.general_midi import family_name
from midi_data.song import Song, Track

TAIL_SECONDS = 2.5
"""How long the last notes and the room ring after the song's end."""
_FADE_SECONDS = 1.75
"""The end of the tail, in which whatever still sounds goes down to nothing."""
_STEM_LUFS = -20.0
"""Loudness of a stem whose role asks for 0."""
_MOST_GAIN_DB = 30.0
"""A part is brought up by no more than this: what is quieter was meant to be hardly there."""


@dataclass(frozen=True, slots=True)
class Role:
    """How a part sits in the mix.

    ``level`` LU against the drums; ``width`` 0 (mono) – 1 (as sampled); ``room`` share sent to the reverberation;
    ``drive`` of the guitar amplifier, 0 for none; ``places`` pan positions −1 left … 1 right, by how many there are.
    """

    level: float
    width: float
    room: float
    drive: float = 0.0
    places: tuple[float, ...] = (0.0,)


_SIDES = (0.35, -0.35, 0.6, -0.6, 0.15, -0.15)
DRUMS = Role(level=0.0, width=1.0, room=0.05)
BASS = Role(level=-3.0, width=0.0, room=0.0)
OVERDRIVEN_GUITAR = Role(level=-2.0, width=0.0, room=0.06, drive=3.5, places=(-0.75, 0.75, 0.0, 0.4, -0.4))
DISTORTED_GUITAR = replace(OVERDRIVEN_GUITAR, drive=9.0)
ORCHESTRA_BASS = Role(level=-4.0, width=0.3, room=0.12)

_MELODY = Role(level=-3.0, width=0.3, room=0.14, places=(0.0, *_SIDES))
_KEYS = Role(level=-5.0, width=0.9, room=0.10, places=_SIDES)
_BACKGROUND = Role(level=-7.0, width=1.0, room=0.18, places=_SIDES)
_PERCUSSION = Role(level=-6.0, width=0.7, room=0.15, places=_SIDES)

_PROGRAM_ROLES = {29: OVERDRIVEN_GUITAR, 30: DISTORTED_GUITAR, 43: ORCHESTRA_BASS, 47: _PERCUSSION, 58: ORCHESTRA_BASS}
_FAMILY_ROLES = {
    "Piano": _KEYS,
    "Chromatic Percussion": _KEYS,
    "Organ": _KEYS,
    "Guitar": Role(level=-5.0, width=0.5, room=0.10, places=(-0.5, 0.5, -0.25, 0.25)),
    "Bass": BASS,
    "Strings": _MELODY,
    "Ensemble": _BACKGROUND,
    "Brass": _MELODY,
    "Reed": _MELODY,
    "Pipe": _MELODY,
    "Synth Lead": _MELODY,
    "Synth Pad": _BACKGROUND,
    "Synth Effects": _BACKGROUND,
    "Ethnic": _MELODY,
    "Percussive": _PERCUSSION,
    "Sound Effects": _BACKGROUND,
}


@dataclass(frozen=True, slots=True)
class Place:
    """One part's role, with its own pan position (−1 left … 1 right) and level (LU) among its like."""

    role: Role
    pan: float
    level: float


def role_of(track: Track) -> Role:
    """The role that a track's instrument plays in a band."""
    if track.is_drum:
        return DRUMS
    return _PROGRAM_ROLES.get(track.program) or _FAMILY_ROLES[family_name(track.program)]


def places(tracks: Sequence[Track]) -> list[Place]:
    """Where each of ``tracks`` stands. Parts that share their positions take turns, and share their loudness too."""
    roles = [role_of(track) for track in tracks]
    result = []
    for index, role in enumerate(roles):
        like = [other.places == role.places for other in roles]
        turn, count = sum(like[:index]), sum(like)
        # A lone amplified guitar with nobody to answer it from the other side stands in the middle.
        pan = 0.0 if role.drive and count == 1 else role.places[turn % len(role.places)]
        result.append(Place(role, pan, role.level - (5 * np.log10(count) if len(role.places) > 1 else 0.0)))
    return result


def mix(song: Song, progress: Progress = None) -> Audio:
    """The mastered sound of ``song``: shape (samples, 2), its ``duration_seconds`` and a tail of ``TAIL_SECONDS``."""
    seconds = song.duration_seconds + TAIL_SECONDS
    bus = np.zeros((2, round(seconds * SAMPLE_RATE)), np.float32).T
    send = np.zeros(len(bus), np.float32)
    playing = [track for track in song.tracks if track.notes]
    for done, (place, sound) in enumerate(zip(places(playing), stems(playing, song, seconds), strict=True), start=1):
        bus += sound
        send += _middle(sound) * np.float32(place.role.room)
        _tell(progress, 0.8 * done / len(playing))
    room.add(bus, send)
    return fade_out(loudness.master(glue(without_dc(bus))))


def stems(tracks: Sequence[Track], song: Song, seconds: float) -> Iterator[Audio]:
    """Each of ``tracks`` as it goes into the mix, in order; two are worked on at a time."""
    waiting: deque[Future[Audio]] = deque()
    with ThreadPoolExecutor(2, "stem") as pool:
        for track, place in zip(tracks, places(tracks), strict=True):
            waiting.append(pool.submit(_stem, track, song, seconds, place))
            if len(waiting) > 2:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _stem(track: Track, song: Song, seconds: float, place: Place) -> Audio:
    """``track`` played, through the amplifier where its role has one, at its loudness, at its place."""
    raw = play(track, song, seconds)
    middle = _middle(raw)
    side = (raw[:, 0] - middle) * np.float32(place.role.width)
    if place.role.drive:
        middle = amplify(middle, place.role.drive)
    left, right = _pan_gains(place.pan)
    sound = np.stack((middle * left + side, middle * right - side)).T
    sound *= np.float32(loudness.amplitude(_gain_db(sound, place.level)))
    return sound


def _middle(sound: Audio) -> Mono:
    return np.asarray((sound[:, 0] + sound[:, 1]) * np.float32(0.5), np.float32)


def _pan_gains(pan: float) -> tuple[np.float32, np.float32]:
    """Constant-power gains, left and right; both 1 in the middle."""
    angle = (pan + 1) * np.pi / 4
    return np.float32(np.cos(angle) * np.sqrt(2)), np.float32(np.sin(angle) * np.sqrt(2))


def _gain_db(sound: Audio, level: float) -> float:
    """Gain that brings ``sound`` to its level; measured on every fourth sample, which is exact to about 0.5 LU."""
    now = loudness.integrated_loudness(sound[::4], SAMPLE_RATE // 4)
    return 0.0 if now <= loudness.SILENCE_LUFS else min(_STEM_LUFS + level - now, _MOST_GAIN_DB)


def without_dc(audio: Audio) -> Audio:
    """``audio`` through a one-pole high-pass at 15 Hz."""
    from scipy.signal import sosfilt

    section = np.array([[1, -1, 0, 1, 2 * np.pi * 15 / SAMPLE_RATE - 1, 0]], np.float32)
    return np.asarray(sosfilt(section, audio.T).T, np.float32)


_GLUE_FRAME = 480
_GLUE_RATIO = 1.7
_GLUE_SECONDS = 0.08


def glue(audio: Audio) -> Audio:
    """``audio`` through a slow, gentle bus compressor: what is over the song's own mean level comes down a little."""
    from scipy.signal import lfilter

    frames = len(audio) // _GLUE_FRAME
    channels = audio[: frames * _GLUE_FRAME].T.reshape(2, frames, _GLUE_FRAME)
    power = np.einsum("chn,chn->h", channels, channels).astype(np.float64) / (2 * _GLUE_FRAME)
    if not power.any():
        return audio
    keep = np.exp(-_GLUE_FRAME / SAMPLE_RATE / _GLUE_SECONDS)
    slow = lfilter([1 - keep], [1, -keep], power)
    over = np.maximum(10 * np.log10(np.maximum(slow, 1e-12) / power[power > 0.01 * power.max()].mean()), 0.0)
    corners = 10 ** (-over * (1 - 1 / _GLUE_RATIO) / 20)
    steps = np.arange(len(audio), dtype=np.float32) / _GLUE_FRAME
    gains = np.interp(steps, np.arange(frames) + 0.5, corners).astype(np.float32)
    return np.asarray(audio * gains[:, None], np.float32)


def fade_out(audio: Audio, seconds: float = _FADE_SECONDS) -> Audio:
    """``audio`` with a raised-cosine fade to zero over its last ``seconds``."""
    length = min(round(seconds * SAMPLE_RATE), len(audio))
    ramp: NDArray[np.float32] = (0.5 + 0.5 * np.cos(np.linspace(0, np.pi, length))).astype(np.float32)
    return np.concatenate((audio[: len(audio) - length], audio[len(audio) - length :] * ramp[:, None]))


def _tell(progress: Progress, fraction: float) -> None:
    if progress is not None:
        progress(fraction)
