"""The mix: every part is played, amplified, levelled, panned and sent to the reverberation, then mastered."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
from threadpoolctl import threadpool_limits

from composer.audio import effects, mastering
from composer.audio.genre_mix import GenreMix, genre_mix
from composer.audio.guitar_amp import amplify
from composer.audio.mix_presets import Placement, placements
from composer.audio.reverb import add_reverb
from composer.audio.sampler.synth import MONO, Panning, play
from composer.audio.signal import SAMPLE_RATE, Audio, Mono, Progress, add_scaled, amplitude, report
from midi_data.song import Song, Track

TAIL_SECONDS = 2.5
"""How long the last notes and the reverberation ring after the song's end."""
PARTS_AT_ONCE = 2
"""Parts rendered side by side, each in a thread."""
_FADE_SECONDS = 1.75
"""Fade to zero at the end of the tail."""
_STEM_LUFS = -20.0
"""Loudness of a stem whose preset has level 0."""
_MAX_GAIN_DB = 30.0
"""Most gain of a stem: quieter parts were composed to be barely audible."""


def mix(
    song: Song, progress: Progress = None, *, genres: Mapping[str, float] | None = None, at_once: int = PARTS_AT_ONCE
) -> Audio:
    """Return the mastered sound of ``song``: (samples, 2), its ``duration_seconds`` plus ``TAIL_SECONDS``.

    ``genres``: genre → weight, as in a request; selects the row of `GENRE_MIXES`. ``at_once``: parts rendered side by
    side; each takes about 60 MB for 45 s.
    """
    settings = genre_mix(genres or {})
    bus = unmastered_mix(song, settings, progress, at_once)
    effects.equalize(bus, settings.low_db, settings.presence_db, settings.air_db)
    return effects.fade_out(mastering.master(effects.compress_bus(bus)), _FADE_SECONDS)


def unmastered_mix(song: Song, settings: GenreMix, progress: Progress = None, at_once: int = PARTS_AT_ONCE) -> Audio:
    """Return the sum of all parts and their reverberation, before equalizer, compressor and limiter: (samples, 2)."""
    tracks = sounding_tracks(song)
    bus = np.zeros((2, sound_samples(song)), np.float32).T
    send = np.zeros(len(bus), np.float32)
    for done, (placement, sound) in enumerate(_dry_stems(tracks, song, settings, at_once), start=1):
        bus += sound
        if placement.preset.reverb:
            _send(sound, placement.preset.reverb, send)
        del sound  # 18 MB for 45 s, while the next part is rendered
        report(progress, 0.8 * done / len(tracks))
    add_reverb(bus, send)
    return effects.scale_width(bus, settings.width)


def stems(song: Song, settings: GenreMix) -> Iterator[tuple[Track, Audio]]:
    """Yield each sounding part with its reverberation, (samples, 2): aligned, their sum is `unmastered_mix`."""
    tracks = sounding_tracks(song)
    for track, (placement, sound) in zip(tracks, _dry_stems(tracks, song, settings), strict=True):
        send = np.zeros(len(sound), np.float32)
        _send(sound, placement.preset.reverb, send)
        add_reverb(sound, send)
        yield track, effects.scale_width(sound, settings.width)


def sounding_tracks(song: Song) -> list[Track]:
    """Return the parts of ``song`` that have notes."""
    return [track for track in song.tracks if track.notes]


def sound_samples(song: Song) -> int:
    """Return the length of the sound of ``song`` in samples, its tail included."""
    return round((song.duration_seconds + TAIL_SECONDS) * SAMPLE_RATE)


def _dry_stems(
    tracks: Sequence[Track], song: Song, settings: GenreMix, at_once: int = PARTS_AT_ONCE
) -> Iterator[tuple[Placement, Audio]]:
    """Yield each of ``tracks`` without reverberation, (samples, 2), in order; ``at_once`` are rendered at a time."""
    seconds = song.duration_seconds + TAIL_SECONDS
    pending: deque[tuple[Placement, Future[Audio]]] = deque()
    with threadpool_limits(1), ThreadPoolExecutor(at_once, "stem") as pool:
        for track, placement in zip(tracks, placements(tracks, settings), strict=True):
            pending.append((placement, pool.submit(_stem, track, song, seconds, placement)))
            if len(pending) >= at_once:
                yield _finished(*pending.popleft())
        for ready in pending:
            yield _finished(*ready)


def _finished(placement: Placement, sound: Future[Audio]) -> tuple[Placement, Audio]:
    return placement, sound.result()


def _stem(track: Track, song: Song, seconds: float, placement: Placement) -> Audio:
    """Return ``track`` played once a pan position and brought to its loudness: (samples, 2)."""
    preset = placement.preset
    if preset.width:
        sound = play(track, song, seconds, panning=_panning(preset.width, placement.pans[0]))
    else:
        sound = _mono_takes(track, song, seconds, placement)
    sound = effects.apply_shelves(sound, *preset.shelves_db)
    gain, ceiling_db = amplitude(_gain_db(sound, placement)), _STEM_LUFS + preset.level_lu + preset.crest_db
    return effects.soft_clip(sound, gain, amplitude(ceiling_db))


def _mono_takes(track: Track, song: Song, seconds: float, placement: Placement) -> Audio:
    """Return ``track`` played in mono once a pan position, amplified if its preset says so: (samples, 2)."""
    drive = placement.preset.drive
    sound = np.zeros((2, round(seconds * SAMPLE_RATE)), np.float32)
    for take, pan in enumerate(placement.pans):
        mid = play(track, song, seconds, take=take, panning=MONO)[:, 0]
        mid = amplify(mid, drive) if drive else mid
        for side, gain in zip(sound, _pan_gains(pan), strict=True):
            add_scaled(mid, gain, side)
    return sound.T


def _panning(width: float, pan: float) -> Panning:
    """Return the panning of a stereo part: its side signal times ``width``, its mean at ``pan`` (−1 … 1)."""
    left, right = map(float, _pan_gains(pan))
    return ((left + width) / 2, (left - width) / 2), ((right - width) / 2, (right + width) / 2)


def _send(sound: Audio, gain: float, send: Mono) -> None:
    """Add the mean of both channels of ``sound`` (samples, 2) times ``gain`` to ``send`` (samples,), in place."""
    for channel in sound.T:
        add_scaled(channel, gain / 2, send)


def _pan_gains(pan: float) -> tuple[np.float32, np.float32]:
    """Return constant-power gains, left and right; both 1 in the middle."""
    angle = (pan + 1) * np.pi / 4
    return np.float32(np.cos(angle) * np.sqrt(2)), np.float32(np.sin(angle) * np.sqrt(2))


def _gain_db(sound: Audio, placement: Placement) -> float:
    """Return the gain that brings ``sound`` to its level; measured on every fourth sample (within 0.5 LU)."""
    measured, other_side_db = sound[::4], 0.0
    if not placement.preset.width and len(placement.pans) == 1:
        # Both sides are the same sound: the louder one is measured, the other one added.
        sides = _pan_gains(placement.pans[0])
        louder = int(np.argmax(sides))
        measured, other_side_db = measured[:, louder : louder + 1], 10 * np.log10(1 + (min(sides) / max(sides)) ** 2)
    loudness = mastering.integrated_loudness(measured, SAMPLE_RATE // 4)
    if loudness <= mastering.SILENCE_LUFS:
        return 0.0
    return float(min(_STEM_LUFS + placement.level_lu - loudness - other_side_db, _MAX_GAIN_DB))
