"""Songs out as MusicXML by way of music21: staves, bars, voices, a percussion staff, chord symbols and sections.

Times are rounded to sixteenths, or to eighth triplets in the beats that fit them better. Needs the ``musicxml`` extra.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from midi_data.atomic import atomic_path
from midi_data.chords import chord_quality, chord_root, parse_chord
from midi_data.errors import MissingLibraryError
from midi_data.general_midi import instrument_name
from midi_data.song import TICKS_PER_QUARTER, Meter, Note, Song, Track

STRAIGHT, TRIPLET = TICKS_PER_QUARTER // 4, TICKS_PER_QUARTER // 3
"""Grids of a beat, in ticks."""
MOST_VOICES = 4
"""Voices of a staff; further overlapping notes are cut short."""
_KINDS = {
    "": "major", "m": "minor", "5": "power", "7": "dominant-seventh", "maj7": "major-seventh", "m7": "minor-seventh",
    "dim": "diminished", "m7b5": "half-diminished-seventh", "aug": "augmented", "sus2": "suspended-second",
    "sus4": "suspended-fourth",
}  # fmt: skip
"""MusicXML's names of chord qualities."""
_ROOTS = ("C", "D-", "D", "E-", "E", "F", "F#", "G", "A-", "A", "B-", "B")
_DRUM_POSITIONS = {
    35: "F4", 36: "F4", 37: "C5", 38: "C5", 39: "C5", 40: "C5", 41: "G4", 43: "A4", 44: "D4", 45: "B4", 47: "D5",
    48: "E5", 50: "E5", 42: "G5", 46: "G5", 49: "A5", 51: "F5", 52: "A5", 53: "F5", 55: "A5", 57: "A5", 59: "F5",
}  # fmt: skip
"""Staff position of drum keys (Weinberg, Guidelines for Drumset Notation, 1998); others stand at E5."""
_CYMBALS = frozenset({42, 44, 46, 49, 51, 52, 53, 55, 57, 59})


@dataclass(frozen=True, slots=True)
class Event:
    """Pitches that begin and end together, in ticks; none: a rest. ``tied``: (from the event before, to the next)."""

    onset: int
    end: int
    pitches: tuple[int, ...]
    tied: tuple[bool, bool] = (False, False)


def write_musicxml(song: Song, path: Path) -> None:
    """Write ``song`` to ``path``. Raises ``MissingLibraryError`` without music21."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(musicxml_bytes(song))


def musicxml_bytes(song: Song) -> bytes:
    """``song`` as a MusicXML document."""
    try:
        from music21.musicxml.m21ToXml import GeneralObjectExporter
    except ImportError as error:
        raise MissingLibraryError("MusicXML is written by music21: pip install 'riffbird[musicxml]'") from error
    document = bytes(GeneralObjectExporter(_score(song)).parse())
    return re.sub(rb"\s*<encoding-date>[^<]*</encoding-date>", b"", document)  # the same song, the same bytes


def _score(song: Song) -> Any:
    from music21 import metadata, stream

    score = stream.Score()
    score.metadata = metadata.Metadata(title=song.title or "Untitled", composer="Riffbird")
    for number, track in enumerate(song.tracks):
        score.insert(0, _part(song, track, number))
    return score


def _part(song: Song, track: Track, index: int) -> Any:
    """A staff with all its bars. The first one carries tempos, sections and chord symbols."""
    from music21 import clef, instrument, stream

    part = stream.Part(id=track.name)
    player = instrument.UnpitchedPercussion() if track.is_drum else _instrument(track.program)
    player.partId, player.instrumentId = f"P{index + 1}", f"I{index + 1}"  # music21 would draw random ones
    player.transposition = None  # a score in C: written pitches are the sounding ones
    player.partName = player.instrumentName = track.name or instrument_name(track.program, track.is_drum)
    part.insert(0, player)
    bars = [*song.bars()]
    voices = [[*_in_bars(voice, bars)] for voice in split_voices(readable_events(track.notes))] or [[]]
    before: Meter | None = None
    for number, (start, meter) in enumerate(bars):
        measure = _measure(number, start, meter, voices, is_drum=track.is_drum)
        if before is None or (before.numerator, before.denominator) != (meter.numerator, meter.denominator):
            _open_meter(measure, song, meter, is_first=number == 0, has_key=not track.is_drum)
        if number == 0 and track.is_drum:
            measure.insert(0, clef.PercussionClef())
        if index == 0:
            _add_marks(measure, song, start, start + meter.bar_ticks)
        part.append(measure)
        before = meter
    if not track.is_drum and bars:
        part.measure(1).insert(0, clef.bestClef(part, recurse=True))
    return part


def _instrument(program: int) -> Any:
    from music21 import instrument

    return instrument.instrumentFromMidiProgram(program)


def _quarters(ticks: int) -> Fraction:
    return Fraction(ticks, TICKS_PER_QUARTER)


def _open_meter(measure: Any, song: Song, meter: Meter, *, is_first: bool, has_key: bool) -> None:
    from music21 import key
    from music21 import meter as m21_meter

    measure.insert(0, m21_meter.TimeSignature(f"{meter.numerator}/{meter.denominator}"))
    if is_first and has_key and song.key is not None:
        tonic, mode = str(song.key).replace("b", "-", 1).split()
        measure.insert(0, key.Key(tonic, mode))


def _add_marks(measure: Any, song: Song, start: int, end: int) -> None:
    """Tempos, section letters and chord symbols of one bar."""
    from music21 import expressions, tempo

    for change in song.tempos:
        if start <= change.onset < end:
            measure.insert(_quarters(change.onset - start), tempo.MetronomeMark(number=round(change.bpm, 2)))
    for mark in song.sections:
        if start <= mark.onset < end:
            measure.insert(_quarters(mark.onset - start), expressions.RehearsalMark(mark.text))
    for symbol in song.chord_symbols:
        if start <= symbol.onset < end:
            measure.insert(_quarters(symbol.onset - start), _chord_symbol(symbol.text))


def _chord_symbol(text: str) -> Any:
    from music21 import harmony

    chord, _ = parse_chord(text)
    root, quality = chord_root(chord), chord_quality(chord)
    if root is None or quality is None:
        return harmony.NoChord()
    return harmony.ChordSymbol(root=_ROOTS[root], kind=_KINDS[quality])


def _measure(number: int, start: int, meter: Meter, voices: Sequence[Sequence[Event]], *, is_drum: bool) -> Any:
    from music21 import stream

    measure = stream.Measure(number=number + 1)
    end = start + meter.bar_ticks
    sounding = [events for voice in voices if (events := [e for e in voice if start <= e.onset < end])]
    for index, events in enumerate(sounding or [[]]):
        holder = measure if len(sounding) < 2 else stream.Voice(id=str(index + 1))
        for event in _with_rests(events, start, end):
            holder.insert(_quarters(event.onset - start), _element(event, is_drum=is_drum))
        if holder is not measure:
            measure.insert(0, holder)
    return measure


def _with_rests(events: Sequence[Event], start: int, end: int) -> Iterator[Event]:
    """``events`` of a bar with the silences between them."""
    now = start
    for event in events:
        if event.onset > now:
            yield Event(now, event.onset, ())
        yield event
        now = event.end
    if now < end:
        yield Event(now, end, ())


def _element(event: Event, *, is_drum: bool) -> Any:
    from music21 import chord, note, percussion, tie

    length = _quarters(event.end - event.onset)
    if not event.pitches:
        return note.Rest(quarterLength=length)
    if is_drum:
        strokes = [_stroke(pitch, length) for pitch in event.pitches]
        return strokes[0] if len(strokes) == 1 else percussion.PercussionChord(strokes, quarterLength=length)
    pitches = list(event.pitches)
    element = note.Note(pitches[0]) if len(pitches) == 1 else chord.Chord(pitches)
    element.quarterLength = length
    if any(event.tied):
        element.tie = tie.Tie("continue" if all(event.tied) else "stop" if event.tied[0] else "start")
    return element


def _stroke(pitch: int, length: Fraction) -> Any:
    from music21 import note

    stroke = note.Unpitched(_DRUM_POSITIONS.get(pitch, "E5"), quarterLength=length)
    if pitch in _CYMBALS:
        stroke.notehead = "x"
    return stroke


def readable_events(notes: Sequence[Note]) -> list[Event]:
    """Notes on the readable grid, those that begin and end together as one event, in order of onset."""
    grids = _beat_grids(notes)
    groups: dict[tuple[int, int], set[int]] = {}
    for note in notes:
        onset = _rounded(note.onset, grids)
        end = max(_rounded(note.end, grids), onset + min(STRAIGHT, TRIPLET))
        groups.setdefault((onset, _rounded(end, grids, up=True)), set()).add(note.pitch)
    return [Event(onset, end, tuple(sorted(pitches))) for (onset, end), pitches in sorted(groups.items())]


def _beat_grids(notes: Sequence[Note]) -> dict[int, int]:
    """The grid of each beat that has onsets: triplets where they lie nearer to them."""
    beats: dict[int, list[int]] = {}
    for note in notes:
        beats.setdefault(note.onset // TICKS_PER_QUARTER, []).append(note.onset % TICKS_PER_QUARTER)

    def error(places: list[int], grid: int) -> int:
        return sum(min(place % grid, grid - place % grid) for place in places)

    return {
        beat: TRIPLET if error(places, TRIPLET) < error(places, STRAIGHT) else STRAIGHT
        for beat, places in beats.items()
    }


def _rounded(tick: int, grids: dict[int, int], *, up: bool = False) -> int:
    """``tick`` on the grid of its beat: the nearest place, or with ``up`` the next at or after it."""
    grid = grids.get(tick // TICKS_PER_QUARTER, STRAIGHT)
    return -(-tick // grid) * grid if up else (tick + grid // 2) // grid * grid


def split_voices(events: Sequence[Event]) -> list[list[Event]]:
    """Events in voices without overlaps: each in the first voice that is free, the last one's notes are cut short."""
    voices: list[list[Event]] = []
    for event in events:
        free = next((voice for voice in voices if voice[-1].end <= event.onset), None)
        if free is not None:
            free.append(event)
        elif len(voices) < MOST_VOICES:
            voices.append([event])
        elif (last := max(voices, key=lambda voice: voice[-1].onset < event.onset))[-1].onset < event.onset:
            last[-1] = replace(last[-1], end=event.onset)
            last.append(event)
        else:
            pitches = tuple(sorted({*voices[-1][-1].pitches, *event.pitches}))
            voices[-1][-1] = replace(voices[-1][-1], pitches=pitches)
    return voices


def _in_bars(events: Sequence[Event], bars: Sequence[tuple[int, Meter]]) -> Iterator[Event]:
    """``events`` cut at bar lines and at the end of beats that change the grid, their pieces tied."""
    starts = [start for start, _ in bars]
    end = bars[-1][0] + bars[-1][1].bar_ticks
    for event in events:
        stop = min(event.end, end)
        inner = starts[bisect_right(starts, event.onset) : bisect_right(starts, stop - 1)]
        edges = [event.onset, *_beat_cuts(event.onset, stop, inner), stop]
        pieces = len(edges) - 1
        for index in range(pieces):
            yield Event(edges[index], edges[index + 1], event.pitches, (index > 0, index < pieces - 1))


def _beat_cuts(onset: int, stop: int, bar_lines: Sequence[int]) -> list[int]:
    """Where a note is cut: at ``bar_lines``, and at the beats around triplets, whose lengths join no others."""
    cuts = set(bar_lines)
    if onset % STRAIGHT:
        cuts.add(-(-onset // TICKS_PER_QUARTER) * TICKS_PER_QUARTER)
    if stop % STRAIGHT:
        cuts.add(stop // TICKS_PER_QUARTER * TICKS_PER_QUARTER)
    return sorted(cut for cut in cuts if onset < cut < stop)
