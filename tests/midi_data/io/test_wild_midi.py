"""Broken and unusual files, one kind each: the parts that are read, the notices, or the reason of the refusal."""

from dataclasses import dataclass

import pytest

from midi_data.errors import BadMidiError
from midi_data.io.midi_file import reading_from_bytes, song_from_bytes, song_from_reading
from midi_data.song import Song
from tests.midi_data.raw_midi import (
    END,
    bend,
    chunk,
    control,
    file_of,
    melody,
    meta,
    name,
    off,
    on,
    program,
    smf,
    sysex,
    vlq,
)

FLUTE, TROMBONE, PIANO, BASS = (73, False), (57, False), (0, False), (33, False)
KIT = (0, True)
GS_RESET = b"\x41\x10\x42\x12\x40\x00\x7f\x00\x41\xf7"
XG_RESET = b"\x43\x10\x4c\x00\x00\x7e\x00\xf7"


def gs_rhythm(block: int, mode: int) -> bytes:
    """The GS message that makes the part of a block drums (1, 2) or not (0)."""
    return b"\x41\x10\x42\x12\x40" + bytes([0x10 | block, 0x15, mode]) + b"\x00\xf7"


@dataclass(frozen=True)
class Case:
    """``parts``: (program, is_drum, notes) in order. ``notices``: kinds, all of them. ``refused``: the reason."""

    data: bytes
    parts: tuple[tuple[int, bool, int], ...] = ()
    notices: tuple[str, ...] = ()
    refused: str = ""


def four(instrument: tuple[int, bool], count: int = 4) -> tuple[int, bool, int]:
    return (*instrument, count)


TUNE = program(73) + melody() + END
NAMELESS = ("no program",)
BODY = melody() + END

CASES = {
    # structure
    "plain type 1": Case(smf(TUNE), (four(FLUTE),)),
    "plain type 0": Case(
        smf(program(73) + melody() + program(33, 1) + melody(channel=1) + END, kind=0), (four(FLUTE), four(BASS))
    ),
    "type 0 with two tracks": Case(
        smf(TUNE, program(33, 1) + melody(channel=1) + END, kind=0), (four(FLUTE), four(BASS))
    ),
    "type 2": Case(smf(TUNE, kind=2), refused="type 2"),
    "SMPTE time": Case(smf(TUNE, division=0xE728), refused="SMPTE time"),
    "no ticks a quarter": Case(smf(TUNE, division=0), refused="no ticks"),
    "empty file": Case(b"", refused="not MIDI"),
    "web page": Case(b"<!DOCTYPE html><html>404</html>", refused="not MIDI"),
    "header only": Case(smf(), refused="no notes"),
    "cut header": Case(b"MThd\x00\x00\x00\x06\x00", refused="truncated"),
    "header longer than 6 bytes": Case(smf(TUNE, header=b"\x01\x02"), (four(FLUTE),), ("header length",)),
    "header length wrong": Case(
        smf(TUNE).replace(b"\x00\x00\x00\x06", b"\x00\x00\x00\x09", 1), (four(FLUTE),), ("header length",)
    ),
    "header counts too few tracks": Case(
        smf(TUNE, program(33, 1) + melody(channel=1) + END, count=1), (four(FLUTE), four(BASS)), ("track count",)
    ),
    "header counts too many tracks": Case(smf(TUNE, count=9), (four(FLUTE),), ("track count",)),
    "unknown chunk": Case(file_of(chunk(b"\x01\x02\x03", name=b"XFIH"), chunk(TUNE), count=1), (four(FLUTE),)),
    "unknown chunk of wrong length": Case(
        file_of(chunk(b"\x01\x02", 999, name=b"XFIH"), chunk(TUNE), count=1), (four(FLUTE),), ("between tracks",)
    ),
    "bytes between tracks": Case(
        file_of(chunk(TUNE), b"\x01\x02\x03", chunk(TUNE), count=2), (four(FLUTE), four(FLUTE)), ("between tracks",)
    ),
    "zeros after the last track": Case(smf(TUNE) + bytes(16), (four(FLUTE),)),
    "noise after the last track": Case(smf(TUNE) + b"\xab\xcd\xef", (four(FLUTE),), ("between tracks",)),
    "track length 3 too short": Case(file_of(chunk(TUNE, len(TUNE) - 3)), (four(FLUTE),), ("track length",)),
    "track length 5 too long": Case(file_of(chunk(TUNE, len(TUNE) + 5)), (four(FLUTE),), ("track length",)),
    "track length 5 too long before another": Case(
        file_of(chunk(TUNE, len(TUNE) + 5), chunk(TUNE)), (four(FLUTE), four(FLUTE)), ("track length",)
    ),
    "track length 0": Case(file_of(chunk(TUNE, 0)), (four(FLUTE),), ("track length",)),
    "track length of 4 GB": Case(file_of(chunk(TUNE, 2**32 - 1)), (four(FLUTE),), ("track length",)),
    "no End of Track": Case(smf(program(73) + melody()), (four(FLUTE),), ("no end of track",)),
    "End of Track with a body": Case(smf(program(73) + melody() + b"\x00\xff\x2f\x02ab"), (four(FLUTE),)),
    "events after End of Track": Case(smf(TUNE + melody()), (four(FLUTE),), ("after end of track",)),
    "End of Track hours later": Case(smf(program(73) + melody() + vlq(2**27) + b"\xff\x2f\x00"), (four(FLUTE),)),
    "cut inside a track": Case(smf(TUNE)[:-7], refused="truncated"),
    "RIFF wrapping": Case(
        b"RIFF" + (0).to_bytes(4, "little") + b"RMIDdata" + len(smf(TUNE)).to_bytes(4, "little") + smf(TUNE),
        (four(FLUTE),),
        ("RIFF",),
    ),
    "RIFF wrapping with an odd chunk before": Case(
        b"RIFF" + (0).to_bytes(4, "little") + b"RMIDINFO" + (3).to_bytes(4, "little") + b"abc\x00"
        b"data" + len(smf(TUNE)).to_bytes(4, "little") + smf(TUNE),
        (four(FLUTE),),
        ("RIFF",),
    ),
    "MacBinary header": Case(bytes(128) + smf(TUNE), (four(FLUTE),)),
    # events
    "running status": Case(
        smf(program(73) + on() + vlq(480) + b"\x3c\x00" + vlq(0) + b"\x3e\x50" + off(62) + END), (four(FLUTE, 2),)
    ),
    "running status across a meta event": Case(
        smf(program(73) + on() + meta(1, b"x") + vlq(480) + b"\x3c\x00" + END), (four(FLUTE, 1),), ("running status",)
    ),
    "running status across a system-exclusive": Case(
        smf(program(73) + on() + sysex(b"\x7e\x7f\x09\x01\xf7") + vlq(480) + b"\x3c\x00" + END),
        (four(FLUTE, 1),),
        ("running status",),
    ),
    "data without a status": Case(smf(b"\x00\x3c\x40" + END), refused="damaged"),
    "delta time of 5 bytes": Case(smf(b"\x81\x80\x80\x80\x00" + on()[1:] + END), refused="damaged"),
    "delta time padded to 4 bytes": Case(
        smf(program(73) + on() + b"\x80\x80\x83\x60\x80\x3c\x00" + END), (four(FLUTE, 1),)
    ),
    "event past the end of its track": Case(file_of(chunk(program(73) + on()[:-1]), chunk(TUNE)), refused="damaged"),
    "system-exclusive in two packets": Case(
        smf(program(73) + sysex(b"\x43\x12") + sysex(b"\x00\x43\xf7", 0xF7, 5) + melody() + END), (four(FLUTE),)
    ),
    "system-exclusive without its F7": Case(smf(program(73) + sysex(b"\x43\x12\x00") + melody() + END), (four(FLUTE),)),
    "system-exclusive without a length": Case(
        smf(program(73) + b"\x00\xf0\x7d" + bytes(9) + b"\xf7" + melody() + END),
        (four(FLUTE),),
        ("system-exclusive length",),
    ),
    "F7 escape": Case(smf(program(73) + sysex(b"\xf3\x01", 0xF7, 5) + melody() + END), (four(FLUTE),)),
    "note in an F7 escape": Case(
        smf(program(73) + sysex(b"\x90\x3c\x40", 0xF7) + melody() + END), (four(FLUTE),), ("escaped note",)
    ),
    "real-time message in a track": Case(
        smf(program(73) + b"\x00\xf8" + melody() + END), (four(FLUTE),), ("system message",)
    ),
    "song position in a track": Case(
        smf(program(73) + b"\x00\xf2\x01\x02" + melody() + END), (four(FLUTE),), ("system message",)
    ),
    "velocity above 127": Case(smf(program(73) + b"\x00\x90\x3c\xc8" + off() + END), (four(FLUTE, 1),), ("data byte",)),
    "pitch above 127": Case(
        smf(program(73) + b"\x00\x90\xbc\x40" + melody() + END), (four(FLUTE),), ("data byte", "pitch above 127")
    ),
    "unknown meta event": Case(smf(program(73) + meta(0x6E, b"abc") + melody() + END), (four(FLUTE),)),
    "meta event past its track": Case(smf(program(73) + b"\x00\xff\x01\x7fabc"), refused="damaged"),
    # notes
    "note held at the end": Case(
        smf(program(73) + melody() + on(70) + meta(0x2F, delta=480)), (four(FLUTE, 5),), ("held notes",)
    ),
    "note held until the same pitch": Case(
        smf(program(73) + on() + on(delta=480) + off() + END), (four(FLUTE, 2),), ("held notes",)
    ),
    "note ended by all notes off": Case(
        smf(program(73) + on() + control(123, 0, delta=480) + meta(0x2F, delta=9600)),
        (four(FLUTE, 1),),
        ("held notes",),
    ),
    "note-off without a note": Case(smf(program(73) + off(99) + melody() + END), (four(FLUTE),)),
    "note of no length": Case(smf(program(73) + on() + off(delta=0) + END), (four(FLUTE, 1),)),
    "same pitch twice at once": Case(smf(program(73) + on() + on() + off() + off(delta=0) + END), (four(FLUTE, 2),)),
    "note-on of velocity 0": Case(smf(program(73) + on() + on(60, 0, delta=480) + END), (four(FLUTE, 1),)),
    "only silent notes": Case(smf(program(73) + on(60, 0) + END), refused="no notes"),
    "beyond 2^31 ticks": Case(
        smf(program(73) + (vlq(2**28 - 1) + b"\xc0\x49") * 9 + melody() + END), refused="too long"
    ),
    "ten hours": Case(smf(program(73) + on() + off(delta=2**26) + END), refused="too long"),
    # channel state
    "setup in the first track": Case(
        smf(program(33, 0) + program(40, 1) + END, melody() + END, melody(channel=1) + END),
        (four(BASS), (40, False, 4)),
    ),
    "setup in the last track": Case(smf(BODY, program(73) + END), (four(FLUTE),)),
    "every track a program of its own on channel 1": Case(
        smf(program(73) + BODY, program(57) + BODY, program(33) + BODY), (four(FLUTE), four(TROMBONE), four(BASS))
    ),
    "program changed on the way": Case(
        smf(program(73) + melody() + program(57) + melody() + END), (four(TROMBONE), four(FLUTE))
    ),
    "program changed by the setup track": Case(
        smf(program(73) + program(57, delta=960) + END, BODY), ((57, False, 2), (73, False, 2))
    ),
    "channel 10": Case(smf(melody(channel=9, pitch=36) + END), (four(KIT),)),
    "808 kit": Case(smf(program(25, 9) + melody(channel=9, pitch=36) + END), ((25, True, 4),)),
    "GM2 drums by bank": Case(
        smf(control(0, 120, 3) + program(0, 3) + melody(channel=3, pitch=36) + END), (four(KIT),)
    ),
    "GM2 melody on channel 10": Case(
        smf(control(0, 121, 9) + program(73, 9) + melody(channel=9) + END), (four(FLUTE),)
    ),
    "XG drums by bank": Case(
        smf(sysex(XG_RESET) + control(0, 127, 3) + program(8, 3) + melody(channel=3, pitch=36) + END), ((8, True, 4),)
    ),
    "GS drums on channel 11": Case(
        smf(sysex(GS_RESET) + sysex(gs_rhythm(0xA, 1)) + program(16, 10) + melody(channel=10, pitch=36) + END),
        ((16, True, 4),),
    ),
    "GS melody on channel 10": Case(
        smf(sysex(GS_RESET) + sysex(gs_rhythm(0, 0)) + program(73, 9) + melody(channel=9) + END), (four(FLUTE),)
    ),
    "GS bank 127 is no drums": Case(
        smf(sysex(GS_RESET) + control(0, 127) + program(73) + melody() + END), (four(FLUTE),)
    ),
    "XG part mode": Case(
        smf(sysex(b"\x43\x10\x4c\x08\x03\x07\x01\xf7") + melody(channel=3, pitch=36) + END), (four(KIT),)
    ),
    "second port": Case(
        smf(meta(0x21, b"\x00") + TUNE, meta(0x21, b"\x01") + program(57) + BODY), (four(FLUTE), four(TROMBONE))
    ),
    "sustain pedal": Case(
        smf(program(0) + control(64, 127) + on() + off(delta=240) + control(64, 0, delta=720) + END),
        ((0, False, 1),),
        ("pedal",),
    ),
    "fading volume": Case(
        smf(program(73) + control(7, 127) + on() + off() + control(7, 40) + on(61) + off(61) + END),
        (four(FLUTE, 2),),
        ("volume",),
    ),
    "steady pitch bend": Case(smf(program(73) + bend(8191) + melody() + END), (four(FLUTE),), ("pitch bend",)),
    "moving pitch bend": Case(
        smf(program(73) + on() + bend(8191, delta=240) + off(delta=240) + END), (four(FLUTE, 1),), ("bend lost",)
    ),
    # words
    "names in Latin-1": Case(
        smf(name(b"Fl\xf6te") + BODY, name(b"Posaune") + BODY),
        (four(FLUTE), four(TROMBONE)),
        ("program from name",) * 2,
    ),
    "names in UTF-8": Case(smf(name("Flöte".encode()) + BODY), (four(FLUTE),), ("program from name",)),
    "names in Shift-JIS": Case(
        smf(name("フルート".encode("cp932")) + BODY, name("ベース".encode("cp932")) + BODY),
        (four(FLUTE), four(BASS)),
        ("program from name",) * 2,
    ),
    "names in MacRoman": Case(smf(name("Flöte".encode("mac_roman")) + BODY), (four(FLUTE),), ("program from name",)),
    "names in Cyrillic": Case(smf(name("Флейта".encode("cp1251")) + BODY), (four(FLUTE),), ("program from name",)),
    "instrument name event": Case(
        smf(name(b"Take 3") + meta(4, b"Trombone") + BODY), (four(TROMBONE),), ("program from name",)
    ),
    "abbreviated names": Case(
        smf(name(b"Fl. I") + BODY, name(b"Tbn.") + BODY), (four(FLUTE), four(TROMBONE)), ("program from name",) * 2
    ),
    "drums by name": Case(smf(name(b"Schlagzeug") + melody(pitch=36) + END), (four(KIT),), ("program from name",)),
    "a name that says nothing": Case(smf(name(b"Track 1") + BODY), (four(PIANO),), NAMELESS),
    "a choir": Case(
        smf(*(name(voice) + BODY for voice in (b"Soprano", b"Alto", b"Tenor", b"Bass"))),
        ((52, False, 4),) * 4,
        ("program from name",) * 4,
    ),
    "title of type 0 is no instrument": Case(
        smf(name(b"Flute Concerto") + melody() + melody(channel=1) + END, kind=0),
        (four(PIANO), four(PIANO)),
        NAMELESS * 2,
    ),
    "names by channel prefix": Case(
        smf(
            meta(0x20, b"\x00")
            + name(b"Flute")
            + meta(0x20, b"\x01")
            + name(b"Trombone")
            + melody()
            + melody(channel=1)
            + END,
            kind=0,
        ),
        (four(FLUTE), four(TROMBONE)),
        ("program from name",) * 2,
    ),
    # tempo, meter, key
    "tempo 0": Case(smf(meta(0x51, bytes(3)) + TUNE), (four(FLUTE),), ("wrong tempo",)),
    "tempo of 2 bytes": Case(smf(meta(0x51, b"\x07\xa1") + TUNE), (four(FLUTE),), ("wrong tempo",)),
    "tempo above 2000 BPM": Case(smf(meta(0x51, b"\x00\x00\x10") + TUNE), (four(FLUTE),), ("tempo clamped",)),
    "meter of 0 beats": Case(smf(meta(0x58, b"\x00\x02\x18\x08") + TUNE), (four(FLUTE),), ("wrong meter",)),
    "meter of 4/1024": Case(smf(meta(0x58, b"\x04\x0a\x18\x08") + TUNE), (four(FLUTE),), ("wrong meter",)),
    "key of 9 sharps": Case(smf(meta(0x59, b"\x09\x00") + TUNE), (four(FLUTE),), ("wrong key",)),
}


def read(data: bytes) -> Song:
    return song_from_bytes(data, source="wild.mid")


@pytest.mark.parametrize("kind", [kind for kind in CASES if not CASES[kind].refused])
def test_an_unusual_file_is_read_with_its_notices(kind: str) -> None:
    case = CASES[kind]
    song = read(case.data)
    assert tuple((t.program, t.is_drum, len(t.notes)) for t in song.tracks) == case.parts
    assert sorted(notice.kind for notice in song.notices) == sorted(case.notices)


@pytest.mark.parametrize("kind", [kind for kind in CASES if CASES[kind].refused])
def test_a_broken_file_is_refused_in_one_line(kind: str) -> None:
    with pytest.raises(BadMidiError) as refused:
        read(CASES[kind].data)
    assert refused.value.reason == CASES[kind].refused
    assert "wild.mid" in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("kind", [kind for kind in CASES if not CASES[kind].refused])
def test_every_note_on_is_read_or_told_as_lost(kind: str) -> None:
    reading = reading_from_bytes(CASES[kind].data)
    song = song_from_reading(reading)
    assert reading.note_ons == song.note_count + sum(notice.lost_notes for notice in song.notices)


def test_at_least_fifty_kinds_are_tested() -> None:
    assert len(CASES) >= 50


def onsets(song: Song) -> list[int]:
    return [note.onset for note in song.tracks[0].notes]


@pytest.mark.parametrize("status", [0xF0, 0xF7])
def test_system_exclusive_packets_shift_no_note(status: int) -> None:
    split = sysex(b"\x43\x12") + sysex(b"\x00\xf7", 0xF7, 100) if status == 0xF0 else sysex(b"\xf3\x01", 0xF7, 100)
    song = read(smf(split + melody() + END))
    assert onsets(song) == [5, 29, 53, 77]
    assert song.bar_count == 2


def test_a_tempo_of_zero_is_the_default() -> None:
    assert read(CASES["tempo 0"].data).tempo_bpm == 120.0


def test_the_pedal_holds_until_it_lifts_or_the_pitch_returns() -> None:
    pedal, lift = control(64, 127), control(64, 0, delta=480)
    [held] = read(smf(program(0) + pedal + on() + off(delta=240) + lift + END)).tracks[0].notes
    assert held.duration == 36
    first, second = read(smf(program(0) + pedal + (on() + off(delta=240)) * 2 + lift + END)).tracks[0].notes
    assert (first.duration, second.duration) == (12, 36)


def test_expression_makes_a_crescendo_and_a_steady_mix_changes_nothing() -> None:
    rising = b"".join(control(11, value) + on(60, 100) + off() for value in (32, 64, 127))
    velocities = [note.velocity for note in read(smf(program(73) + rising + END)).tracks[0].notes]
    assert velocities == [25, 50, 100]
    steady = read(smf(program(73) + control(7, 40) + melody(velocity=100) + END)).tracks[0].notes
    assert {note.velocity for note in steady} == {100}


def test_the_bend_range_of_the_channel_counts() -> None:
    range_12 = control(101, 0) + control(100, 0) + control(6, 12)
    [note] = read(smf(program(73) + range_12 + bend(-4096) + on() + off() + END)).tracks[0].notes
    assert note.pitch == 54


def test_a_held_note_ends_with_its_track() -> None:
    song = read(CASES["note held at the end"].data)
    assert song.tracks[0].notes[-1].duration == 24
    first, second = read(CASES["note held until the same pitch"].data).tracks[0].notes
    assert (first.duration, second.onset) == (24, 24)


@pytest.mark.parametrize("title", ["Ä" * 100, "ロボットの踊り" * 30, "x" * 500])
def test_a_title_of_any_length_and_language_is_read(title: str) -> None:
    assert read(smf(name(title.encode()) + TUNE)).title == title


def test_a_title_in_a_legacy_encoding_is_read() -> None:
    assert read(smf(name("荒城の月".encode("cp932")) + TUNE)).title == "荒城の月"
    assert read(smf(name("Für Elise".encode("cp1252")) + TUNE)).title == "Für Elise"


def test_a_key_signature_is_the_songs_key() -> None:
    assert str(read(smf(meta(0x59, b"\xff\x01") + TUNE)).key) == "D minor"
    assert read(smf(TUNE)).key is None
