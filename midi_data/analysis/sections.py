"""Sections of a song by what returns: four bars that repeat earlier ones get their letter."""

from __future__ import annotations

from string import ascii_uppercase

from midi_data.song import Marker, Song

SECTION_BARS = 4
SAME_SECTION = 0.5
"""Jaccard similarity of the notes of two groups of bars from which they are one section."""


def section_markers(song: Song) -> tuple[Marker, ...]:
    """A marker at each change of section: ``A``, ``B``, … in order of appearance."""
    starts = [start for start, _ in song.bars()][::SECTION_BARS]
    letters: list[str] = []
    kinds: list[set[tuple[int, int, int]]] = []
    for notes in _notes_by_section(song, starts):
        found = next((at for at, kind in enumerate(kinds) if _similarity(kind, notes) >= SAME_SECTION), len(kinds))
        if found == len(kinds):
            kinds.append(notes)
        letters.append(ascii_uppercase[min(found, len(ascii_uppercase) - 1)])
    changes = [at for at, letter in enumerate(letters) if at == 0 or letter != letters[at - 1]]
    return tuple(Marker(starts[at], letters[at]) for at in changes)


def _notes_by_section(song: Song, starts: list[int]) -> list[set[tuple[int, int, int]]]:
    """(tick in the section, track, pitch) of each section's notes."""
    sections: list[set[tuple[int, int, int]]] = [set() for _ in starts]
    for number, track in enumerate(song.tracks):
        place = 0
        for note in track.notes:
            while place + 1 < len(starts) and note.onset >= starts[place + 1]:
                place += 1
            sections[place].add((note.onset - starts[place], number, note.pitch))
    return sections


def _similarity(one: set[tuple[int, int, int]], other: set[tuple[int, int, int]]) -> float:
    union = len(one | other)
    return len(one & other) / union if union else 1.0
