"""From the notes of one part to its raw sound: a soundfont played by the synthesiser.

Knows MIDI and the synthesiser's habits; deliberately does not know levels, panning, effects or other parts.
"""

from __future__ import annotations

import io
import os
import struct
import wave
from collections.abc import Iterator
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from composer.audio_files import SAMPLE_RATE, Audio
from composer.errors import RefusedError, RenderError
from midi_data.song import Song, Track

SOUNDFONT_VARIABLE = "RIFFBIRD_SOUNDFONT"
"""Environment variable that names another ``.sf2`` file."""

_TICKS_PER_SECOND = 10_000
"""Resolution of the events handed over: the tempo map is already worked in, so ticks are plain time."""
_DRUM_CHANNEL, _CHANNEL = 9, 0
_VOLUME, _EXPRESSION, _REVERB, _CHORUS = 7, 11, 91, 93


def soundfont_path() -> Path:
    """The soundfont to play: ``RIFFBIRD_SOUNDFONT``, or the General MIDI font inside the pretty_midi wheel."""
    if named := os.environ.get(SOUNDFONT_VARIABLE):
        if not Path(named).is_file():
            raise RefusedError(f"{SOUNDFONT_VARIABLE} names a soundfont file, and there is none at {named}")
        return Path(named)
    # Found, not imported: importing pretty_midi takes half a second.
    spec = find_spec("pretty_midi")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        if (font := Path(folder) / "TimGM6mb.sf2").is_file():
            return font
    raise RenderError("no soundfont: pretty_midi is not installed whole, and RIFFBIRD_SOUNDFONT is not set")


def play(track: Track, song: Song, seconds: float) -> Audio:
    """The dry sound of ``track`` along ``song``'s tempo map, shape (seconds · SAMPLE_RATE, 2), cut at ``seconds``."""
    import midirenderer

    font = soundfont_path()
    try:
        font_bytes = _font_bytes(font, font.stat().st_mtime_ns)
        sound = midirenderer.render_wave_from(font_bytes, part_midi(track, song, seconds))
    except ValueError as error:
        raise RefusedError(f"the soundfont {font} cannot be played: {error}") from error
    with wave.open(io.BytesIO(sound)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
    audio = np.zeros((round(seconds * SAMPLE_RATE), 2), np.float32)
    length = min(len(audio), len(samples))
    np.multiply(samples[:length], np.float32(1 / 32768), out=audio[:length])
    return audio


@lru_cache(maxsize=2)
def _font_bytes(path: Path, changed: int) -> bytes:  # noqa: ARG001  (part of the key: a replaced font is read again)
    return path.read_bytes()


def part_midi(track: Track, song: Song, seconds: float) -> bytes:
    """``track`` alone as a MIDI file of ``seconds``, dry: no reverb, no chorus, loud enough for 16 bits."""
    channel = _DRUM_CHANNEL if track.is_drum else _CHANNEL
    controls = {_VOLUME: 100, _EXPRESSION: 127, _REVERB: 0, _CHORUS: 0}
    body = bytearray(b"\x00\xff\x51\x03" + (1_000_000).to_bytes(3, "big"))
    body += bytes((0, 0xC0 | channel, track.program))
    for control, value in controls.items():
        body += bytes((0, 0xB0 | channel, control, value))
    last = round(seconds * _TICKS_PER_SECOND)
    here = 0
    for tick, pitch, velocity in sorted(_switches(track, song)):
        moment = min(tick, last)
        body += _variable_length(moment - here) + bytes((0x90 | channel, pitch, velocity))
        here = moment
    body += _variable_length(last - here) + b"\xff\x2f\x00"
    header = struct.pack(">4sIHHH", b"MThd", 6, 0, 1, _TICKS_PER_SECOND)
    return header + struct.pack(">4sI", b"MTrk", len(body)) + bytes(body)


def _switches(track: Track, song: Song) -> Iterator[tuple[int, int, int]]:
    """(tick, pitch, velocity) of every note's beginning and, with velocity 0, end."""
    for note in track.notes:
        yield round(song.seconds_at(note.onset) * _TICKS_PER_SECOND), note.pitch, note.velocity
        yield round(song.seconds_at(note.end) * _TICKS_PER_SECOND), note.pitch, 0


def _variable_length(number: int) -> bytes:
    """``number`` in MIDI's base 128, most significant digit first."""
    digits = [number & 127]
    while number := number >> 7:
        digits.append(128 | number & 127)
    return bytes(reversed(digits))
