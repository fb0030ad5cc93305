"""A song earlier or later on its grid, its tempo and meter changes with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from midi_data.io.midi_file import end_on_bar
from midi_data.song import Meter, Song, Tempo

_Change = TypeVar("_Change", Tempo, Meter)


def leading_silence(song: Song) -> int:
    """Ticks of complete bars before the first note."""
    first = min((note.onset for track in song.tracks for note in track.notes), default=0)
    return max((start for start, _ in song.bars() if start <= first), default=0)


def shift_song(song: Song, ticks: int) -> Song:
    """``song`` moved by ``ticks``, which may be negative up to the first note. A meter or tempo at 0 stays there."""
    tracks = tuple(
        replace(track, notes=tuple(replace(note, onset=note.onset + ticks) for note in track.notes))
        for track in song.tracks
    )
    return end_on_bar(
        replace(song, tracks=tracks, tempos=_moved(song.tempos, ticks), meters=_moved(song.meters, ticks), end=0)
    )


def _moved(changes: Sequence[_Change], ticks: int) -> tuple[_Change, ...]:
    """Changes at their new ticks; the one in force at the new beginning stands at 0."""
    moved = {max(change.onset + ticks, 0) if change.onset else 0: change for change in changes}
    return tuple(replace(change, onset=onset) for onset, change in sorted(moved.items()))
