"""Near-duplicates and versions of one work are known whatever their key, tempo, notation and instruments."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from midi_data.corpus.dataset import all_pieces, open_shards
from midi_data.corpus.prepare import prepare
from midi_data.events.encoding import encode
from midi_data.ingest.fingerprints import SKETCH_SIZE, levels, sketch
from midi_data.ingest.works import DUPLICATE_SIMILARITY, SAME_WORK_SIMILARITY, WorkIndex
from midi_data.io.midi_writer import write_midi
from midi_data.song import Song, Tempo
from tests.midi_data.tunes import tune, with_notes


def up(song: Song, steps: int) -> Song:
    drums, *others = song.tracks
    moved = with_notes(replace(song, tracks=tuple(others)), lambda note: replace(note, pitch=note.pitch + steps))
    return replace(song, tracks=(drums, *moved.tracks))


def cut(song: Song, first: int, stop: int) -> Song:
    """The notes of some bars."""
    return with_notes(
        Song(
            tuple(
                replace(t, notes=tuple(n for n in t.notes if 96 * first <= n.onset < 96 * stop)) for t in song.tracks
            ),
            song.tempos,
            song.meters,
        ),
        lambda note: replace(note, onset=note.onset - 96 * first),
    )


def version(song: Song, other: Song) -> Song:
    """Two thirds of ``song``, then another tune."""
    begun, ended = cut(song, 0, 16), cut(other, 0, 12)
    tracks = tuple(
        replace(a, notes=a.notes + tuple(replace(n, onset=n.onset + 16 * 96) for n in b.notes))
        for a, b in zip(begun.tracks, ended.tracks, strict=True)
    )
    return Song(tracks, song.tempos, song.meters)


SAME = {
    "transposed": up(tune(), 5),
    "faster": replace(tune(), tempos=(Tempo(0, 199.0),)),
    "in half notes": with_notes(tune(), lambda n: replace(n, onset=2 * n.onset, duration=2 * n.duration)),
    "other instruments": replace(
        tune(), tracks=tuple(replace(t, program=(t.program + 3) % 128) for t in tune().tracks if not t.is_drum)
    ),
    "cut short": cut(tune(), 0, 16),
    "without its beginning": cut(tune(), 6, 24),
}


@pytest.mark.parametrize("how", SAME)
def test_a_piece_is_known_again(how: str) -> None:
    index = WorkIndex()
    for seed in (7, 0, 8):
        index.add(sketch(encode(tune(seed))))
    [like] = index.find_similar(sketch(encode(SAME[how])))
    assert like.piece == 1
    assert like.share >= DUPLICATE_SIMILARITY


def test_other_tunes_are_not_alike() -> None:
    index = WorkIndex()
    for seed in range(60):
        own = sketch(encode(tune(seed)))
        assert index.find_similar(own) == []
        index.add(own)


def test_a_version_that_shares_some_is_the_same_work_but_no_copy() -> None:
    index = WorkIndex()
    index.add(sketch(encode(tune())))
    [like] = index.find_similar(sketch(encode(version(tune(), tune(9)))))
    assert SAME_WORK_SIMILARITY <= like.share < DUPLICATE_SIMILARITY


def test_sketches_of_long_pieces_are_samples_that_compare() -> None:
    long = sketch(encode(tune(3, bars=300)))
    assert 12 < len(long) <= SKETCH_SIZE
    assert levels(long).min() > 0
    index = WorkIndex()
    index.add(long)
    [like] = index.find_similar(sketch(encode(cut(tune(3, bars=300), 50, 200))))
    assert like.share >= DUPLICATE_SIMILARITY


def test_levels_count_zero_bits() -> None:
    values = np.array([1, 2, 3, 8, 1 << 40, (1 << 63) + (1 << 50)], dtype=np.uint64)
    assert levels(values).tolist() == [0, 1, 0, 3, 40, 50]


def test_near_duplicates_are_left_out_and_told(tmp_path: Path) -> None:
    folder = tmp_path / "tunes"
    folder.mkdir()
    write_midi(tune(), folder / "a.mid")
    write_midi(cut(up(tune(), 2), 0, 18), folder / "b.mid")
    write_midi(tune(1), folder / "c.mid")
    prepare(folder, tmp_path / "out")
    [shard] = open_shards(tmp_path / "out")
    assert [piece.name for piece in shard.pieces] == ["a.mid", "c.mid"]
    assert shard.card["skipped"] == {"near-duplicate": 1}


def test_versions_of_a_work_stand_on_one_side_of_the_split(tmp_path: Path) -> None:
    folder = tmp_path / "tunes"
    folder.mkdir()
    for seed in range(12):
        write_midi(tune(seed), folder / f"{seed}-a.mid")
        write_midi(version(tune(seed), tune(100 + seed)), folder / f"{seed}-b.mid")
    prepare(folder, tmp_path / "out")
    shards = open_shards(tmp_path / "out")
    sides = [{piece.work for _, piece in all_pieces(shards, split)} for split in ("train", "valid")]
    assert not sides[0] & sides[1]
    assert sides[1]
    pieces = {piece.name: piece for piece in shards[0].pieces}
    joined = [seed for seed in range(12) if f"{seed}-b.mid" in pieces]
    assert len(joined) == 12
    assert all(pieces[f"{seed}-b.mid"].work == f"{seed}-a.mid" for seed in joined)
    assert all(pieces[f"{seed}-b.mid"].split == pieces[f"{seed}-a.mid"].split for seed in joined)
