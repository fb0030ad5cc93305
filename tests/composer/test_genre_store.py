"""One's own genres: kept, found at each request, given away and forgotten."""

import gc
import json
import os
import weakref
from pathlib import Path

import pytest

from composer.decoding.generate import Composer
from composer.errors import CheckpointError, RefusedError
from composer.genre_store import (
    add,
    cards,
    check_name,
    custom_checkpoint,
    custom_genre_names,
    delete,
    export,
    mix_genres,
    spellings,
)
from composer.model.checkpoint import load_checkpoint
from composer.pipeline import checkpoint_for, compose_all, composer_for
from composer.planning.plan import plan_song
from composer.request import ComposeRequest
from midi_data.io.midi_writer import midi_bytes
from tests.composer.taught import taught


def asking(*genres: str, seed: int = 3) -> ComposeRequest:
    return ComposeRequest(genres=dict.fromkeys(genres, 1 / len(genres)), seed=seed, length_seconds=10)


def test_a_genre_taken_in_is_on_offer_with_its_card(genres_dir: Path, tmp_path: Path) -> None:
    assert custom_genre_names() == ()
    card = add(taught(tmp_path, "jazz", "ska"))
    assert (card.name, card.pieces, card.hours, card.nll, card.base) == ("ska", 40, 2.12, 3.25, "house")
    assert card.licences == ("ska: [2JCC0-1.0",)  # a terminal is not steered by it
    assert cards() == [card]
    assert spellings()["ska"] == "ska"
    assert spellings()["metal"] == "heavy-metal"
    assert custom_checkpoint("ska") == genres_dir / "ska.safetensors"
    assert {path.name for path in genres_dir.iterdir()} == {"ska.safetensors", "ska.json"}


def test_a_genre_goes_from_hand_to_hand_as_one_file(
    genres_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = add(taught(tmp_path, "jazz", "ska"))
    export("ska", tmp_path / "ska.riffbird")
    monkeypatch.setenv("RIFFBIRD_GENRES_DIR", str(tmp_path / "another's"))
    theirs = add(tmp_path / "ska.riffbird")
    assert theirs.model_copy(update={"added": mine.added}) == mine
    delete("ska")
    assert custom_genre_names() == ()
    assert not list((tmp_path / "another's").iterdir())
    assert (genres_dir / "ska.safetensors").exists()


@pytest.mark.parametrize(
    "name",
    ["", "Ska", "ska punk", "../ska", "-ska", "ska/x", "s" * 41, "heavy-metal", "metal", "swing", "drum-grooves"],
)
def test_a_bad_or_taken_name_is_refused(name: str) -> None:
    with pytest.raises(RefusedError):
        check_name(name)


def test_nothing_is_written_when_a_file_is_refused(genres_dir: Path, tmp_path: Path) -> None:
    good = taught(tmp_path, "jazz", "ska").read_bytes()
    (tmp_path / "cut").write_bytes(good[: len(good) // 2])
    (tmp_path / "pickle").write_bytes(b"\x80\x04 a pickle, perhaps")
    (tmp_path / "climbing").write_bytes(good.replace(b"ska", b"../"))
    with pytest.raises(RefusedError, match="hyphens"):
        add(tmp_path / "climbing")
    for name in ("cut", "pickle", "nowhere"):
        with pytest.raises(RefusedError, match=name):
            add(tmp_path / name)
    with pytest.raises(CheckpointError):
        add(tmp_path / "pickle")
    with pytest.raises(RefusedError, match="exactly one custom genre, not 0"):
        add(taught(tmp_path, "rock", "jazz"))
    with pytest.raises(RefusedError, match="one custom genre, not 2"):
        add(taught(tmp_path, "dub", "ska", name="both"))
    assert not genres_dir.exists()


def test_a_taken_place_is_given_up_only_when_told(genres_dir: Path, tmp_path: Path) -> None:
    add(taught(tmp_path, "jazz", "ska"))
    first = (genres_dir / "ska.safetensors").read_bytes()
    again = taught(tmp_path, "jazz", "ska", seed=2)
    with pytest.raises(RefusedError, match="already"):
        add(again)
    assert (genres_dir / "ska.safetensors").read_bytes() == first
    add(again, replace=True)
    assert (genres_dir / "ska.safetensors").read_bytes() == again.read_bytes()


def test_a_damaged_card_costs_its_facts_and_nothing_else(genres_dir: Path, tmp_path: Path) -> None:
    add(taught(tmp_path, "jazz", "ska"))
    for text in ("{", json.dumps({"name": "rock"}), "[" * 100_000):
        (genres_dir / "ska.json").write_text(text)
        [card] = cards()
        assert (card.name, card.pieces) == ("ska", 0)


def test_foreign_files_in_the_folder_are_no_genres(genres_dir: Path, tmp_path: Path) -> None:
    add(taught(tmp_path, "jazz", "ska"))
    for name in ("Note.txt", ".ska.safetensors.7.part", "metal.safetensors", "A B.safetensors"):
        (genres_dir / name).write_bytes(b"x")
    assert custom_genre_names() == ("ska",)


def test_who_is_not_there_cannot_be_given_away_or_forgotten(genres_dir: Path, tmp_path: Path) -> None:
    for act in (lambda: export("ska", tmp_path / "x"), lambda: delete("ska"), lambda: delete("../ska")):
        with pytest.raises(RefusedError, match="there is no custom genre"):
            act()
    add(taught(tmp_path, "jazz", "ska"))
    with pytest.raises(RefusedError, match="cannot be written"):
        export("ska", tmp_path / "nowhere" / "ska")
    assert custom_genre_names() == ("ska",), genres_dir


def test_each_request_finds_the_checkpoint_that_plays_it(genres_dir: Path, tmp_path: Path) -> None:
    house = taught(tmp_path, "heavy-metal", "jazz", name="house")
    assert checkpoint_for(asking("jazz"), house) == house
    assert checkpoint_for(asking("ska"), house) == house
    add(taught(tmp_path, "jazz", "ska"))
    add(taught(tmp_path, "jazz", "dub"))
    assert checkpoint_for(asking("jazz"), house) == house
    assert checkpoint_for(asking("ska"), house) == genres_dir / "ska.safetensors"
    assert checkpoint_for(asking("ska"), None) == genres_dir / "ska.safetensors"
    assert checkpoint_for(asking("dub", "jazz"), house) == genres_dir / "dub.safetensors"
    with pytest.raises(RefusedError, match="ska and dub were taught apart"):
        checkpoint_for(asking("ska", "dub"), house)


def test_songs_of_several_bands_come_in_the_order_they_were_asked_for(genres_dir: Path, tmp_path: Path) -> None:
    house = taught(tmp_path, "heavy-metal", "jazz", name="house")
    add(taught(tmp_path, "jazz", "ska", seed=5))
    requests = [asking("jazz", seed=1), asking("ska", seed=2), asking("heavy-metal", seed=3), asking("ska", seed=4)]
    shares: list[float] = []
    made = compose_all(
        requests, tmp_path / "out", ["mid"], checkpoint=house,
        progress=lambda stage, share: shares.append(share) if stage == "composing" else None,
    )  # fmt: skip
    assert [(each.genre, each.seed) for each in made] == [("jazz", 1), ("ska", 2), ("heavy-metal", 3), ("ska", 4)]
    assert [each.checkpoint for each in made] == ["house", "ska", "house", "ska"]
    assert shares == sorted(shares)
    [alone] = compose_all([requests[1]], tmp_path / "alone", ["mid"], checkpoint=house)
    assert alone.files["mid"].read_bytes() == made[1].files["mid"].read_bytes()
    assert genres_dir.exists()


def test_networks_are_let_go_before_the_last_songs_are_rendered(tmp_path: Path) -> None:
    house = taught(tmp_path, "heavy-metal", "jazz", name="house")
    request = asking("jazz")
    [kept] = compose_all([request], tmp_path / "kept", ["mid"], checkpoint=house)
    network = weakref.ref(composer_for(house))
    assert network() is not None
    [last] = compose_all([request], tmp_path / "last", ["mid"], checkpoint=house, last=True)
    gc.collect()
    assert network() is None
    assert last.files["mid"].read_bytes() == kept.files["mid"].read_bytes()


def test_a_replaced_checkpoint_plays_from_the_next_request_on(genres_dir: Path, tmp_path: Path) -> None:
    add(taught(tmp_path, "jazz", "ska"))
    playing = genres_dir / "ska.safetensors"
    before = composer_for(playing)
    assert composer_for(playing) is before
    stat = playing.stat()
    add(taught(tmp_path, "jazz", "ska", seed=2), replace=True)
    os.utime(playing, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # the same moment and size: another file all the same
    after = composer_for(playing)
    assert after is not before
    assert song_of(after) == song_of(Composer(load_checkpoint(playing)))
    assert song_of(after) != song_of(before)


def song_of(composer: Composer) -> bytes:
    request = ComposeRequest(genres={"ska": 1.0}, length_seconds=20, tempo_bpm=150, seed=1)
    [song] = composer.compose([plan_song(request, composer.checkpoint)])
    return midi_bytes(song)


def test_a_custom_genre_is_mixed_as_the_one_it_was_trained_from(genres_dir: Path) -> None:
    genres_dir.mkdir(exist_ok=True)
    (genres_dir / "ska.safetensors").touch()
    (genres_dir / "ska.json").write_text('{"name": "ska", "nearest": "rock", "added": "2026-01-01T00:00:00Z"}')
    assert mix_genres({"ska": 1.0}) == {"rock": 1.0}
    assert mix_genres({"ska": 0.25, "rock": 0.25, "jazz": 0.5}) == {"rock": 0.5, "jazz": 0.5}
