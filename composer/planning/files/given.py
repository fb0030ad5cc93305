"""Given notes: a song goes on from another one, or keeps some of its parts while the others are composed anew."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np

from composer.errors import RefusedError
from composer.model.checkpoint import Checkpoint
from composer.planning.plan import Given, Plan, plan_song, primer_events
from composer.request import ComposeRequest
from midi_data.events.encoding import EventSequence, encode, part_code, part_name
from midi_data.song import Note, Song

TEMPO_TOLERANCE_BPM = 0.01
"""MIDI files hold whole microseconds a quarter."""


@dataclass(frozen=True, slots=True)
class GivenSong:
    """A finished song. ``replaced``: numbers of its tracks that are composed anew; none: the song goes on."""

    song: Song
    replaced: tuple[int, ...] = ()

    @property
    def kept_ticks(self) -> int:
        """Ticks that a song keeps that goes on: all but its last bar, whose ending would stand in the middle."""
        starts = [start for start, _ in self.song.bars()]
        return starts[-1] if len(starts) > 1 else self.song.end


def plan_with(request: ComposeRequest, checkpoint: Checkpoint, given: GivenSong) -> Plan:
    """The plan of ``request`` with the notes of ``given``.

    Where the request's own plan does not fit the song (it began with a file, or another checkpoint composed it), only
    band, meter and tempo are planned. Raises ``RefusedError`` where these do not fit either.
    """
    plan = plan_song(request, checkpoint)
    if not _fits(plan, given):
        plan = replace(plan_song(_as_long_as(request, given), checkpoint, given.song), primer=())
    if not _fits(plan, given):
        raise RefusedError("This song has another band or meter than its request: /again plays it anew.")
    parts = track_parts(given.song, plan.band)
    events = _events_of(given.song, parts)
    if not given.replaced:
        return replace(plan, primer=primer_events(events, given.kept_ticks), kept_ticks=given.kept_ticks)
    anew = frozenset(parts[number] for number in given.replaced if number in parts)
    if not anew:
        raise RefusedError(f"A song has parts 0 to {len(parts) - 1}, not {given.replaced[0]}.")
    rows = np.stack([events.onset, events.part, events.pitch, events.duration, events.velocity], axis=1)  # (N, 5)
    kept = tuple(tuple(row) for row in rows.tolist() if row[1] not in anew)
    return replace(plan, given=Given(kept, anew))


def with_given_notes(composed: Song, plan: Plan, given: GivenSong) -> Song:
    """``composed``, the new notes of ``plan``, and the kept notes of ``given`` exactly as they were."""
    notes: dict[int, tuple[Note, ...]] = {}
    parts = track_parts(given.song, plan.band)
    tracks = {part: given.song.tracks[number] for number, part in parts.items()}
    for number, part in parts.items():
        if number not in given.replaced:
            kept = given.song.tracks[number].notes
            kept = kept if given.replaced else tuple(n for n in kept if n.onset < given.kept_ticks)
            notes[part] = (*notes.get(part, ()), *kept)  # drums on several tracks are one part
    names = {part_name(part, plan.band): part for part in plan.band}
    for track in composed.tracks:
        part = names[track.name]
        notes[part] = _without_overlaps([*notes.get(part, ()), *track.notes])
        tracks.setdefault(part, track)
    made = (replace(tracks[part], notes=tuple(sorted(notes[part]))) for part in sorted(notes) if notes[part])
    return replace(composed, tracks=tuple(made))


def track_parts(song: Song, band: Sequence[int]) -> dict[int, int]:
    """Number of each track with notes → its part class in ``band``: by its name, else by its place.

    A band may have parts without notes, so that the place alone does not tell the second guitar from the third.
    """
    by_place = _parts_by_place(song)
    names = {part_name(part, band): part for part in band}
    by_name = {
        number: part if song.tracks[number].is_drum else names.get(song.tracks[number].name, -1)
        for number, part in by_place.items()
    }
    return by_name if set(by_name.values()) <= set(band) and len({*by_name.values()}) == len(by_name) else by_place


def _parts_by_place(song: Song) -> dict[int, int]:
    """The part classes that ``midi_data.events.encoding.encode`` gives to tracks with notes."""
    seen: Counter[tuple[int, bool]] = Counter()
    parts = {}
    for number, track in enumerate(song.tracks):
        if track.notes:
            instrument = (0 if track.is_drum else track.program, track.is_drum)
            occurrence = 0 if track.is_drum else seen[instrument]
            parts[number] = part_code(instrument[0], is_drum=track.is_drum, occurrence=occurrence)
            seen[instrument] += 1
    return parts


def _events_of(song: Song, parts: Mapping[int, int]) -> EventSequence:
    """``song`` encoded, with the part classes ``parts`` of its tracks."""
    events, by_place = encode(song), _parts_by_place(song)
    renamed = {by_place[number]: part for number, part in parts.items()}
    part = np.array([renamed[each] for each in events.part.tolist()], dtype=np.int64)  # (N,)
    order = np.lexsort((events.pitch, part, events.onset))
    columns = {name: getattr(events, name)[order] for name in ("onset", "pitch", "duration", "velocity")}
    return replace(events, part=part[order], **columns)


def _as_long_as(request: ComposeRequest, given: GivenSong) -> ComposeRequest:
    """``request`` at the song's tempo and, where parts are replaced, of its length."""
    changes: dict[str, float] = {"tempo_bpm": round(given.song.tempo_bpm, 2)}
    if given.replaced:
        changes["length_seconds"] = given.song.duration_seconds
    return request.model_copy(update=changes)


def _fits(plan: Plan, given: GivenSong) -> bool:
    song = given.song
    meters = [(meter.numerator, meter.denominator) for meter in song.meters]
    return (
        meters == [(plan.meter.numerator, plan.meter.denominator)]
        and abs(plan.tempo_bpm - song.tempo_bpm) <= TEMPO_TOLERANCE_BPM
        and set(track_parts(song, plan.band).values()) <= set(plan.band)
        and (plan.bars == song.bar_count if given.replaced else plan.bars >= song.bar_count)
    )


def _without_overlaps(notes: Iterable[Note]) -> tuple[Note, ...]:
    """``notes`` of one part; a note ends where its pitch is struck again."""
    made = []
    for _, group in groupby(sorted(notes, key=lambda note: (note.pitch, note.onset)), key=lambda note: note.pitch):
        alike = list(group)
        ends = [*(note.onset for note in alike[1:]), alike[-1].end]
        made += [
            replace(note, duration=max(1, min(note.end, end) - note.onset))
            for note, end in zip(alike, ends, strict=True)
        ]
    return tuple(sorted(made))
