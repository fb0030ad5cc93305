"""A person's own file as the beginning of a song."""

from __future__ import annotations

from dataclasses import dataclass

from composer.planning.files.fitting import fit_song
from composer.request import ComposeRequest
from midi_data.song import TICKS_PER_QUARTER, Song, seconds_per_tick


@dataclass(frozen=True, slots=True)
class Primer:
    """``song``: one tempo and one meter from its first bar line on, in the asked band and key; ``None``: nothing left.

    ``notices``: what was changed.
    """

    song: Song | None
    notices: tuple[str, ...]


def fit_primer(song: Song, request: ComposeRequest) -> Primer:
    """``song``, as read from a file, ready to go on from under ``request``."""
    song, notices = fit_song(song, request, "primer")
    if not song.note_count:
        return Primer(None, (*notices, "nothing of the primer is left: the song begins on its own"))
    return Primer(song, (*notices, *_length_notice(song, request)))


def _length_notice(song: Song, request: ComposeRequest) -> list[str]:
    """What ``composer.planning.plan.primer_events`` leaves out: all that begins after half of the song."""
    half = request.length_seconds / 2 / seconds_per_tick(song.tempo_bpm)
    left = sum(note.onset >= half for track in song.tracks for note in track.notes)
    quarters = half / TICKS_PER_QUARTER
    return [f"the song goes on from the primer's first {quarters:.0f} quarters, half of its length"] if left else []
