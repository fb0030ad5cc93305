"""From the notes of one part to its raw sound: the samples of a soundfont, played note by note.

Knows notes and when they sound; deliberately does not know levels, panning, effects or other parts.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from composer.audio import voice
from composer.audio.encode import SAMPLE_RATE, Audio
from composer.audio.soundfont import Region, SoundFont, load
from composer.audio.voice_cache import Mono
from composer.errors import RefusedError, RenderError
from midi_data.song import Note, Song, Track

SOUNDFONT_VARIABLE = "RIFFBIRD_SOUNDFONT"
"""Environment variable that names another ``.sf2`` file."""

_PAN, _EXCLUSIVE_CLASS = 17, 57
_TIMING_SECONDS = 0.006
"""Standard deviation of a good musician's timing."""
_CHOKE_SECONDS = 0.03
"""How fast a closing hi-hat silences the open one."""


def soundfont_path() -> Path:
    """The soundfont to play: ``RIFFBIRD_SOUNDFONT``, or the General MIDI font inside the pretty_midi wheel."""
    if named := os.environ.get(SOUNDFONT_VARIABLE):
        if not Path(named).is_file():
            raise RefusedError(f"{SOUNDFONT_VARIABLE} names a soundfont file, and there is none at {named}")
        return Path(named)
    # Found, not imported: importing pretty_midi takes half a second.
    spec = find_spec("pretty_midi")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        if (font := Path(folder) / "TimGM6mb.sf2").is_file():
            return font
    raise RenderError("no soundfont: pretty_midi is not installed whole, and RIFFBIRD_SOUNDFONT is not set")


def soundfont() -> SoundFont:
    """The soundfont at `soundfont_path`, read once a process."""
    path = soundfont_path()
    return load(path, path.stat().st_mtime_ns)


@dataclass(frozen=True, slots=True)
class Stroke:
    """One note as samples see it: from ``begin`` to ``end`` (samples), ``gain`` from its velocity."""

    begin: int
    end: int
    key: int
    velocity: int

    @property
    def gain(self) -> float:
        """Amplitude of the velocity: its square, as the specification's default modulator has it."""
        return (self.velocity / 127) ** 2


def play(track: Track, song: Song, seconds: float, *, take: int = 0, channels: int = 2) -> Audio:
    """The dry sound of ``track`` along ``song``'s tempo map, cut at ``seconds``: (seconds · SAMPLE_RATE, channels).

    ``take`` 0 is played to the sample; every other take is as exact as a musician, and always the same. One channel is
    the mean of the two.
    """
    sound = np.zeros((channels, round(seconds * SAMPLE_RATE)), np.float32)
    strokes = _humanly([_stroke(song, note) for note in track.notes], take)
    keys = {stroke.key for stroke in strokes}
    answers = {
        region: [stroke for stroke in strokes if region.answers(stroke.key, stroke.velocity)]
        for region in soundfont().regions(track.program, is_drum=track.is_drum)
        if any(region.keys[0] <= key <= region.keys[1] for key in keys)
    }
    for region, mine in answers.items():
        if mine:
            _play_region(region, mine, _silencers(region, answers), sound)
    return sound.T


def _silencers(region: Region, answers: dict[Region, list[Stroke]]) -> NDArray[np.int64]:
    """The samples at which ``region`` is choked: every beginning within its exclusive class, in order."""
    group = region.amount(_EXCLUSIVE_CLASS)
    members = [strokes for other, strokes in answers.items() if group and other.amount(_EXCLUSIVE_CLASS) == group]
    return np.unique(np.array([stroke.begin for strokes in members for stroke in strokes], np.int64))


def _stroke(song: Song, note: Note) -> Stroke:
    begin, end = (round(song.seconds_at(tick) * SAMPLE_RATE) for tick in (note.onset, note.end))
    return Stroke(begin, end, note.pitch, note.velocity)


def _humanly(strokes: list[Stroke], take: int) -> list[Stroke]:
    """``strokes`` a few milliseconds early or late, chords together; take 0 as they are."""
    if not take:
        return strokes
    begins = sorted({stroke.begin for stroke in strokes})
    shifts = np.random.default_rng(take).normal(0, _TIMING_SECONDS * SAMPLE_RATE, len(begins))
    shift = dict(zip(begins, np.rint(shifts).astype(int).tolist(), strict=True))
    return [replace(s, begin=max(s.begin + shift[s.begin], 0), end=s.end + shift[s.begin]) for s in strokes]


def _play_region(region: Region, strokes: Sequence[Stroke], silencers: NDArray[np.int64], sound: Audio) -> None:
    """Add every one of ``strokes`` to ``sound`` (2 or 1, samples), in place."""
    release = voice.release_curve(region)
    bank = voice.tones(region, _longest(strokes, len(release), sound.shape[1]))
    # −500 … 500 is left … right; constant power.
    angle = (np.clip(region.amount(_PAN), -500, 500) / 500 + 1) * np.pi / 4
    pans = (np.cos(angle), np.sin(angle)) if len(sound) == 2 else ((np.cos(angle) + np.sin(angle)) / 2,)
    for stroke in strokes:
        tone = _released(bank[stroke.key], stroke.end - stroke.begin, release)
        tone = _choked(tone, stroke.begin, silencers)[: max(sound.shape[1] - stroke.begin, 0)]
        for side, pan in zip(sound, pans, strict=True):
            if pan > 1e-3:
                side[stroke.begin : stroke.begin + len(tone)] += tone * np.float32(pan * stroke.gain)


def _longest(strokes: Sequence[Stroke], release: int, end: int) -> dict[int, int]:
    """Key → samples of tone that its longest note takes, its release and the sound's ``end`` considered."""
    lengths: dict[int, int] = {}
    for stroke in strokes:
        length = max(min(stroke.end - stroke.begin + release, end - stroke.begin), 1)
        lengths[stroke.key] = max(lengths.get(stroke.key, 0), length)
    return lengths


def _released(voice: Mono, held: int, release: Mono) -> Mono:
    """``voice`` for as long as its key is ``held`` (samples), then dying away."""
    dying = voice[held : held + len(release)]
    return np.concatenate((voice[:held], dying * release[: len(dying)]))


def _choked(voice: Mono, begin: int, silencers: NDArray[np.int64]) -> Mono:
    """``voice``, begun at sample ``begin``, faded out where the next of ``silencers`` begins."""
    following = int(np.searchsorted(silencers, begin, side="right"))
    if following == len(silencers):
        return voice
    fade = np.linspace(1, 0, round(_CHOKE_SECONDS * SAMPLE_RATE), dtype=np.float32)
    return _released(voice, int(silencers[following]) - begin, fade)
