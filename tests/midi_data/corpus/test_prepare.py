"""Preparing corpora: nothing is fatal, everything is counted, what is finished stays, archives are not trusted."""

import io
import json
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from midi_data.corpus.archive import midi_members
from midi_data.corpus.dataset import all_pieces, open_shard, open_shards
from midi_data.corpus.describe import describe_genres
from midi_data.corpus.prepare import prepare
from midi_data.errors import CorpusError
from midi_data.events.encoding import encode
from midi_data.ingest.report import outcome
from midi_data.io.midi_writer import midi_bytes, write_midi
from midi_data.song import Note, Song, Track
from tests.midi_data.tunes import later, tune
from tests.songs import midi_folder, riff


def test_a_folder_becomes_a_corpus_that_holds_its_songs(tmp_path: Path) -> None:
    folder = midi_folder(tmp_path / "ska", count=5)
    prepare(folder, tmp_path / "out", genre="ska", licence="CC0")
    [shard] = open_shards(tmp_path / "out")
    assert [piece.genre for piece in shard.pieces] == ["ska"] * 5
    assert shard.card["licences"] == {"ska/: CC0": 5}
    assert shard.card["losses"]["songs_not_inverse"] == 0
    first = shard.events(shard.pieces[0])
    assert np.array_equal(first.pitch, encode(riff(0)).pitch)


def test_bad_files_are_skipped_and_counted(tmp_path: Path) -> None:
    folder = midi_folder(tmp_path / "ska", count=2)
    (folder / "broken.mid").write_bytes(b"MThd but not really")
    (folder / "text.mid").write_bytes(b"hello")
    (folder / "short.mid").write_bytes(midi_bytes(Song((Track(0, False, (Note(0, 60, 12, 90),)),))))
    prepare(folder, tmp_path / "out")
    skipped = open_shards(tmp_path / "out")[0].card["skipped"]
    assert sum(skipped.values()) == 3
    assert skipped["not MIDI"] == 1
    assert skipped["fewer than 16 notes"] == 1


def test_the_same_piece_in_another_key_and_tempo_is_a_duplicate(tmp_path: Path) -> None:
    folder = midi_folder(tmp_path / "ska", count=1)
    song = riff(0, tempo_bpm=99.0)
    up = tuple(
        track
        if track.is_drum
        else Track(track.program, False, tuple(Note(n.onset, n.pitch + 3, n.duration, n.velocity) for n in track.notes))
        for track in song.tracks
    )
    (folder / "up.mid").write_bytes(midi_bytes(Song(up, song.tempos, song.meters)))
    prepare(folder, tmp_path / "out")
    assert open_shards(tmp_path / "out")[0].card["skipped"] == {"duplicate": 1}


def test_a_finished_shard_is_kept_and_a_changed_one_made_anew(tmp_path: Path) -> None:
    folder = midi_folder(tmp_path / "ska", count=2)
    prepare(folder, tmp_path / "out")
    card = tmp_path / "out" / "ska" / "card.json"
    before = card.stat().st_mtime_ns
    prepare(folder, tmp_path / "out")
    assert card.stat().st_mtime_ns == before
    midi_folder(folder, count=3)
    prepare(folder, tmp_path / "out")
    assert json.loads(card.read_text())["pieces"] == 3


def test_a_manifest_gives_genre_split_and_licence(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    add_tar(source / "blues.tar.xz", {"blues/wjd/a.mid": midi_bytes(riff(1)), "blues/wjd/b.mid": midi_bytes(riff(2))})
    (source / "manifest.csv").write_text(
        "path,genre,split,work,title,licence\nblues/wjd/a.mid,blues,train,w1,A,ODbL\nblues/wjd/b.mid,blues,valid,w2,B,ODbL\n"
    )
    prepare(source, tmp_path / "out")
    shards = open_shards(tmp_path / "out")
    assert [piece.title for _, piece in all_pieces(shards, "valid")] == ["B"]
    assert [piece.style for _, piece in all_pieces(shards, "train")] == ["wjd"]
    [row] = describe_genres(shards)
    assert (row["train_pieces"], row["valid_pieces"], row["meters"]) == (1, 1, {"4/4": 2})
    assert row["instruments"]["Distortion Guitar"] == 2


def add_tar(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:xz") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def test_names_in_archives_are_only_labels(tmp_path: Path) -> None:
    data = midi_bytes(riff())
    archive = add_tar(tmp_path / "evil.tar.xz", {"../../evil.mid": data, "/etc/evil2.mid": data, "readme.txt": b"x"})
    with tarfile.open(archive, "r:xz") as check:
        assert len(check.getnames()) == 3
    assert [member.name for member in midi_members(archive)] == ["evil.mid", "etc/evil2.mid"]
    assert not (tmp_path.parent / "evil.mid").exists()


def test_links_in_archives_are_passed_by(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "links.tar", "w") as archive:
        info = tarfile.TarInfo("link.mid")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(info)
    assert list(midi_members(tmp_path / "links.tar")) == []


def test_zip_archives_are_read_and_a_bomb_member_is_not_unpacked(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("good.mid", midi_bytes(riff()))
        archive.writestr("bomb.mid", b"\0" * (17 * 2**20))
    members = {member.name: member.data for member in midi_members(tmp_path / "a.zip")}
    assert members["bomb.mid"] is None
    assert members["good.mid"] == midi_bytes(riff())


@pytest.mark.parametrize("content", [b"", b"no archive at all"])
def test_a_damaged_archive_is_refused_in_one_line(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.tar.xz").write_bytes(content)
    with pytest.raises(CorpusError, match=r"a\.tar\.xz"):
        prepare(tmp_path / "a.tar.xz", tmp_path / "out")
    assert not (tmp_path / "out" / "a").exists()


def test_a_corpus_of_nothing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(CorpusError, match="no usable MIDI"):
        prepare(tmp_path / "empty", tmp_path / "out")
    with pytest.raises(CorpusError, match="no prepared corpus"):
        open_shards(tmp_path / "out")


def test_loose_files_beside_archives_are_a_source_too(tmp_path: Path) -> None:
    folder = midi_folder(tmp_path / "ska", count=2)
    add_tar(folder / "more.tar.xz", {"a.mid": midi_bytes(riff(7)), "copy.mid": midi_bytes(riff(1))})
    shards = {shard.name: shard for shard in prepare(folder, tmp_path / "out", genre="ska")}
    assert sorted(shards) == ["more", "ska-files"]
    cards = {shard.folder.name: shard.card for shard in open_shards(tmp_path / "out")}
    assert cards["more"]["pieces"] == 2
    assert cards["ska-files"]["skipped"] == {"duplicate": 1}


def test_one_damaged_archive_of_several_is_left_out(tmp_path: Path) -> None:
    folder = tmp_path / "ska"
    folder.mkdir()
    (folder / "bad.zip").write_bytes(b"no archive")
    add_tar(folder / "good.tar.xz", {"a.mid": midi_bytes(riff(7))})
    assert [shard.name for shard in prepare(folder, tmp_path / "out")] == ["good"]


def test_a_file_that_changed_at_the_same_size_is_seen(tmp_path: Path) -> None:
    folder = midi_folder(tmp_path / "ska", count=2)
    prepare(folder, tmp_path / "out")
    one, other = (folder / f"riff-{n}.mid" for n in range(2))
    data = bytearray(one.read_bytes())
    data[data.index(b"\x00\x99") + 2] ^= 1  # another drum
    one.write_bytes(data)
    before = np.load(tmp_path / "out" / "ska" / "notes.npy").tobytes()
    prepare(folder, tmp_path / "out")
    assert np.load(tmp_path / "out" / "ska" / "notes.npy").tobytes() != before
    assert other.exists()


def test_files_that_a_manifest_names_are_taken_as_they_stand(tmp_path: Path) -> None:
    late = later(tune(), 24)
    source = tmp_path / "source"
    source.mkdir()
    rows = "path,genre,split,work,title,licence\nx/a.mid,ska,train,w,A,CC0\nx/b.mid,ska,valid,w2,B,CC0\n"
    for name in ("curated", "wild"):
        (source / name).mkdir()
        files = {"x/a.mid": midi_bytes(late), "x/b.mid": midi_bytes(tune(bars=23))}
        add_tar(source / name / "ska.tar.xz", files)
    (source / "curated" / "manifest.csv").write_text(rows)
    curated, wild = (prepare(source / name, tmp_path / name)[0] for name in ("curated", "wild"))
    assert json.loads((curated / "card.json").read_text())["cleaned"] == {}
    [first, second] = open_shards(tmp_path / "curated")[0].pieces
    assert np.array_equal(open_shards(curated)[0].events(first).onset, encode(late).onset)
    assert second.split == "valid"
    card = json.loads((wild / "card.json").read_text())
    assert (card["pieces"], card["cleaned"], card["skipped"]) == (1, {"bar 1 found": 1}, {"near-duplicate": 1})


def test_the_report_tells_every_file_that_was_left_out(tmp_path: Path) -> None:
    folder = midi_folder(tmp_path / "ska", count=2)
    (folder / "text.mid").write_bytes(b"hello")
    [shard] = prepare(folder, tmp_path / "out")
    report = json.loads((shard / "report.json").read_text())
    assert (report["used"], report["left_out"], report["reasons"]) == (2, 1, {"not MIDI": 1})
    [told] = report["files_left_out"]
    assert (told["name"], told["reason"]) == ("text.mid", "not MIDI")
    assert outcome(open_shards(shard)[0].card) == "2 files used, 1 left out: 1 not MIDI"


class StoppedError(Exception):
    pass


def test_a_large_source_becomes_several_shards_and_goes_on_behind_the_last_finished_one(tmp_path: Path) -> None:
    folder = midi_folder(tmp_path / "ska", count=9)
    (folder / "bad.mid").write_bytes(b"no")
    [whole] = [open_shard(each) for each in prepare(folder, tmp_path / "one", genre="ska")]
    largest = whole.card["notes"] // 3
    made = prepare(folder, tmp_path / "parts", genre="ska", max_shard_notes=largest)
    assert [each.name for each in made][:3] == ["ska", "ska.2", "ska.3"]
    shards = open_shards(tmp_path / "parts")
    assert all(shard.card["notes"] <= largest for shard in shards)
    assert [shard.card["last"] for shard in shards] == [False] * (len(shards) - 1) + [True]
    assert [piece.name for shard in shards for piece in shard.pieces] == [piece.name for piece in whole.pieces]
    notes = np.concatenate([np.asarray(shard.notes) for shard in shards])
    assert np.array_equal(notes, np.asarray(whole.notes))
    assert sum(sum(shard.card["skipped"].values()) for shard in shards) == 1

    def stop(_: str, count: int) -> None:
        if count == 8:
            raise StoppedError

    with pytest.raises(StoppedError):
        prepare(folder, tmp_path / "broken", genre="ska", max_shard_notes=largest, progress=stop)
    assert 0 < len(open_shards(tmp_path / "broken")) < len(shards)
    seen: list[int] = []
    prepare(
        folder, tmp_path / "broken", genre="ska", max_shard_notes=largest, progress=lambda _, count: seen.append(count)
    )
    assert seen[0] > 1
    for shard in shards:
        again = tmp_path / "broken" / shard.folder.name
        assert (again / "pieces.jsonl").read_bytes() == (shard.folder / "pieces.jsonl").read_bytes()
        assert (again / "notes.npy").read_bytes() == (shard.folder / "notes.npy").read_bytes()


def test_parts_of_an_earlier_preparation_do_not_stay(tmp_path: Path) -> None:
    folder = midi_folder(tmp_path / "ska", count=6)
    assert len(prepare(folder, tmp_path / "out", max_shard_notes=1)) == 6
    (folder / "riff-5.mid").unlink()
    assert len(prepare(folder, tmp_path / "out", max_shard_notes=1)) == 5
    assert len(list(all_pieces(open_shards(tmp_path / "out"), "train"))) == 5
    assert not (tmp_path / "out" / "ska.6").exists()


def test_a_later_preparation_keeps_works_on_their_side(tmp_path: Path) -> None:
    (tmp_path / "first").mkdir()
    write_midi(tune(3, bars=60), tmp_path / "first" / "a.mid")
    (tmp_path / "second").mkdir()
    for number in range(8):
        write_midi(tune(40 + number), tmp_path / "second" / f"other-{number}.mid")
    write_midi(tune(3, bars=60), tmp_path / "second" / "copy.mid")
    prepare(tmp_path / "first", tmp_path / "out")
    [second] = prepare(tmp_path / "second", tmp_path / "out")
    assert open_shard(second).card["skipped"] == {"duplicate": 1}
    [again] = prepare(tmp_path / "second", tmp_path / "out")
    assert open_shard(again).card == open_shard(second).card
