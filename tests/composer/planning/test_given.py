"""Given notes: kept parts and beginnings come back note for note, what is composed anew is new."""

from collections import defaultdict
from pathlib import Path

import pytest

from composer.decoding.generate import Composer
from composer.errors import RefusedError
from composer.pipeline import compose
from composer.planning.files.given import GivenSong, plan_with, track_parts, with_given_notes
from composer.planning.plan import plan_song
from composer.request import ComposeRequest, PartRequest
from midi_data.events.encoding import part_code, part_instrument
from midi_data.io.midi_file import read_midi
from midi_data.song import Meter, Note, Song, Tempo, Track
from tests.composer.checkpoints import tiny_checkpoint

REQUEST = ComposeRequest(genres={"jazz": 1.0}, length_seconds=16, tempo_bpm=120, seed=5)


@pytest.fixture(scope="module")
def composer() -> Composer:
    return Composer(tiny_checkpoint())


@pytest.fixture(scope="module")
def song(composer: Composer) -> Song:
    return composer.compose([plan_song(REQUEST, composer.checkpoint)])[0]


def revised(composer: Composer, request: ComposeRequest, given: GivenSong) -> Song:
    plan = plan_with(request, composer.checkpoint, given)
    return with_given_notes(composer.compose([plan])[0], plan, given)


def notes(song: Song) -> dict[tuple[int, bool], tuple[Note, ...]]:
    """Notes by instrument; none for one that the song does not have."""
    return defaultdict(tuple, {(track.program, track.is_drum): track.notes for track in song.tracks})


@pytest.mark.parametrize("number", [0, 1, 2])
def test_the_other_parts_are_note_for_note_the_same_and_the_replaced_one_is_new(
    composer: Composer, song: Song, number: int
) -> None:
    anew = revised(composer, REQUEST.model_copy(update={"variation": 9}), GivenSong(song, (number,)))
    replaced = (song.tracks[number].program, song.tracks[number].is_drum)
    for instrument, own in notes(song).items():
        if instrument == replaced:
            assert notes(anew)[instrument] != own
        else:
            assert notes(anew)[instrument] == own
    assert anew.end == song.end


def test_all_parts_but_one_can_be_replaced_and_each_variation_differs(composer: Composer, song: Song) -> None:
    given = GivenSong(song, (0, 2))
    first, second = (revised(composer, REQUEST.model_copy(update={"variation": v}), given) for v in (1, 2))
    one, kept, other = ((track.program, track.is_drum) for track in song.tracks[:3])
    assert notes(first)[kept] == notes(second)[kept] == song.tracks[1].notes
    assert any(notes(first)[replaced] != notes(second)[replaced] for replaced in (one, other))


def test_a_replaced_part_is_the_same_each_time(composer: Composer, song: Song) -> None:
    request, given = REQUEST.model_copy(update={"variation": 4}), GivenSong(song, (1,))
    assert revised(composer, request, given) == revised(composer, request, given)


def test_a_part_is_replaced_beside_songs_that_are_composed_at_the_same_time(composer: Composer, song: Song) -> None:
    given = GivenSong(song, (1,))
    plan = plan_with(REQUEST.model_copy(update={"variation": 4}), composer.checkpoint, given)
    other = plan_song(REQUEST.model_copy(update={"seed": 8}), composer.checkpoint)
    alone, beside = composer.compose([plan])[0], composer.compose([other, plan])
    assert beside[1] == alone
    assert beside[0] == composer.compose([other])[0]


def test_a_variation_keeps_the_plan_and_has_other_notes(composer: Composer, song: Song) -> None:
    plan, other = (plan_song(REQUEST.model_copy(update={"variation": v}), composer.checkpoint) for v in (0, 3))
    assert (plan.band, plan.tempo_bpm, plan.repetition, plan.source_lag) == (
        other.band, other.tempo_bpm, other.repetition, other.source_lag,
    )  # fmt: skip
    varied = composer.compose([other])[0]
    assert notes(varied) != notes(song)
    assert composer.compose([other])[0] == varied


def test_a_song_that_goes_on_begins_with_the_same_notes(composer: Composer, song: Song) -> None:
    longer = REQUEST.model_copy(update={"length_seconds": 30, "chart_seconds": 16, "variation": 2})
    given = GivenSong(song)
    extended = revised(composer, longer, given)
    assert extended.bar_count == 15
    assert song.bar_count == 8
    assert given.kept_ticks == 7 * 96
    for instrument, own in notes(song).items():
        begins = [note for note in own if note.onset < given.kept_ticks]
        again = [note for note in notes(extended)[instrument] if note.onset < given.kept_ticks]
        # A note that sounds across the join may end where its pitch is struck again.
        assert [(n.onset, n.pitch, n.velocity) for n in again] == [(n.onset, n.pitch, n.velocity) for n in begins]
        assert [n for n in again if n.end < given.kept_ticks] == [n for n in begins if n.end < given.kept_ticks]
    assert max(note.onset for track in extended.tracks for note in track.notes) > song.end


def test_a_longer_song_plays_its_chart_again_and_ends_with_its_last_bar(composer: Composer) -> None:
    longer = REQUEST.model_copy(update={"length_seconds": 30, "chart_seconds": 16})
    chart, plan = (plan_song(each, composer.checkpoint) for each in (REQUEST, longer))
    assert plan.repetition == (*chart.repetition, *chart.repetition[:6], chart.repetition[7])
    assert plan.activity.tolist() == [
        *chart.activity.tolist(),
        *chart.activity.tolist()[:6],
        chart.activity.tolist()[7],
    ]


def test_parts_of_a_song_from_another_source_are_replaced_too(composer: Composer) -> None:
    """Its plan is another: band, meter and tempo are taken from its notes."""
    waltz = Song(
        (
            Track(33, is_drum=False, notes=tuple(Note(bar * 72, 40, 24, 90) for bar in range(10)), name="Bass"),
            Track(0, is_drum=False, notes=tuple(Note(tick, 60, 12, 80) for tick in range(0, 720, 24)), name="Piano"),
        ),
        tempos=(Tempo(0, 100.0),), meters=(Meter(0, 3, 4),), end=720,
    )  # fmt: skip
    anew = revised(composer, ComposeRequest(genres={"jazz": 1.0}, length_seconds=20, seed=4), GivenSong(waltz, (0,)))
    assert notes(anew)[0, False] == waltz.tracks[1].notes
    assert notes(anew)[33, False] != waltz.tracks[0].notes


def test_a_song_of_two_meters_cannot_be_worked_on(composer: Composer, song: Song) -> None:
    changing = Song(song.tracks, song.tempos, (Meter(0, 4, 4), Meter(96, 3, 4)), end=song.end)
    with pytest.raises(RefusedError, match="another band or meter"):
        plan_with(REQUEST, composer.checkpoint, GivenSong(changing, (0,)))


def test_tracks_are_told_apart_by_instrument_and_order() -> None:
    """By their names where the band has silent parts, else by their order."""
    note = (Note(0, 40, 24, 90),)
    tracks = (Track(30, False, note), Track(30, False), Track(30, False, note), Track(8, True, note))
    parts = track_parts(Song(tracks, end=96), ())
    assert {number: part_instrument(part) for number, part in parts.items()} == {
        0: (30, False), 2: (30, False), 3: (0, True),
    }  # fmt: skip
    assert len(set(parts.values())) == 3
    band = tuple(part_code(30, is_drum=False, occurrence=n) for n in range(3))
    third = Song((Track(30, False, note, "Distortion Guitar 3"),), end=96)
    assert track_parts(third, band) == {0: band[2]}


def test_the_third_guitar_is_replaced_where_the_second_is_silent(composer: Composer) -> None:
    request = REQUEST.model_copy(update={"band": (PartRequest(program=30),) * 3})
    notes = tuple(Note(tick, 50, 12, 90) for tick in range(0, 8 * 96, 24))
    tracks = tuple(Track(30, False, notes, f"Distortion Guitar {number}") for number in (1, 3))
    song = Song(tracks, (Tempo(0, 120.0),), end=8 * 96)
    anew = revised(composer, request, GivenSong(song, (1,)))
    assert [track.name for track in anew.tracks] == ["Distortion Guitar 1", "Distortion Guitar 3"]
    assert anew.tracks[0].notes == song.tracks[0].notes
    assert anew.tracks[1].notes != song.tracks[1].notes


def test_the_files_of_a_replaced_song_hold_the_kept_parts_exactly(tmp_path: Path) -> None:
    """With the shipped network, through MIDI files, as the service does it."""
    request = ComposeRequest(genres={"jazz": 1.0}, length_seconds=10, seed=42)
    first = read_midi(compose(request, tmp_path, ("mid",)).files["mid"])
    number = next(n for n, track in enumerate(first.tracks) if "bass" in track.name.lower())
    changed = compose(
        request.model_copy(update={"variation": 7}), tmp_path, ("mid",), given=GivenSong(first, (number,))
    )
    second = read_midi(changed.files["mid"])
    assert [t.notes for n, t in enumerate(second.tracks) if n != number] == [
        t.notes for n, t in enumerate(first.tracks) if n != number
    ]
    assert second.tracks[number].notes != first.tracks[number].notes
    assert [track.name for track in second.tracks] == [track.name for track in first.tracks]
