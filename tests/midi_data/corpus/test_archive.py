"""Archives are not trusted: bombs, links, nested archives, damage and names cost one member or the rest, never more."""

import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from midi_data.corpus.archive import LONGEST_LABEL, MidiMember, label, midi_members
from midi_data.ingest.sandbox.pool import read_members
from midi_data.io.midi_file import song_from_bytes
from midi_data.io.midi_writer import midi_bytes
from midi_data.io.smf import unwrap_midi
from tests.songs import midi_folder, riff

SONG = midi_bytes(riff())


def tar_of(path: Path, files: dict[str, bytes], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def zip_of(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def reasons(members: list[MidiMember]) -> dict[str, str]:
    assert all(bool(member.reason) == (member.data is None) == bool(member.detail) for member in members)
    return {member.name: member.reason for member in members}


@pytest.mark.parametrize(
    ("ending", "mode"), [("tar", "w"), ("tar.gz", "w:gz"), ("tgz", "w:gz"), ("tar.xz", "w:xz"), ("tar.bz2", "w:bz2")]
)
def test_every_packing_is_read(ending: str, mode: str, tmp_path: Path) -> None:
    archive = tar_of(tmp_path / f"a.{ending}", {"x/a.mid": SONG, "b.KAR": SONG, "readme.txt": b"x"}, mode)
    assert [(m.name, m.data) for m in midi_members(archive)] == [("x/a.mid", SONG), ("b.KAR", SONG)]


@pytest.mark.parametrize("mode", ["w:gz", "w:xz", "w:bz2"])
def test_a_tar_bomb_ends_with_its_archive(mode: str, tmp_path: Path) -> None:
    files = {"a.mid": SONG, "padding.bin": bytes(48 * 2**20), "b.mid": SONG}
    archive = tar_of(tmp_path / "bomb.tar.gz", files, mode)
    found = reasons(list(midi_members(archive)))
    assert found == {"a.mid": "", "bomb.tar.gz": "archive bomb"}


def test_a_zip_entry_that_unpacks_to_far_more_is_not_unpacked(tmp_path: Path) -> None:
    archive = zip_of(tmp_path / "a.zip", {"bomb.mid": bytes(64 * 2**20), "a.mid": SONG})
    assert reasons(list(midi_members(archive))) == {"bomb.mid": "archive bomb", "a.mid": ""}


def test_many_zip_entries_that_are_honest_each_are_a_bomb_together(tmp_path: Path) -> None:
    archive = zip_of(tmp_path / "a.zip", {f"{n}.mid": bytes(3 * 2**20) for n in range(40)})
    found = reasons(list(midi_members(archive)))
    assert found["0.mid"] == ""
    assert found["a.zip"] == "archive bomb"
    assert len(found) < 40


def test_a_damaged_entry_costs_itself(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "a.zip", {"a.mid": SONG, "b.mid": midi_bytes(riff(1))})
    data = bytearray(path.read_bytes())
    data[60] ^= 0xFF
    path.write_bytes(data)
    assert reasons(list(midi_members(path))) == {"a.mid": "damaged archive", "b.mid": ""}


def test_a_truncated_archive_gives_what_it_has(tmp_path: Path) -> None:
    files = {f"{n}.mid": midi_bytes(riff(n)) for n in range(60)}
    path = tar_of(tmp_path / "a.tar.gz", files, "w:gz")
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 4 // 5])
    found = reasons(list(midi_members(path)))
    assert found["0.mid"] == ""
    assert found["a.tar.gz"] == "damaged archive"


def test_archives_in_subfolders_are_opened_and_archives_in_archives_are_not(tmp_path: Path) -> None:
    inner = zip_of(tmp_path / "inner.zip", {"deep.mid": SONG}).read_bytes()
    (tmp_path / "in" / "sub").mkdir(parents=True)
    zip_of(tmp_path / "in" / "sub" / "a.zip", {"a.mid": SONG, "inner.zip": inner})
    (tmp_path / "in" / "loose.mid").write_bytes(SONG)
    found = reasons(list(midi_members(tmp_path / "in")))
    assert found == {"loose.mid": "", "sub/a.zip/a.mid": "", "sub/a.zip/inner.zip": "archive in an archive"}


def test_links_in_folders_and_zips_are_passed_by(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "link.mid").symlink_to("/etc/passwd")
    link = zipfile.ZipInfo("link.mid")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    assert list(midi_members(tmp_path / "in")) == list(midi_members(tmp_path / "a.zip")) == []


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../evil.mid", "evil.mid"),
        ("/etc/evil.mid", "etc/evil.mid"),
        ("a/./b/../c.mid", "a/b/c.mid"),
        ("red\x1b[31m.mid", "red\N{REPLACEMENT CHARACTER}[31m.mid"),
        ("caf\udce9.mid", "caf\N{REPLACEMENT CHARACTER}.mid"),
        ("Zoë 日本.mid", "Zoë 日本.mid"),
    ],
)
def test_names_are_only_labels(name: str, shown: str) -> None:
    assert label(name) == shown


def test_a_label_has_an_end() -> None:
    assert len(label("x" * 10_000 + ".mid")) == LONGEST_LABEL


def test_the_reading_process_tells_what_reading_here_would(tmp_path: Path) -> None:
    folder = midi_folder(tmp_path / "ska", count=4)
    (folder / "sub").mkdir()
    zip_of(folder / "sub" / "a.zip", {"bomb.mid": bytes(64 * 2**20), "b.mid": SONG})
    assert list(read_members(folder)) == list(midi_members(folder))


@pytest.mark.parametrize("extra", [b"", b"LIST\x04\0\0\0INFO", b"odd \x03\0\0\0abc\0"])
def test_riff_wrappings_are_taken_off(extra: bytes) -> None:
    chunk = extra + b"data" + len(SONG).to_bytes(4, "little") + SONG
    data = b"RIFF" + (len(chunk) + 4).to_bytes(4, "little") + b"RMID" + chunk
    assert unwrap_midi(data) == SONG
    assert song_from_bytes(data) == riff()


def test_a_macbinary_header_is_passed_over() -> None:
    assert song_from_bytes(bytes(128) + SONG) == riff()


def test_what_is_neither_is_left_as_it_is() -> None:
    for data in (b"", b"RIFF", b"RIFF\0\0\0\0RMID", b"RIFF\0\0\0\0WAVEdata\x01\0\0\0x", SONG):
        assert unwrap_midi(data) == data
