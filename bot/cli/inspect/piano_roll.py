"""A small piano roll for the terminal: pitch over time in plain letters, drums in the last row."""

from __future__ import annotations

from midi_data.song import Song

COLUMNS, ROWS = 72, 12
_PARTS = "123456789abcdefghijklmnopqrstuvwxyz"
"""The letter of each pitched part, in the order of the table; later ones share the last."""


def piano_roll(song: Song) -> list[str]:
    """Lines of ``COLUMNS`` cells over the song's length: the part that sounds in each cell, ``.`` where none does."""
    pitched = [track for track in song.tracks if not track.is_drum and track.notes]
    pitches = [note.pitch for track in pitched for note in track.notes]
    low, high = min(pitches, default=60), max(pitches, default=60)
    step = max(1, -(-(high - low + 1) // ROWS))
    rows = [["."] * COLUMNS for _ in range((high - low) // step + 1)]
    drums = ["."] * COLUMNS
    scale = COLUMNS / max(song.end, 1)
    for number, track in enumerate(pitched):
        letter = _PARTS[min(number, len(_PARTS) - 1)]
        for note in track.notes:
            first, last = int(note.onset * scale), max(int((note.end - 1) * scale), int(note.onset * scale))
            rows[(note.pitch - low) // step][first : last + 1] = letter * (last + 1 - first)
    for track in song.tracks:
        for note in track.notes if track.is_drum else ():
            drums[int(note.onset * scale)] = "x"
    lines = [f"{low + step * at:>4} {''.join(row)}" for at, row in reversed(list(enumerate(rows)))] if pitched else []
    return [*lines, *([f"drum {''.join(drums)}"] if "x" in drums else [])]
