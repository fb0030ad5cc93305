"""A song earlier or later on its grid, tempo and meter maps with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from midi_data.io.midi_file import end_on_bar
from midi_data.song import Meter, Note, Song, Tempo

_Change = TypeVar("_Change", Tempo, Meter)


def leading_silence(song: Song) -> int:
    """Ticks of whole bars before the first note."""
    first = min((note.onset for track in song.tracks for note in track.notes), default=0)
    return max((start for start, _ in song.bars() if start <= first), default=0)


def shift_song(song: Song, ticks: int) -> Song:
    """``song`` moved by ``ticks``; going back (below 0) must not push a note past the beginning."""
    tracks = tuple(
        replace(track, notes=tuple(Note(n.onset + ticks, n.pitch, n.duration, n.velocity) for n in track.notes))
        for track in song.tracks
    )
    tempos = _moved(song.tempos, ticks)
    meters = _moved(song.meters, ticks)
    return end_on_bar(
        replace(
            song,
            tracks=tracks,
            tempos=tuple(Tempo(onset, tempo.bpm) for onset, tempo in tempos),
            meters=tuple(Meter(onset, meter.numerator, meter.denominator) for onset, meter in meters),
            end=0,
        )
    )


def _moved(changes: Sequence[_Change], ticks: int) -> list[tuple[int, _Change]]:
    """Changes at their new ticks: what rules at the new beginning stands at 0."""
    moved = {max(change.onset + ticks, 0) if change.onset else 0: change for change in changes}
    return sorted(moved.items(), key=lambda item: item[0])
