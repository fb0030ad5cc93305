"""The notes of a finished song as compact JSON, for a player that draws and plays them part by part."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from midi_data.song import Marker, Song, Track


def write_notes(midi_path: Path, path: Path, chords: Sequence[str] = ()) -> None:
    """Read a MIDI file and write its notes, and when sections and the ``chords`` (a name a bar) begin.

    ``{"duration", "bars", "parts": [{"name", "program", "is_drum", "notes"}], "chords", "sections"}``. A note is
    ``[onset, duration, pitch, velocity]``; times are seconds, rounded to a millisecond.
    """
    from midi_data.io.midi_file import read_midi

    path.write_text(json.dumps(compact_notes(read_midi(midi_path), chords), separators=(",", ":")), encoding="utf-8")


def compact_notes(song: Song, chords: Sequence[str] = ()) -> dict[str, object]:
    """The JSON of ``song``: its parts, and the seconds at which its bars, chords and sections begin."""
    from composer.score import chord_markers
    from midi_data.analysis.sections import section_markers

    return {
        "duration": round(song.duration_seconds, 3),
        "bars": [round(song.seconds_at(tick), 3) for tick, _ in song.bars()],
        "parts": [_part(song, track) for track in song.tracks],
        "chords": _marks(song, chord_markers(song, chords)),
        "sections": _marks(song, section_markers(song)),
    }


def _marks(song: Song, markers: Sequence[Marker]) -> list[list[object]]:
    return [[round(song.seconds_at(marker.onset), 3), marker.text] for marker in markers]


def _part(song: Song, track: Track) -> dict[str, object]:
    notes = [
        [
            round(begin := song.seconds_at(note.onset), 3),
            round(song.seconds_at(note.end) - begin, 3),
            note.pitch,
            note.velocity,
        ]
        for note in track.notes
    ]
    return {"name": track.name, "program": track.program, "is_drum": track.is_drum, "notes": notes}
