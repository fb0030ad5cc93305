"""Repairs of tracks: drums outside channel 10, missing programs, one part on two tracks."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from midi_data.general_midi import instrument_name
from midi_data.instrument_names import instrument_of_track
from midi_data.song import DRUM_PROGRAM, Note, Song, Track

SAME_NOTES = 0.95
"""Jaccard similarity of notes from which two tracks of one instrument are one part."""
FEWEST_STROKES = 32
BASS_PROGRAM = 33
LOW_PITCH = 48
"""A single line with a median pitch below this C is a bass."""
_DRUM_NAME = re.compile(
    r"\b(drum ?(s|kit|set|track|machine)?|percussions?|perc|kit|beats?|drm?s|schlagzeug|batterie|bateria|batteria)\b"
)
_NOT_A_KIT = re.compile(r"\b(steel|melodic|taiko|synth|timpani|bass drum)\b")
_KICK, _SNARE = (35, 36), (38, 40)
_CYMBALS = (42, 44, 46, 49, 51, 53, 54, 55, 57, 59, 69, 70, 82)
"""Cymbals, and shakers, which have the same role."""
_KIT_RANGE = (27, 87)


def detect_drums(song: Song) -> tuple[Song, list[str]]:
    """Mark drum tracks by name or by notes, in a song without any; returns the names of those found."""
    if any(track.is_drum for track in song.tracks):
        return song, []
    found = [is_drum_track(track) for track in song.tracks]
    tracks = tuple(
        Track(DRUM_PROGRAM, True, track.notes, track.name) if is_drum else track
        for track, is_drum in zip(song.tracks, found, strict=True)
    )
    names = [track.name or "a track" for track, is_drum in zip(song.tracks, found, strict=True) if is_drum]
    return (replace(song, tracks=tracks), names) if names else (song, [])


def is_drum_track(track: Track) -> bool:
    """Whether ``track`` is drums: by its name and keys, or by its kick, snare and cymbal patterns."""
    pitch = np.array([note.pitch for note in track.notes])
    if len(pitch) == 0:
        return False
    name = track.name.lower().replace("_", " ")
    in_kit = float(((pitch >= _KIT_RANGE[0]) & (pitch <= _KIT_RANGE[1])).mean())
    if _DRUM_NAME.search(name) and not _NOT_A_KIT.search(name):
        return in_kit >= 0.9 and float(np.isin(pitch, (*_KICK, *_SNARE, *_CYMBALS)).mean()) >= 0.4
    return track.program == 0 and _plays_a_kit(track.notes, pitch)


def _plays_a_kit(notes: tuple[Note, ...], pitch: NDArray[np.int64]) -> bool:
    if len(notes) < FEWEST_STROKES:
        return False
    shares = [float(np.isin(pitch, keys).mean()) for keys in (_KICK, _SNARE, _CYMBALS)]
    if sum(shares) < 0.8 or min(shares) < 0.05:
        return False
    # Low power chords and bass lines use the same keys, but only drums join the cymbal to both the kick and the
    # snare and also play it alone.
    onsets = [{n.onset for n in notes if n.pitch in keys} for keys in (_KICK, _SNARE, _CYMBALS)]
    kick, snare, cymbal = onsets
    joined = [len(cymbal & kick) / len(kick), len(cymbal & snare) / len(snare)]
    alone = len(cymbal - kick - snare) / len(cymbal)
    # Measured: none of 1,041 pitched tracks passes in any transposition, half of 194 nameless kits do.
    return min(joined) >= 0.1 and alone >= 0.1


def guess_programs(song: Song) -> tuple[Song, list[str]]:
    """For a file without program changes: a bass for low single lines whose name says nothing; and what was done."""
    tracks = tuple(replace(track, program=guess_program(track)) for track in song.tracks)
    changes = [
        f"{new.name or 'a track'}: {instrument_name(new.program)}"
        for old, new in zip(song.tracks, tracks, strict=True)
        if new.program != old.program
    ]
    return replace(song, tracks=tracks), changes


def guess_program(track: Track) -> int:
    """The General MIDI program of a track that has none: a bass for a low line, else the one it was read with."""
    if track.is_drum or track.program or not track.notes or instrument_of_track(track.name):
        return track.program
    pitches = [note.pitch for note in track.notes]
    onsets = {note.onset for note in track.notes}
    is_bass = float(np.median(pitches)) < LOW_PITCH and len(onsets) >= 0.95 * len(pitches)
    return BASS_PROGRAM if is_bass else track.program


def remove_duplicate_tracks(song: Song) -> tuple[Song, list[str]]:
    """Keep the first of tracks of one instrument with the same notes; returns the names of the others."""
    kept: list[tuple[Track, frozenset[tuple[int, int]]]] = []
    dropped = []
    for track in song.tracks:
        notes = frozenset((note.onset, note.pitch) for note in track.notes)
        if any(_same_part(track, notes, *other) for other in kept):
            dropped.append(track.name or instrument_name(track.program, track.is_drum))
        else:
            kept.append((track, notes))
    return (replace(song, tracks=tuple(track for track, _ in kept)), dropped) if dropped else (song, [])


def _same_part(
    track: Track, notes: frozenset[tuple[int, int]], other: Track, others: frozenset[tuple[int, int]]
) -> bool:
    if (track.program, track.is_drum) != (other.program, other.is_drum):
        return False
    # Sizes first, for speed: sets of different sizes cannot be similar, and hundreds of tracks are compared.
    if min(len(notes), len(others)) < SAME_NOTES * max(len(notes), len(others)):
        return False
    return len(notes & others) >= SAME_NOTES * len(notes | others)
