"""From a song to its master: every part played, amplified, levelled, placed and given room, then mastered.

Knows the order of a mixing engineer's work; deliberately does not know which part sits where (that is the table of
roles), what an effect does, files or formats.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from composer.audio import effects, mastering, reverb
from composer.audio.encode import SAMPLE_RATE, Audio, Progress
from composer.audio.guitar_amp import Mono, amplify
from composer.audio.mix_presets import Place, places
from composer.audio.synth import play
from midi_data.song import Song, Track

TAIL_SECONDS = 2.5
"""How long the last notes and the room ring after the song's end."""
_FADE_SECONDS = 1.75
"""The end of the tail, in which whatever still sounds goes down to nothing."""
_STEM_LUFS = -20.0
"""Loudness of a stem whose role asks for 0."""
_MOST_GAIN_DB = 30.0
"""A part is brought up by no more than this: what is quieter was meant to be hardly there."""


def mix(song: Song, progress: Progress = None) -> Audio:
    """The mastered sound of ``song``: shape (samples, 2), its ``duration_seconds`` and a tail of ``TAIL_SECONDS``."""
    seconds = song.duration_seconds + TAIL_SECONDS
    bus = np.zeros((2, round(seconds * SAMPLE_RATE)), np.float32).T
    send = np.zeros(len(bus), np.float32)
    playing = [track for track in song.tracks if track.notes]
    for done, (place, sound) in enumerate(zip(places(playing), stems(playing, song, seconds), strict=True), start=1):
        bus += sound
        if place.role.room:
            send += _middle(sound) * np.float32(place.role.room)
        _tell(progress, 0.8 * done / len(playing))
    reverb.add(bus, send)
    return effects.fade_out(mastering.master(effects.glue(effects.band_limited(bus))), _FADE_SECONDS)


def stems(tracks: Sequence[Track], song: Song, seconds: float) -> Iterator[Audio]:
    """Each of ``tracks`` as it goes into the mix, in order; two are worked on at a time."""
    waiting: deque[Future[Audio]] = deque()
    with ThreadPoolExecutor(2, "stem") as pool:
        for track, place in zip(tracks, places(tracks), strict=True):
            waiting.append(pool.submit(_stem, track, song, seconds, place))
            if len(waiting) > 1:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _stem(track: Track, song: Song, seconds: float, place: Place) -> Audio:
    """``track`` played once for each pan position, brought to its loudness."""
    sound = _take(track, song, seconds, place, 0)
    for take in range(1, len(place.pans)):
        sound += _take(track, song, seconds, place, take)
    sound = effects.shelved(sound, *place.role.shelves)
    sound *= np.float32(mastering.amplitude(_gain_db(sound, place)))
    return effects.soft_clip(sound, mastering.amplitude(_STEM_LUFS + place.role.level + place.role.crest))


def _take(track: Track, song: Song, seconds: float, place: Place, take: int) -> Audio:
    """``track`` played once, through the amplifier where its role has one, at its width around its pan position."""
    role, (left, right) = place.role, _pan_gains(place.pans[take])
    if not role.width:
        raw = play(track, song, seconds, take=take, channels=1)[:, 0]
        middle = amplify(raw, role.drive) if role.drive else raw
        return np.outer((left, right), middle).T
    sound = play(track, song, seconds, take=take)
    middle = _middle(sound)
    sound[:, 0] -= middle
    sound[:, 0] *= np.float32(role.width)
    np.subtract(middle * right, sound[:, 0], out=sound[:, 1])
    sound[:, 0] += middle * left
    return sound


def _middle(sound: Audio) -> Mono:
    middle: Mono = sound[:, 0] + sound[:, 1]
    middle *= np.float32(0.5)
    return middle


def _pan_gains(pan: float) -> tuple[np.float32, np.float32]:
    """Constant-power gains, left and right; both 1 in the middle."""
    angle = (pan + 1) * np.pi / 4
    return np.float32(np.cos(angle) * np.sqrt(2)), np.float32(np.sin(angle) * np.sqrt(2))


def _gain_db(sound: Audio, place: Place) -> float:
    """Gain that brings ``sound`` to its level; measured on every fourth sample, which is exact to about 0.5 LU."""
    heard, more_db = sound[::4], 0.0
    if not place.role.width and len(place.pans) == 1:
        # Both sides are the same sound: the louder one is measured, and the other one added.
        sides = _pan_gains(place.pans[0])
        louder = int(np.argmax(sides))
        heard, more_db = heard[:, louder : louder + 1], float(10 * np.log10(1 + (min(sides) / max(sides)) ** 2))
    now = mastering.integrated_loudness(heard, SAMPLE_RATE // 4)
    return 0.0 if now <= mastering.SILENCE_LUFS else min(_STEM_LUFS + place.level - now - more_db, _MOST_GAIN_DB)


def _tell(progress: Progress, fraction: float) -> None:
    if progress is not None:
        progress(fraction)
