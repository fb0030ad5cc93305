"""A song like a person's own file: its band, chart and style, and none of its notes.

The chart (chords, repetition, activity of every part, meter, tempo) is that of the file's first bars, cut or repeated
to the asked length. Chords are obeyed as asked ones are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from composer.likelihood.scorer import Scorer
from composer.model.checkpoint import Checkpoint
from composer.model.style import DecodedStyle, StyleModel
from composer.planning.chords import asked_chords, key_of_chords, masks_with_chords
from composer.planning.conditioning import density_class
from composer.planning.files.fitting import fit_song
from composer.planning.form import columns_for, filled, parts_within, within_excerpt
from composer.planning.instrumentation import Instrumentation
from composer.planning.outline import Facts, Outline
from composer.planning.piece_tables import PieceTables, piece_tables
from composer.planning.requested import band_of, bars_for, genre_rows, key_row
from composer.planning.style_masks import style_masks
from composer.request import ComposeRequest, KeyRequest
from midi_data.analysis.activity import RESTS, TYPICAL_NOTES, UNCONDITIONED, Activity
from midi_data.analysis.attribute_histograms import FULL
from midi_data.analysis.chords import chord_slots
from midi_data.analysis.excerpts import excerpt, sounding_bars
from midi_data.analysis.key_estimation import estimate_song_key, key_class
from midi_data.analysis.repetition import NEW, lag_index
from midi_data.bars import BarGrid
from midi_data.events.encoding import EventSequence, Ints, encode
from midi_data.events.features import LAGS
from midi_data.general_midi import instrument_name
from midi_data.genres import GENRES
from midi_data.keys import Key
from midi_data.notices import counted
from midi_data.song import Meter, Song

PHRASE_BARS = 4
"""What a late part plays is taken from a multiple on."""
GENRE_BARS, GENRES_SCORED = 4, 3
"""The genre of a file is told by the notes of its first bars, among the genres whose bands are nearest to its band."""


@dataclass(frozen=True, slots=True)
class Reference:
    """``song``: the file under the request's rules; ``None``: nothing of it is left. ``notices``: what was changed."""

    song: Song | None
    notices: tuple[str, ...]


def fit_reference(song: Song, request: ComposeRequest) -> Reference:
    """``song``, as read from a file, ready to be imitated under ``request``."""
    own_tempo = song.tempo_bpm
    song, notices = fit_song(song, _in_key_of_chords(request), "file")
    if not song.note_count:
        return Reference(None, (*notices, "nothing of the file is left: the song is composed without it"))
    if request.tempo_bpm is not None and round(own_tempo, 2) != request.tempo_bpm:
        notices.append(f"asked for {request.tempo_bpm:g} BPM, the file has {own_tempo:g}")
    if request.chords:
        notices.append("the asked chords take the place of the file's")
    return Reference(song, (*notices, *_length_notices(song, bars_of(song, request))))


def bars_of(song: Song, request: ComposeRequest) -> int:
    """Number of bars of the song, whose tempo and meter are those of the fitted ``song``."""
    return bars_for(request.length_seconds, song.tempo_bpm, song.meters[0])


def outline_of_song(song: Song, request: ComposeRequest, checkpoint: Checkpoint) -> Outline:
    """The outline of a song like ``song``, which ``fit_reference`` has fitted to ``request``.

    Parts of an asked band that the file does not have are unconditioned.
    """
    events, bars = encode(song), bars_of(song, request)
    tables, parts = piece_tables(events), events.band
    band = band_of(request.band) if request.band else parts
    rows = np.arange(bars) % len(tables.activity)
    repetition, source_lag = (table[rows].astype(np.int64) for table in (tables.repetition, tables.source_lag))
    activity, part_repetition = _parts_of(tables, rows, source_lag)
    repetition, source_lag = within_excerpt(repetition, source_lag)
    part_repetition = columns_for(part_repetition, parts, band)
    chords = asked_chords(request, bars, song.meters[0])
    if chords is None:
        chords = chord_slots(events, BarGrid.of(events.meters, events.end))[rows]
    style = _style_of(tables, parts, request, checkpoint)
    return Outline(
        _facts(song, events, bars, request),
        band,
        repetition,
        source_lag,
        np.where(part_repetition == UNCONDITIONED, repetition[:, None], part_repetition).astype(np.uint8),
        filled(columns_for(activity, parts, band)),
        chords,
        masks_with_chords(style_masks(band, style, parts), chords),
        dict(zip(parts, style.shares, strict=True)),
    )


def nearest_genre(song: Song, checkpoint: Checkpoint) -> str:
    """The genre of ``checkpoint`` under which band and first notes of ``song`` are likeliest."""
    events = encode(song)
    known = [genre.name for genre in GENRES if genre.name in checkpoint.header.genres]
    names = known or list(checkpoint.header.genres)
    row = checkpoint.header.genres.index
    bands = Instrumentation(checkpoint.instrumentation)
    nats = {name: -bands.log_probability(events.band, {row(name): 1.0}) for name in names}
    names = sorted(names, key=lambda name: nats[name])[:GENRES_SCORED]
    first, stop = sounding_bars(events)
    if len(names) == 1 or first == stop:
        return names[0]
    beginning = excerpt(events, first, min(GENRE_BARS, stop - first))
    of_notes = Scorer(checkpoint).nats_per_note(beginning, names, song.tempo_bpm)
    return names[int(of_notes.sum(axis=1).argmin())]


def _in_key_of_chords(request: ComposeRequest) -> ComposeRequest:
    """``request`` in the key of its chords where it asks for chords and for no key."""
    key = key_of_chords(request)
    if request.key or key is None:
        return request
    return request.model_copy(update={"key": KeyRequest(tonic=key.tonic, mode=key.mode)})


def _facts(song: Song, events: EventSequence, bars: int, request: ComposeRequest) -> Facts:
    meter = Meter(0, song.meters[0].numerator, song.meters[0].denominator)
    asked = Key(request.key.tonic, request.key.mode) if request.key else None
    key = key_row(asked, key_class(estimate_song_key(events)))
    return Facts(round(song.tempo_bpm, 2), meter, bars, key, density_class(len(events), events.end), 0)


def _style_of(
    tables: PieceTables, parts: tuple[int, ...], request: ComposeRequest, checkpoint: Checkpoint
) -> DecodedStyle:
    """The style nearest to the file's in the style space: its statistics encoded and decoded."""
    rows = genre_rows(request, checkpoint)
    genres = {rows[name]: weight for name, weight in request.genres.items()}
    shares, time_shift = tables.attribute_histograms / FULL, tables.time_shift_histogram / FULL
    model = StyleModel(checkpoint.style)
    mean, _ = model.encode(shares, time_shift, parts, genres, tables.masks)
    return model.decode(mean, parts, genres)


def _parts_of(tables: PieceTables, rows: Ints, source_lag: Ints) -> tuple[Activity, Activity]:
    """(bars, parts) activity and repetition labels of the file's bars ``rows`` (bars,).

    A part that rests in all of them plays in the second half what it plays in its busiest bars: every part has a place.
    """
    activity, labels = tables.activity[rows], parts_within(tables.part_repetition[rows], source_lag)
    for column in np.flatnonzero((activity == RESTS).all(axis=0)).tolist():
        first, length = _busiest_bars(tables.activity[:, column], (len(rows) + 1) // 2)
        activity[-length:, column] = tables.activity[first : first + length, column]
        labels[-length:, column] = _labels_of(tables, first, length)[:, column]
    return activity, labels


def _busiest_bars(activity: Activity, length: int) -> tuple[int, int]:
    """(first, number) of the at most ``length`` bars in which one part plays most notes; ``activity`` (bars,)."""
    starts = np.arange(0, len(activity), PHRASE_BARS)
    notes = [TYPICAL_NOTES[activity[start : start + length]].sum() for start in starts]
    first = int(starts[int(np.argmax(notes))])
    return first, min(length, len(activity) - first)


def _labels_of(tables: PieceTables, first: int, length: int) -> Activity:
    """(length, parts) labels of the bars from ``first`` on; ``NEW`` where the source is earlier or at a free lag."""
    window = slice(first, first + length)
    labels = tables.part_repetition[window]
    is_free = (labels > NEW) & (lag_index(labels.astype(np.int64)) == len(LAGS) - 1)
    return parts_within(np.where(is_free, NEW, labels).astype(np.uint8), tables.source_lag[window].astype(np.int64))


def _length_notices(song: Song, bars: int) -> list[str]:
    """What becomes of a file that is longer or shorter than the song's ``bars``."""
    if song.bar_count < bars:
        return [f"the file's {counted(song.bar_count, 'bar')} are repeated over the song's {bars}"]
    if song.bar_count == bars:
        return []
    end = bars * song.meters[0].bar_ticks
    late = [track for track in song.tracks if track.notes and track.notes[0].onset >= end]
    names = ", ".join(track.name or instrument_name(track.program, track.is_drum) for track in late)
    notices = [f"the song's chart is that of the first {bars} of the file's {song.bar_count} bars"]
    return notices + ([f"what begins later in the file plays in the song's second half: {names}"] if late else [])
