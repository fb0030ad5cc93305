"""A composed song as a score: the asked drum kit, parts in score order, key, section names and chord symbols."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from composer.request import ComposeRequest, PartRequest
from midi_data.analysis.chords import split_of
from midi_data.analysis.sections import section_markers
from midi_data.bars import meter_class
from midi_data.events.encoding import SAME_PROGRAM_LIMIT
from midi_data.general_midi import instrument_name, score_position
from midi_data.keys import Key
from midi_data.song import Marker, Song, Track


def as_score(song: Song, request: ComposeRequest, key: Key | None, chords: Sequence[str]) -> Song:
    """``song`` as it is written to files. ``chords``: a name a bar, two in one bar joined by ``-``."""
    kit = asked_kit(request.band or ())
    tracks = [_with_kit(track, kit) if track.is_drum and kit else track for track in song.tracks]
    return replace(
        song,
        tracks=tuple(sorted(tracks, key=lambda track: score_position(track.program, track.is_drum))),
        key=key,
        sections=section_markers(song),
        chord_symbols=chord_markers(song, chords),
    )


def asked_kit(band: Sequence[PartRequest]) -> int | None:
    """The number of the first drum kit asked for, ``None`` without one."""
    return next((part.program for part in band if part.is_drum), None)


def _with_kit(track: Track, kit: int) -> Track:
    return replace(track, program=kit, name=instrument_name(kit, is_drum=True))


def chord_markers(song: Song, chords: Sequence[str]) -> tuple[Marker, ...]:
    """Each change of chord at its bar line, or where the bar's second chord slot begins."""
    markers: list[Marker] = []
    for (start, meter), names in zip(song.bars(), chords, strict=False):
        second = split_of(meter_class(meter), meter.bar_ticks) or meter.bar_ticks // 2
        for tick, name in zip((start, start + second), names.split("-"), strict=False):
            if not markers or markers[-1].text != name:
                markers.append(Marker(tick, name))
    return tuple(markers)


def band_notices(request: ComposeRequest, parts: int) -> list[str]:
    """A notice when the band of ``parts`` parts is smaller than the one asked for."""
    asked = len(request.band or ())
    limits = f"a band has one drum kit and at most {SAME_PROGRAM_LIMIT} of one instrument"
    return [f"{asked} parts asked, {parts} play: {limits}"] if asked > parts else []
