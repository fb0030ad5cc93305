"""MIDI files in: bytes → ``MidiReading`` (the file's own ticks) → ``Song`` (the song grid). Every loss is a notice.

Two steps: ``midi_data.io.smf`` repairs and counts bytes, ``midi_data.io.note_columns`` has symusic pair the notes and
compares the counts. Then channel state is folded in. ``midi_data.io.midi_writer`` is the way out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import numpy as np

from midi_data.errors import BadMidiError
from midi_data.general_midi import HIGHEST_DRUM_KEY, LOWEST_DRUM_KEY, Instrument, instrument_name
from midi_data.instrument_names import CHOIR, instrument_of_track, is_choir
from midi_data.io.channel_events import (
    NOTE_OFF,
    NOTE_ON,
    PROGRAM,
    ChannelControls,
    ChannelEvents,
    Ints,
    channel_events,
)
from midi_data.io.drum_channels import DrumChannels
from midi_data.io.folding import FOLDED, fold_controls
from midi_data.io.note_columns import NoteColumns, read_notes
from midi_data.io.smf import FILE_SIZE_LIMIT, REPAIRS, RawMidi, parse_midi
from midi_data.io.timeline import Timeline, clamped, read_timeline
from midi_data.io.track_names import Names, read_names
from midi_data.notices import Notice, counted
from midi_data.song import DEFAULT_TEMPO_BPM, DRUM_PROGRAM, TICKS_PER_QUARTER, Meter, Note, Song, Tempo, Track

DURATION_LIMIT_SECONDS = 2 * 3600.0
_Change = TypeVar("_Change", Tempo, Meter)


@dataclass(frozen=True, slots=True, eq=False)
class MidiPart:
    """The notes of one track on one channel that have one instrument."""

    instrument: Instrument
    name: str
    notes: NoteColumns


@dataclass(frozen=True, slots=True, eq=False)
class MidiReading:
    """A file in its own ticks, channel state folded in.

    ``note_ons``: notes that its bytes begin. ``has_programs``: whether any program change tells an instrument.
    """

    source: str
    title: str
    ticks_per_quarter: int
    parts: tuple[MidiPart, ...]
    timeline: Timeline
    note_ons: int
    has_programs: bool
    notices: tuple[Notice, ...]


def read_midi(path: Path) -> Song:
    """The song in a Standard MIDI File (type 0 or 1), quantised to ``TICKS_PER_QUARTER``; ``notices`` tell losses.

    Raises ``BadMidiError`` (one line, with a countable reason) for anything that is no usable music.
    """
    try:
        size = path.stat().st_size
        if size > FILE_SIZE_LIMIT:
            raise BadMidiError("too large", f"{path}: a MIDI file has at most {FILE_SIZE_LIMIT} bytes, not {size}")
        data = path.read_bytes()
    except OSError as error:
        raise BadMidiError("unreadable", f"{path}: cannot be read ({error.strerror})") from error
    return song_from_bytes(data, source=str(path))


def song_from_bytes(data: bytes, *, source: str = "MIDI data") -> Song:
    """As ``read_midi``, from the file's bytes; ``source`` names them in errors."""
    return song_from_reading(reading_from_bytes(data, source=source))


def reading_from_bytes(data: bytes, *, source: str = "MIDI data") -> MidiReading:
    """A file's bytes as parts in the file's own ticks, within our limits. Raises ``BadMidiError``."""
    raw = parse_midi(data, source)
    events = channel_events(raw)
    notices = [Notice(kind, _repair_text(kind, count)) for kind, count in raw.repairs.items()]
    columns, lost = read_notes(raw, events, source)
    timeline = read_timeline(raw)
    parts, changes = _parts(raw, events, columns)
    return MidiReading(
        source=source,
        title=read_names(raw).title,
        ticks_per_quarter=raw.ticks_per_quarter,
        parts=tuple(parts),
        timeline=timeline,
        note_ons=int((events.kind == NOTE_ON).sum()),
        has_programs=bool((events.kind == PROGRAM).any()),
        notices=tuple(notices + lost + timeline.notices + changes),
    )


def _repair_text(kind: str, count: int) -> str:
    return REPAIRS[kind] if count == 1 else f"{REPAIRS[kind]} ({count} times)"


def _parts(raw: RawMidi, events: ChannelEvents, columns: list[NoteColumns]) -> tuple[list[MidiPart], list[Notice]]:
    """The parts that ``columns`` are, and what was done to make them."""
    controls = ChannelControls(
        events.select((events.kind != NOTE_ON) & (events.kind != NOTE_OFF)),
        frozenset((each.track, each.channel) for each in columns),
    )
    drums, names = DrumChannels(raw, controls), read_names(raw)
    named = _NamedInstruments(raw, names, columns)
    folded: Counter[str] = Counter()
    parts: list[MidiPart] = []
    for notes in columns:
        programs = controls.changes(notes.track, notes.channel, PROGRAM)
        is_drum = drums.is_drum(notes.track, notes.channel, notes.onset)
        program = programs.at(notes.onset, DRUM_PROGRAM)
        if not len(programs) and not is_drum.any():
            found = named.of(notes)
            program, is_drum = program + found.program, is_drum + found.is_drum
        end = raw.tracks[notes.track].end
        end = raw.tracks[notes.track].end
        for instrument, own in _by_instrument(notes, program, is_drum):
            played, counts = (own, {}) if instrument.is_drum else fold_controls(own, controls, end)
            folded.update(counts)
            parts.append(MidiPart(instrument, names.of(notes.track, notes.channel), played))
    changes = [Notice(kind, FOLDED[kind].format(counted(count, "note"))) for kind, count in folded.items() if count]
    return parts, named.notices + changes


def _by_instrument(notes: NoteColumns, program: Ints, is_drum: Ints) -> Iterator[tuple[Instrument, NoteColumns]]:
    """The notes of each instrument among ``notes``, by first program."""
    code = is_drum * 128 + program
    for each in np.unique(code).tolist():
        own = code == each
        columns = (notes.onset[own], notes.duration[own], notes.pitch[own], notes.velocity[own])
        yield Instrument(each % 128, each >= 128), NoteColumns(notes.track, notes.channel, *columns)


class _NamedInstruments:
    """Instruments of notes without a program, by the names of their tracks."""

    def __init__(self, raw: RawMidi, names: Names, columns: list[NoteColumns]) -> None:
        self._names = names
        tracks = [each.track for each in columns]
        is_song_name = raw.kind == 0 and len(columns) > 1
        # In a file of type 0, and in a track of several channels, the name is the song's or a group's.
        self._usable = {track for track in tracks if tracks.count(track) == 1 and not is_song_name}
        self.notices: list[Notice] = []
        self._choir = is_choir([names.of(each.track, each.channel) for each in columns])

    def of(self, notes: NoteColumns) -> Instrument:
        """The instrument that the names tell, else a piano; adds a notice."""
        name = self._names.of(notes.track, notes.channel)
        found = self._find(name, self._names.instrument_of(notes.track, notes.channel), notes)
        sound = found or Instrument(0)
        shown = f"track {name!r}" if name else f"track {notes.track + 1}"
        text = f"{shown} has no program: read as {instrument_name(sound.program, sound.is_drum)}"
        self.notices.append(
            Notice("program from name", f"{text}, from its name") if found else Notice("no program", text)
        )
        return sound

    def _find(self, name: str, instrument: str, notes: NoteColumns) -> Instrument | None:
        found = instrument_of_track(instrument) if instrument else None
        if found is None and (notes.track in self._usable or (notes.track, notes.channel) in self._names.track):
            found = CHOIR if self._choir else instrument_of_track(name)
        in_kit = (notes.pitch >= LOWEST_DRUM_KEY) & (notes.pitch <= HIGHEST_DRUM_KEY)
        return None if found is not None and found.is_drum and in_kit.mean() < 0.9 else found


def song_from_reading(reading: MidiReading) -> Song:
    """A ``MidiReading`` on the song grid. Raises ``BadMidiError`` above ``DURATION_LIMIT_SECONDS``."""
    scale = TICKS_PER_QUARTER / reading.ticks_per_quarter
    line = reading.timeline
    meters = _changes(
        [Meter(round(tick * scale), numerator, denominator) for tick, numerator, denominator in line.meters]
    )
    tempos = _changes([Tempo(round(tick * scale), round(clamped(bpm), 2)) for tick, bpm in line.tempos])
    song = Song(
        tracks=tuple(
            Track(part.instrument.program, part.instrument.is_drum, quantised_notes(part.notes, scale), part.name)
            for part in reading.parts
        ),
        tempos=_without_repeats(tempos, Tempo(0, DEFAULT_TEMPO_BPM)),
        meters=_without_repeats(meters, Meter(0, 4, 4)),
        title=reading.title,
        key=line.keys[0][1] if line.keys else None,
        notices=reading.notices,
    )
    if song.duration_seconds > DURATION_LIMIT_SECONDS:
        raise BadMidiError(
            "too long",
            f"{reading.source}: a song lasts at most {DURATION_LIMIT_SECONDS:.0f} seconds, "
            f"not {song.duration_seconds:.0f}",
        )
    return end_on_bar(song)


def quantised_notes(notes: NoteColumns, scale: float) -> tuple[Note, ...]:
    """Notes on the song grid: file ticks × ``scale``, half up.

    Onset and end are rounded each, so that neighbours which touch still touch; a note lasts at least one tick.
    """
    onset = np.floor(notes.onset * scale + 0.5).astype(np.int64)
    end = np.floor((notes.onset + notes.duration) * scale + 0.5).astype(np.int64)
    rows = np.stack([onset, notes.pitch, np.maximum(end - onset, 1), np.clip(notes.velocity, 1, 127)])  # (4, N)
    order = np.lexsort(rows[::-1])
    return tuple(Note(*row) for row in rows[:, order].T.tolist())


def _changes(changes: list[_Change]) -> list[_Change]:
    """Sorted, and the last of several at one tick."""
    return list({change.onset: change for change in sorted(changes, key=lambda c: c.onset)}.values())


def _without_repeats(changes: list[_Change], first: _Change) -> tuple[_Change, ...]:
    """``changes`` with one at tick 0, without those that change nothing."""
    full = list(changes)
    if not full or full[0].onset > 0:
        full.insert(0, first)
    kept = full[:1]
    kept.extend(new for old, new in pairwise(full) if _content(old) != _content(new))
    return tuple(kept)


def _content(change: Tempo | Meter) -> tuple[float, ...]:
    return (change.bpm,) if isinstance(change, Tempo) else (change.numerator, change.denominator)


def end_on_bar(song: Song) -> Song:
    """``song`` with its end moved up to the first bar line at or after the last note's end."""
    start, meter = 0, song.meters[0]
    for start, meter in song.bars():  # noqa: B007  only the last bar matters
        pass
    end = start + meter.bar_ticks if song.last_note_end > start else start
    return replace(song, end=end)
