"""Turns generated notes into a song as it sounds: notes end when they are struck again or a part runs out of voices."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from midi_data.events.encoding import DRUM_PITCH, DURATIONS, VELOCITY_STEP, part_instrument, part_name
from midi_data.general_midi import usual_polyphony
from midi_data.song import Meter, Note, Song, Tempo, Track


def song_of(
    notes: NDArray[np.int32], band: Sequence[int], meter: Meter, bars: int, tempo_bpm: float, title: str
) -> Song:
    """The song of ``notes`` (N, 5) as in ``SongState.notes``."""
    band, end = sorted(band), bars * meter.bar_ticks
    by_part = {part: sounding_notes(notes[notes[:, 1] == part].tolist(), part, end) for part in band}
    tracks = tuple(
        Track(*part_instrument(part), tuple(by_part[part]), part_name(part, band)) for part in band if by_part[part]
    )
    return Song(tracks, (Tempo(0, tempo_bpm),), (meter,), title, end=end)


def sounding_notes(generated: Sequence[Sequence[int]], part: int, end: int) -> list[Note]:
    """One part's notes: they end with the song, when their pitch is struck again, and where polyphony is exceeded.

    ``generated``: (onset, part, pitch, duration, velocity) in order. Of more notes than the part's polyphony the
    earliest end; those that begin together form a chord and are kept.
    """
    instrument, ends = part_instrument(part), list[int]()
    sounding: list[tuple[int, int, int]] = []  # onset, number, pitch
    for number, (onset, _, pitch, duration, _) in enumerate(generated):
        sounding = [each for each in sounding if ends[each[1]] > onset]
        earlier = sorted(each for each in sounding if each[0] < onset)
        over = max(len(sounding) + 1 - usual_polyphony(*instrument), 0)
        for _, ended, _ in {*earlier[:over], *(each for each in earlier if each[2] == pitch)}:
            ends[ended] = onset
        ends.append(min(onset + DURATIONS[duration], end))
        sounding.append((onset, number, pitch))
    drum, half = DRUM_PITCH * instrument[1], VELOCITY_STEP // 2
    return sorted(
        Note(onset, pitch - drum, stop - onset, velocity * VELOCITY_STEP + half)
        for (onset, _, pitch, _, velocity), stop in zip(generated, ends, strict=True)
    )
