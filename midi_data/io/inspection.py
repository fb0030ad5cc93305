"""What the band reads in a file: facts a part, chords a bar, notices. JSON-ready."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from midi_data.analysis.chords import chords_of
from midi_data.analysis.key_estimation import estimate_song_key
from midi_data.events.encoding import PART_LIMIT, SAME_PROGRAM_LIMIT, EventSequence, encode
from midi_data.general_midi import instrument_name
from midi_data.keys import Key
from midi_data.notices import Notice, counted
from midi_data.song import Song, Track

_UNSET_KEY = Key(0, "major")
"""The key that many programs write when none was chosen."""


def inspect_song(song: Song, path: Path) -> dict[str, Any]:
    """The facts of ``song``, read from ``path``: times in seconds, tempos in quarter notes a minute."""
    events = encode(song)
    key = song_key(song, events)
    return {
        "file": str(path),
        "ok": True,
        "error": None,
        "title": song.title,
        "notes": song.note_count,
        "bars": song.bar_count,
        "duration_seconds": round(song.duration_seconds, 3),
        "tempos": [tempo.bpm for tempo in song.tempos],
        "meters": [f"{meter.numerator}/{meter.denominator}" for meter in song.meters],
        "key": str(key) if key else "none",
        "parts": [_part(song, track) for track in song.tracks],
        "chords": chords_of(song),
        "notices": [str(notice) for notice in (*song.notices, *model_notices(song, events))],
    }


def refused_file(path: Path, error: Exception) -> dict[str, Any]:
    """The row of a file that cannot be read."""
    return {"file": str(path), "ok": False, "error": " ".join(str(error).split())}


def song_key(song: Song, events: EventSequence) -> Key | None:
    """The key signature; the estimated key where there is none or the one that means "not set" (C major)."""
    return song.key if song.key not in (None, _UNSET_KEY) else estimate_song_key(events)


def _part(song: Song, track: Track) -> dict[str, Any]:
    sound = instrument_name(track.program, track.is_drum)
    return {
        "name": track.name or sound,
        "program": track.program,
        "is_drum": track.is_drum,
        "kit": sound if track.is_drum else None,
        "notes": len(track.notes),
        "first_seconds": round(song.seconds_at(track.notes[0].onset), 3),
        "last_seconds": round(song.seconds_at(max(note.end for note in track.notes)), 3),
    }


def model_notices(song: Song, events: EventSequence) -> list[Notice]:
    """What the model's representation ``events`` does not hold of ``song``: joined or left out parts, doubled notes."""
    notices = []
    joined = len(song.tracks) - len(events.band)
    if joined:
        limits = f"{PART_LIMIT} parts, {SAME_PROGRAM_LIMIT} of one instrument and one drum kit at most"
        notices.append(Notice("parts joined", f"{counted(joined, 'part')} joined or left out: the band has {limits}"))
    lost = song.note_count - len(events)
    if lost:
        text = f"{counted(lost, 'note')} left out by the model: struck twice at once, or of a part left out"
        notices.append(Notice("notes joined", text, lost))
    return notices
