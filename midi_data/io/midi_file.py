"""MIDI files in and out: ``read_midi`` quantises to the song grid, ``write_midi`` is its inverse.

symusic parses (it is two orders faster than mido), mido writes (its event order is ours to choose, so the same song
is the same bytes). Files come from anywhere: structure is checked first, by ``midi_data.io.midi_header``.
Knows nothing of genres, corpora or events.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import symusic

from midi_data.errors import BadMidiError
from midi_data.io.midi_header import FILE_SIZE_LIMIT, TRACK_LIMIT, check_header, read_title, unwrap_midi
from midi_data.song import (
    DEFAULT_TEMPO_BPM,
    DENOMINATORS,
    LONGEST_METER,
    TICKS_PER_QUARTER,
    Meter,
    Note,
    Song,
    Tempo,
    Track,
)

FILE_TICKS_PER_QUARTER = 480
"""Resolution of written files: what sequencers expect; a whole multiple of the song grid."""

NOTE_LIMIT = 400_000
DURATION_LIMIT_SECONDS = 2 * 3600.0
_TEMPO_RANGE_BPM = (4.0, 2000.0)
"""Tempos outside are typing errors of the file; they are clamped."""

_GRID = FILE_TICKS_PER_QUARTER // TICKS_PER_QUARTER
_DRUM_CHANNEL = 9
_Change = TypeVar("_Change", Tempo, Meter)
_PITCHED_CHANNELS = tuple(channel for channel in range(16) if channel != _DRUM_CHANNEL)


def read_midi(path: Path) -> Song:
    """The song in a Standard MIDI File (type 0 or 1), quantised to ``TICKS_PER_QUARTER``.

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
    data = unwrap_midi(data)
    return song_from_score(score_from_bytes(data, source=source), read_title(data), source=source)


def score_from_bytes(data: bytes, *, source: str = "MIDI data") -> Any:
    """A Standard MIDI File's bytes as symusic's ``Score``, in the file's own ticks, within our limits.

    Raises ``BadMidiError``.
    """
    check_header(data, source)
    try:
        score = symusic.Score.from_midi(data)
    except (RuntimeError, ValueError, UnicodeDecodeError) as error:
        text = " ".join(str(error).split())[:120]
        if "bad_alloc" in text:
            raise MemoryError from error
        raise BadMidiError("truncated", f"{source}: damaged MIDI ({text})") from error
    _check_limits(score, source)
    return score


def song_from_score(score: Any, title: str, *, source: str = "MIDI data") -> Song:
    """A ``Score`` on the song grid. Raises ``BadMidiError`` when it lasts longer than ``DURATION_LIMIT_SECONDS``."""
    song = _quantised(score, title)
    if song.duration_seconds > DURATION_LIMIT_SECONDS:
        raise BadMidiError(
            "too long",
            f"{source}: a song lasts at most {DURATION_LIMIT_SECONDS:.0f} seconds, not {song.duration_seconds:.0f}",
        )
    return song


def _check_limits(score: Any, source: str) -> None:
    if len(score.tracks) > TRACK_LIMIT:
        raise BadMidiError("too many tracks", f"{source}: at most {TRACK_LIMIT} tracks, not {len(score.tracks)}")
    count = score.note_num()
    if count == 0:
        raise BadMidiError("no notes", f"{source}: a song has at least one note, this file has 0")
    if count > NOTE_LIMIT:
        raise BadMidiError("too many notes", f"{source}: at most {NOTE_LIMIT} notes, not {count}")


def score_meters(score: Any) -> list[Meter]:
    """The meters of a ``Score`` on the song grid. Nonsense meters are the file's typing errors: left out."""
    scale = TICKS_PER_QUARTER / score.ticks_per_quarter
    return [
        Meter(round(m.time * scale), m.numerator, m.denominator)
        for m in score.time_signatures
        if 1 <= m.numerator <= LONGEST_METER and m.denominator in DENOMINATORS
    ]


def _quantised(score: Any, title: str) -> Song:
    scale = TICKS_PER_QUARTER / score.ticks_per_quarter
    tracks = [Track(t.program, bool(t.is_drum), quantised_notes(t.notes.numpy(), scale), t.name) for t in score.tracks]
    meters = _changes(score_meters(score))
    tempos = _changes([Tempo(round(t.time * scale), _tidy_bpm(t.qpm)) for t in score.tempos])
    song = Song(
        tracks=tuple(track for track in tracks if track.notes),
        tempos=_without_repeats(tempos, Tempo(0, DEFAULT_TEMPO_BPM)),
        meters=_without_repeats(meters, Meter(0, 4, 4)),
        title=title,
    )
    return end_on_bar(song)


def quantised_notes(columns: dict[str, Any], scale: float) -> tuple[Note, ...]:
    """Notes from symusic's columns (``time``, ``duration``, ``pitch``, ``velocity``), times × ``scale``, half up.

    Onset and end are rounded each, so that neighbours which touch still touch; a note lasts at least one tick.
    """
    onset = np.floor(columns["time"] * scale + 0.5).astype(np.int64)
    end = np.floor((columns["time"] + columns["duration"].astype(np.int64)) * scale + 0.5).astype(np.int64)
    rows = np.stack(
        [
            np.maximum(onset, 0),
            columns["pitch"].astype(np.int64) & 127,
            np.maximum(end - onset, 1),
            np.clip(columns["velocity"].astype(np.int64), 1, 127),
        ]
    )
    order = np.lexsort(rows[::-1])
    return tuple(Note(*row) for row in rows[:, order].T.tolist())


def _tidy_bpm(bpm: float) -> float:
    # Files hold whole microseconds a quarter; two decimals survive the way there and back.
    return round(min(max(float(bpm), _TEMPO_RANGE_BPM[0]), _TEMPO_RANGE_BPM[1]), 2)


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
    for start, meter in song.bars():  # noqa: B007  the last bar is what is wanted
        pass
    end = start + meter.bar_ticks if song.last_note_end > start else start
    return Song(song.tracks, song.tempos, song.meters, song.title, end=end)


def write_midi(song: Song, path: Path) -> None:
    """Write ``song`` as a type 1 file, by way of a temporary name: never half-written."""
    temporary = path.with_name(f".{path.name}.part")
    try:
        temporary.write_bytes(midi_bytes(song))
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def midi_bytes(song: Song) -> bytes:
    """``song`` as Standard MIDI File bytes; the same song gives the same bytes on every machine."""
    import mido

    midi = mido.MidiFile(type=1, ticks_per_beat=FILE_TICKS_PER_QUARTER, charset="utf-8")
    midi.tracks.append(_conductor(song))
    for track, channel in zip(song.tracks, _channels(song.tracks), strict=True):
        midi.tracks.append(_midi_track(track, channel))
    buffer = io.BytesIO()
    midi.save(file=buffer)
    return buffer.getvalue()


def _conductor(song: Song) -> Any:
    import mido

    events: list[tuple[int, Any]] = [(0, mido.MetaMessage("track_name", name=song.title))]
    events += [
        (m.onset, mido.MetaMessage("time_signature", numerator=m.numerator, denominator=m.denominator))
        for m in song.meters
    ]
    events += [(t.onset, mido.MetaMessage("set_tempo", tempo=round(60e6 / t.bpm))) for t in song.tempos]
    events.append((song.end, mido.MetaMessage("end_of_track")))
    return _timed(events)


def _midi_track(track: Track, channel: int) -> Any:
    import mido

    events: list[tuple[int, Any]] = [
        (0, mido.MetaMessage("track_name", name=track.name)),
        (0, mido.Message("program_change", channel=channel, program=track.program)),
    ]
    sounding = [
        (n.onset, mido.Message("note_on", channel=channel, note=n.pitch, velocity=n.velocity), 1) for n in track.notes
    ]
    sounding += [(n.end, mido.Message("note_off", channel=channel, note=n.pitch, velocity=0), 0) for n in track.notes]
    # Ends before beginnings at one tick, or a repeated note would be cut as it starts.
    sounding.sort(key=lambda event: (event[0], event[2], event[1].note))
    return _timed(events + [(tick, message) for tick, message, _ in sounding])


def _timed(events: Sequence[tuple[int, Any]]) -> Any:
    import mido

    track, now = mido.MidiTrack(), 0
    for tick, message in sorted(events, key=lambda event: event[0]):
        track.append(message.copy(time=(tick - now) * _GRID))
        now = tick
    return track


def _channels(tracks: Sequence[Track]) -> list[int]:
    """A channel for each track: drums on 10, one channel a program while there are enough."""
    channels, pitched = [], 0
    for track in tracks:
        if track.is_drum:
            channels.append(_DRUM_CHANNEL)
        else:
            channels.append(_PITCHED_CHANNELS[pitched % len(_PITCHED_CHANNELS)])
            pitched += 1
    return channels
