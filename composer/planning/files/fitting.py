"""A person's own file, fitted to a request's rules, with a notice for every change.

``source`` is what notices call the file: ``primer`` (``--primer``) or ``file`` (``--like``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from composer.request import TEMPO_RANGE_BPM, ComposeRequest, PartRequest
from midi_data.events.encoding import encode
from midi_data.general_midi import family_name, instrument_name, playable_range
from midi_data.io.inspection import model_notices, song_key
from midi_data.io.midi_file import end_on_bar
from midi_data.keys import Key
from midi_data.notices import counted
from midi_data.shifting import leading_silence, shift_song
from midi_data.song import Meter, Note, Song, Tempo, Track


def fit_song(song: Song, request: ComposeRequest, source: str) -> tuple[Song, list[str]]:
    """``song``, as read from a file, in one tempo and one meter from its first bar line on, in the asked band and key.

    The second value tells what was changed. The song may have no notes left.
    """
    notices = [str(notice) for notice in song.notices]
    for step in (_without_silence, _in_one_meter, _in_key, _in_band, _at_tempo):
        song, changes = step(song, request, source)
        notices += changes
    if song.note_count:
        notices += [str(notice) for notice in model_notices(song, encode(song))]
    return song, notices


def _without_silence(song: Song, _: ComposeRequest, source: str) -> tuple[Song, list[str]]:
    silent = leading_silence(song)
    if not silent:
        return song, []
    bars = sum(start < silent for start, _ in song.bars())
    return shift_song(song, -silent), [f"{counted(bars, 'bar')} of silence at the {source}'s beginning left out"]


def _in_one_meter(song: Song, _: ComposeRequest, source: str) -> tuple[Song, list[str]]:
    """The meter that rules longest, its bar lines at multiples of a bar; a shorter first bar becomes a pickup."""
    if len(song.meters) == 1:
        return song, []
    meter, begin = _ruling_meter(song)
    is_pickup = song.meters[1].onset == begin < meter.bar_ticks and len(song.meters) == 2
    moved = shift_song(song, -begin % meter.bar_ticks)
    moved = end_on_bar(replace(moved, meters=(Meter(0, meter.numerator, meter.denominator),), end=0))
    others = len({(each.numerator, each.denominator) for each in song.meters}) - 1
    kept = f"{meter.numerator}/{meter.denominator}"
    text = f"the {source}'s other {counted(others, 'meter')} not kept, its bars are {kept}"
    return moved, [] if is_pickup else [text]


def _ruling_meter(song: Song) -> tuple[Meter, int]:
    """(the meter of most ticks, the tick at which it first begins)."""
    edges = [*(meter.onset for meter in song.meters), max(song.end, song.meters[-1].onset + 1)]
    lengths: dict[tuple[int, int], int] = {}
    first: dict[tuple[int, int], int] = {}
    for meter, begin, end in zip(song.meters, edges, edges[1:], strict=False):
        key = (meter.numerator, meter.denominator)
        lengths[key] = lengths.get(key, 0) + end - begin
        first.setdefault(key, begin)
    longest = max(lengths, key=lambda key: lengths[key])
    return Meter(0, *longest), first[longest]


def _in_key(song: Song, request: ComposeRequest, source: str) -> tuple[Song, list[str]]:
    key = song_key(song, encode(song))
    if request.key is None or key is None:
        return song, []
    asked = Key(request.key.tonic, request.key.mode)
    semitones = (asked.tonic - key.tonic + 6) % 12 - 6
    notices = [f"{source} moved by {counted(abs(semitones), 'semitone')} from {key} to {asked}"] if semitones else []
    if asked.mode != key.mode:
        notices.append(f"asked for {asked}, the {source} is {key.mode}")
    tracks = tuple(t if t.is_drum else _transposed(t, semitones) for t in song.tracks)
    return replace(song, tracks=tracks, key=asked), notices


def _transposed(track: Track, semitones: int) -> Track:
    """``track`` moved by ``semitones``; notes beyond MIDI's range by an octave less."""
    return _with_pitches(track, semitones, 0, 127)


def _with_pitches(track: Track, semitones: int, low: int, high: int) -> Track:
    """Every pitch moved by ``semitones``, then by octaves into ``low`` … ``high``."""

    def moved(note: Note) -> Note:
        pitch = note.pitch + semitones
        pitch += 12 * max(0, -(-(low - pitch) // 12)) - 12 * max(0, -(-(pitch - high) // 12))
        return replace(note, pitch=pitch)

    return replace(track, notes=tuple(sorted(map(moved, track.notes))))


def _in_band(song: Song, request: ComposeRequest, source: str) -> tuple[Song, list[str]]:
    """The file's parts on the asked instruments: the same one, else one of its family, else the nearest in range."""
    if not request.band:
        return song, []
    players = _players(song.tracks, request.band)
    tracks, notices = [], []
    for number, track in enumerate(song.tracks):
        player = players.get(number)
        name = track.name or instrument_name(track.program, track.is_drum)
        if player is None:
            notices.append(f"the {source}'s {name} is left out: the asked band has no part for it")
        elif track.is_drum or player.program == track.program:
            tracks.append(track)
        else:
            notices.append(f"the {source}'s {name} is played by {instrument_name(player.program)}")
            tracks.append(_with_pitches(replace(track, program=player.program), 0, *playable_range(player.program)))
    return end_on_bar(replace(song, tracks=tuple(tracks), end=0)), notices


def _players(tracks: Sequence[Track], band: Sequence[PartRequest]) -> dict[int, PartRequest]:
    """Who plays each track, by its number: the assignment of least total distance; all drums go to one kit."""
    from scipy.optimize import linear_sum_assignment

    kit = next((part for part in band if part.is_drum), None)
    players = {number: kit for number, track in enumerate(tracks) if track.is_drum and kit}
    pitched = [number for number, track in enumerate(tracks) if not track.is_drum]
    parts = [part for part in band if not part.is_drum]
    distances = [[_distance(tracks[number], part) for part in parts] for number in pitched]
    if pitched and parts:
        chosen = zip(*linear_sum_assignment(distances), strict=True)
        players |= {pitched[row]: parts[column] for row, column in chosen}
    return players


def _distance(track: Track, part: PartRequest) -> float:
    """How unlike ``part`` is to the track's instrument: semitones between its notes and the middle of the range."""
    mean = sum(note.pitch for note in track.notes) / max(len(track.notes), 1)
    other_family = family_name(part.program) != family_name(track.program)
    return (
        1000.0 * (part.program != track.program)
        + 100.0 * other_family
        + abs(sum(playable_range(part.program)) / 2 - mean)
    )


def _at_tempo(song: Song, request: ComposeRequest, source: str) -> tuple[Song, list[str]]:
    """One tempo: the asked one, else the one that rules longest, within the range of requests."""
    low, high = TEMPO_RANGE_BPM
    own = song.tempo_bpm
    tempo = request.tempo_bpm or min(max(own, low), high)
    notices = []
    if request.tempo_bpm is None and tempo != own:
        notices.append(f"tempo is {low:g}–{high:g} BPM: the {source}'s {own:g} becomes {tempo:g}")
    elif len(song.tempos) > 1:
        notices.append(f"the {source}'s {counted(len(song.tempos) - 1, 'tempo change')} not kept: {tempo:g} BPM")
    return replace(song, tempos=(Tempo(0, tempo),)), notices
