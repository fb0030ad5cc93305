"""Expression changes exact velocities and lengths only: classes, onsets, pitches and polyphony stay."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from composer.decoding.expression import add_expression
from composer.errors import CheckpointError
from composer.model.arithmetic import backends
from composer.model.expression import Expression
from composer.model.expression_file import FORMAT, expected_shapes, load_expression, shipped_expression
from midi_data.events.encoding import encode
from midi_data.general_midi import usual_polyphony
from midi_data.song import Meter, Note, Song, Tempo, Track

BAR = 96


@pytest.fixture
def song() -> Song:
    drums = tuple(Note(12 * n, key, 6, 100) for n in range(64) for key in (36, 42))
    bass = tuple(Note(24 * n, 40 + n % 5, 24, 84) for n in range(32))
    piano = tuple(Note(48 * n, pitch, 60, 68) for n in range(15) for pitch in (60, 64, 67))
    tracks = (Track(0, True, drums), Track(33, False, bass), Track(0, False, piano))
    return Song(tracks, (Tempo(0, 120.0),), (Meter(0, 4, 4),), "t", end=8 * BAR)


def test_classes_onsets_and_pitches_stay(song: Song) -> None:
    before, after = (encode(each) for each in (song, add_expression(song, {"pop": 1.0}, [3], shipped_expression())))
    for field in ("onset", "part", "pitch", "velocity"):
        assert np.array_equal(getattr(before, field), getattr(after, field))
    changed = (before.duration != after.duration).mean()
    assert changed < 0.02  # only where the next onset leaves less room than the class


def test_velocities_and_lengths_become_finer(song: Song) -> None:
    after = add_expression(song, {"classical": 1.0}, [5], shipped_expression())
    notes = [note for track in after.tracks for note in track.notes]
    assert len({note.velocity for note in notes}) > 3
    assert all(1 <= note.velocity <= 127 for note in notes)


def test_no_voice_is_added_and_nothing_outlasts_the_song(song: Song) -> None:
    for seed in range(5):
        after = add_expression(song, {"jazz": 1.0}, [seed], shipped_expression())
        bass = after.tracks[1]
        for note in bass.notes:
            at_once = sum(other.onset <= note.onset < other.end for other in bass.notes)
            assert at_once <= usual_polyphony(bass.program, is_drum=False)
        assert after.last_note_end <= song.end


def test_a_stroke_ends_at_the_latest_with_the_next_one_of_its_key(song: Song) -> None:
    lengths = set()
    crashes = tuple(Note(BAR * bar, 49, 6, 100) for bar in range(8))
    beaten = replace(song, tracks=(replace(song.tracks[0], notes=(*song.tracks[0].notes, *crashes)),))
    for seed in range(10):
        [drums] = add_expression(beaten, {"game": 1.0}, [seed], shipped_expression()).tracks
        assert all(note.duration <= 12 for note in drums.notes if note.pitch == 36)
        lengths |= {note.duration for note in drums.notes if note.pitch == 49}
    assert 12 < max(lengths) <= BAR  # a crash rings on under the other strokes


def test_the_same_seed_gives_the_same_notes_and_another_seed_others(song: Song) -> None:
    one, again, other = (add_expression(song, {"pop": 1.0}, [seed], shipped_expression()) for seed in (1, 1, 2))
    assert one == again
    assert one != other


def test_integer_products_and_the_runtime_agree(song: Song, monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path(load_expression.__code__.co_filename).parents[1] / "checkpoints" / "expression.safetensors"
    with_runtime = add_expression(song, {"pop": 1.0}, [1], load_expression(path))
    monkeypatch.setattr(backends, "find_spec", lambda _name: None)
    plain = load_expression(path)
    assert add_expression(song, {"pop": 1.0}, [1], plain) == with_runtime


def test_an_unknown_genre_counts_as_any(song: Song) -> None:
    network = shipped_expression()
    assert add_expression(song, {"ska": 1.0}, [1], network) == add_expression(song, {"dub": 1.0}, [1], network)


def test_an_empty_song_stays_empty() -> None:
    assert add_expression(Song((), end=BAR), {"pop": 1.0}, [1], shipped_expression()) == Song((), end=BAR)


def test_foreign_and_damaged_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(b"no")
    with pytest.raises(CheckpointError, match="safetensors"):
        load_expression(path)
    weights = {name: np.zeros(shape, np.float16) for name, shape in expected_shapes(2).items()}
    save_file(weights, path, {"format": "other"})
    with pytest.raises(CheckpointError, match=FORMAT):
        load_expression(path)
    save_file(weights | {"more": np.zeros(1, np.float16)}, path, {"format": FORMAT, "genres": '["any", "pop"]'})
    with pytest.raises(CheckpointError, match="names or shapes"):
        load_expression(path)
    save_file(weights, path, {"format": FORMAT, "genres": '["any", "pop"]'})
    assert isinstance(load_expression(path), Expression)
