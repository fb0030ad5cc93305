"""Songs out as Standard MIDI Files of type 1: the same song gives the same bytes on every machine.

The first track holds title, key signature, meters, tempos, section names (markers) and chord symbols (text). Each part
is a track with a channel and one program of its own; parts beyond the 15 pitched channels go to a second port.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from midi_data.atomic import atomic_path
from midi_data.keys import Key
from midi_data.song import TICKS_PER_QUARTER, Song, Track

FILE_TICKS_PER_QUARTER = 480
"""Resolution of written files: what sequencers expect; a multiple of the song grid."""

_GRID = FILE_TICKS_PER_QUARTER // TICKS_PER_QUARTER
_DRUM_CHANNEL = 9
_PITCHED_CHANNELS = tuple(channel for channel in range(16) if channel != _DRUM_CHANNEL)


def write_midi(song: Song, path: Path) -> None:
    """Write ``song`` to ``path``, complete or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(midi_bytes(song))


def midi_bytes(song: Song) -> bytes:
    """``song`` as the bytes of a Standard MIDI File."""
    import mido

    midi = mido.MidiFile(type=1, ticks_per_beat=FILE_TICKS_PER_QUARTER, charset="utf-8")
    midi.tracks.append(_conductor(song))
    for track, (port, channel) in zip(song.tracks, _channels(song.tracks), strict=True):
        midi.tracks.append(_midi_track(track, port, channel))
    buffer = io.BytesIO()
    midi.save(file=buffer)
    return buffer.getvalue()


def _conductor(song: Song) -> Any:
    """The first track: everything that is not a part's."""
    import mido

    events: list[tuple[int, Any]] = [(0, mido.MetaMessage("track_name", name=_encodable(song.title)))]
    if song.key is not None:
        events.append((0, mido.MetaMessage("key_signature", key=_signature(song.key))))
    events += [
        (m.onset, mido.MetaMessage("time_signature", numerator=m.numerator, denominator=m.denominator))
        for m in song.meters
    ]
    events += [(t.onset, mido.MetaMessage("set_tempo", tempo=round(60e6 / t.bpm))) for t in song.tempos]
    events += [(each.onset, mido.MetaMessage("marker", text=_encodable(each.text))) for each in song.sections]
    events += [(each.onset, mido.MetaMessage("text", text=_encodable(each.text))) for each in song.chord_symbols]
    events.append((song.end, mido.MetaMessage("end_of_track")))
    return _timed(events)


def _signature(key: Key) -> str:
    """``F#m`` for F sharp minor."""
    tonic, mode = str(key).split()
    return tonic + ("m" if mode == "minor" else "")


def _encodable(text: str) -> str:
    """``text`` without lone surrogates, which UTF-8 cannot hold."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _midi_track(track: Track, port: int, channel: int) -> Any:
    import mido

    events: list[tuple[int, Any]] = [(0, mido.MetaMessage("track_name", name=_encodable(track.name)))]
    if port:
        events.append((0, mido.MetaMessage("midi_port", port=port)))
    events.append((0, mido.Message("program_change", channel=channel, program=track.program)))
    sounding = [
        (n.onset, mido.Message("note_on", channel=channel, note=n.pitch, velocity=n.velocity), 1) for n in track.notes
    ]
    sounding += [(n.end, mido.Message("note_off", channel=channel, note=n.pitch, velocity=0), 0) for n in track.notes]
    # Ends before beginnings at one tick, or a repeated note would be cut as it starts.
    sounding.sort(key=lambda event: (event[0], event[2], event[1].note))
    return _timed(events + [(tick, message) for tick, message, _ in sounding])


def _timed(events: Sequence[tuple[int, Any]]) -> Any:
    """A mido track of (tick of the song grid, message), with delta times."""
    import mido

    track, now = mido.MidiTrack(), 0
    for tick, message in sorted(events, key=lambda event: event[0]):
        track.append(message.copy(time=(tick - now) * _GRID))
        now = tick
    return track


def _channels(tracks: Sequence[Track]) -> list[tuple[int, int]]:
    """(port, channel) of each track: drums on channel 10, every pitched part on one of its own.

    Drum tracks of different kits go to ports of their own, since a channel has one program.
    """
    places, pitched, kits = [], 0, list[int]()
    for track in tracks:
        if track.is_drum:
            if track.program not in kits:
                kits.append(track.program)
            places.append((kits.index(track.program), _DRUM_CHANNEL))
        else:
            port, channel = divmod(pitched, len(_PITCHED_CHANNELS))
            places.append((port, _PITCHED_CHANNELS[channel]))
            pitched += 1
    return places
