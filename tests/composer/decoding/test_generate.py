"""Whatever the weights say, a song keeps the rules; it is the same alone, in a batch and the second time."""

from dataclasses import replace

import numpy as np
import pytest

from composer.decoding.generate import Composer
from composer.decoding.masks import pitch_range
from composer.decoding.song_sampler import SongSampler
from composer.errors import RefusedError
from composer.model.engine import State
from composer.planning.plan import Plan, plan_song
from composer.planning.requested import bars_for
from composer.request import ComposeRequest, KeyRequest, PartRequest
from midi_data.events.encoding import encode, part_code
from midi_data.general_midi import usual_polyphony
from midi_data.io.midi_writer import midi_bytes
from midi_data.song import Meter, Song
from tests.composer.checkpoints import tiny_checkpoint
from tests.songs import riff


@pytest.fixture(scope="module")
def composer() -> Composer:
    return Composer(tiny_checkpoint())


def asked(**fields: object) -> ComposeRequest:
    return ComposeRequest(
        **{"genres": {"heavy-metal": 1.0}, "length_seconds": 20, "tempo_bpm": 150, "seed": 3, **fields}
    )


def plans(composer: Composer, *requests: ComposeRequest) -> list[Plan]:
    return [plan_song(request, composer.checkpoint) for request in requests]


def assert_keeps_the_rules(song: Song) -> None:
    assert song.last_note_end <= song.end
    assert song.end % song.meters[0].bar_ticks == 0
    for track in song.tracks:
        part = part_code(track.program, is_drum=track.is_drum)
        low, high = (limit - 128 * track.is_drum for limit in pitch_range(part))
        for note in track.notes:
            assert low <= note.pitch <= high
            at_once = sum(other.onset <= note.onset < other.end for other in track.notes)
            assert at_once <= usual_polyphony(track.program, track.is_drum)
        for one, other in zip(track.notes, track.notes[1:], strict=False):
            assert not (one.pitch == other.pitch and one.onset == other.onset)
    bars = {note.onset // song.meters[0].bar_ticks for track in song.tracks for note in track.notes}
    assert bars == set(range(song.bar_count))


@pytest.mark.parametrize("sampling", ["probability", "embedding"])
@pytest.mark.parametrize("randomness", [0.0, 0.5, 1.0])
def test_songs_keep_range_polyphony_bars_and_ending(composer: Composer, sampling: str, randomness: float) -> None:
    for song in composer.compose(
        plans(composer, *(asked(seed=s, sampling=sampling, randomness=randomness) for s in range(3)))
    ):
        assert_keeps_the_rules(song)


def test_a_song_is_the_same_bytes_alone_in_a_batch_and_again(composer: Composer) -> None:
    requests = [asked(seed=s, length_seconds=10 + 3 * s, tempo_bpm=100 + 20 * s) for s in range(5)]
    together = composer.compose(plans(composer, *requests))
    for request, song in zip(requests, together, strict=True):
        assert midi_bytes(composer.compose(plans(composer, request))[0]) == midi_bytes(song)


def test_another_seed_is_another_song(composer: Composer) -> None:
    one, other = composer.compose(plans(composer, asked(seed=1), asked(seed=2)))
    assert midi_bytes(one) != midi_bytes(other)


@pytest.mark.parametrize("seconds", [10, 33.3, 60])
@pytest.mark.parametrize("tempo", [40, 97.5, 300])
def test_length_is_within_one_bar_and_tempo_exact(composer: Composer, seconds: float, tempo: float) -> None:
    [song] = composer.compose(plans(composer, asked(length_seconds=seconds, tempo_bpm=tempo)))
    a_bar = 4 * 60 / tempo
    assert abs(song.duration_seconds - seconds) <= a_bar
    assert [t.bpm for t in song.tempos] == [tempo]


def test_an_asked_band_is_the_band(composer: Composer) -> None:
    [plan] = plans(
        composer, asked(band=(PartRequest(program=56), PartRequest(program=0, is_drum=True), PartRequest(program=56)))
    )
    assert plan.band == tuple(
        sorted([part_code(56, is_drum=False), part_code(56, is_drum=False, occurrence=1), part_code(0, is_drum=True)])
    )


def test_a_blend_weighs_both_genres(composer: Composer) -> None:
    [plan] = plans(composer, asked(genres={"heavy-metal": 0.7, "jazz": 0.3}))
    assert plan.labels[0] == ((0, 0.7), (1, 0.3))
    assert plan.genre == "heavy-metal:0.7+jazz:0.3"


def test_a_blend_is_drawn_at_the_temperature_between_its_genres() -> None:
    checkpoint = tiny_checkpoint()
    header = checkpoint.header.model_copy(update={"temperatures": {"heavy-metal": 0.9, "jazz": 1.1}})
    warm = Composer(replace(checkpoint, header=header))
    [blend, metal] = plans(warm, asked(genres={"heavy-metal": 0.7, "jazz": 0.3}), asked())
    assert blend.temperature == pytest.approx(0.96)
    assert metal.temperature == 0.9
    cooler, plain = warm.compose([metal]), Composer(checkpoint).compose(plans(Composer(checkpoint), asked()))
    assert midi_bytes(cooler[0]) != midi_bytes(plain[0])


def test_an_asked_key_conditions_the_song(composer: Composer) -> None:
    [plan] = plans(composer, asked(key=KeyRequest(tonic=2, mode="minor")))
    assert plan.labels[3] == ((1 + 2 + 12, 1.0),)
    assert str(plan.key) == "D minor"


def test_an_unknown_genre_is_refused(composer: Composer) -> None:
    with pytest.raises(RefusedError, match="polka"):
        plans(composer, asked(genres={"polka": 1.0}))


def test_a_song_begins_with_its_primer(composer: Composer) -> None:
    primer = riff(bars=4, tempo_bpm=120.0)
    plan = plan_song(ComposeRequest(genres={"jazz": 1.0}, length_seconds=30, seed=5), composer.checkpoint, primer)
    [song] = composer.compose([plan])
    given = encode(primer)
    mine = encode(song)
    count = int((given.onset < 4 * 96).sum())
    assert np.array_equal(mine.onset[:count], given.onset[:count])
    assert np.array_equal(mine.pitch[:count], given.pitch[:count])
    assert song.tempo_bpm == 120.0
    assert song.last_note_end > 8 * 96


def test_a_composer_keeps_the_packed_network_only(composer: Composer) -> None:
    assert not composer.checkpoint.weights
    assert composer.checkpoint.header == tiny_checkpoint().header


def test_bars_are_at_least_one() -> None:
    assert bars_for(0.1, 60, Meter(0, 12, 8)) == 1
    assert bars_for(45, 160, Meter(0, 4, 4)) == 30


def test_progress_rises_to_the_end(composer: Composer) -> None:
    reported: list[float] = []
    composer.compose(plans(composer, asked(length_seconds=60)), reported.append)
    assert reported == sorted(reported)
    assert reported
    assert 0 < reported[-1] <= 1


def test_songs_are_the_same_with_any_batch_size(composer: Composer) -> None:
    wanted = plans(composer, *(asked(seed=s, length_seconds=10 + 3 * (s % 4)) for s in range(9)))
    alone = [composer.compose([plan])[0] for plan in wanted]
    for batch_size in (1, 4, 100):
        assert composer.compose(wanted, batch_size=batch_size) == alone


def test_no_songs_are_asked_and_none_composed(composer: Composer) -> None:
    assert composer.compose([]) == []


def test_at_most_batch_size_songs_run_and_the_next_begins_when_one_ends(
    composer: Composer, monkeypatch: pytest.MonkeyPatch
) -> None:
    going: list[int] = []
    event = Composer._event

    def watched(self: Composer, songs: list[SongSampler], state: State) -> State:
        going.append(len(songs))
        return event(self, songs, state)

    monkeypatch.setattr(Composer, "_event", watched)
    songs = composer.compose(plans(composer, *(asked(seed=s) for s in range(9))), batch_size=3)
    assert len(songs) == 9
    assert going == sorted(going, reverse=True)  # three until none waits, then fewer and fewer
    assert going[0] == 3
    assert going.count(3) > len(going) / 2


def test_progress_of_a_batch_never_falls_and_ends_at_one(composer: Composer) -> None:
    reported: list[float] = []
    composer.compose(plans(composer, *(asked(seed=s) for s in range(5))), reported.append, batch_size=2)
    assert reported == sorted(reported)
    assert all(0 <= share <= 1 for share in reported)
    assert len(set(reported)) > 1
    assert reported[-1] == 1
