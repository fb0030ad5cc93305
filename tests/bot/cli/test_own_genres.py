"""One's own genres where people ask for songs: the command, HTTP, a tweet."""

import json
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from bot.commands.parser import parse
from composer.genre_store import add, custom_genre_names, delete, spellings
from tests.bot.cli.test_command import refused, riffbird
from tests.bot.service import Service
from tests.composer.taught import taught


def test_a_genre_is_taken_in_listed_played_given_away_and_forgotten(tmp_path: Path, genres_dir: Path) -> None:
    file = taught(tmp_path, "jazz", "ska")
    assert riffbird("genres", "import", file, cwd=tmp_path).stdout == "ska\n"
    rows = {row["name"]: row for row in map(json.loads, riffbird("genres", "--json", cwd=tmp_path).stdout.splitlines())}
    assert rows["heavy-metal"]["own"] is False
    assert (rows["ska"]["own"], rows["ska"]["hours"], rows["ska"]["nll"]) == (True, 2.12, 3.25)
    assert rows["ska"]["licences"]
    assert rows["ska"]["date"]
    [line] = [text for text in riffbird("genres", cwd=tmp_path).stdout.splitlines() if text.startswith("ska")]
    assert "2.12" in line
    asked = ("compose", "--genre", "SKA", "--length", "10", "--format", "mid", "--json")
    song = json.loads(riffbird(*asked, cwd=tmp_path).stdout)
    assert (song["genre"], song["checkpoint"]) == ("ska", "ska")
    assert riffbird("genres", "export", "ska", "given.riffbird", cwd=tmp_path).returncode == 0
    assert (tmp_path / "given.riffbird").read_bytes() == (genres_dir / "ska.safetensors").read_bytes()
    assert riffbird("genres", "delete", "ska", cwd=tmp_path).returncode == 0
    assert custom_genre_names() == ()


def test_a_named_checkpoint_plays_its_own_genres_and_no_others(tmp_path: Path, genres_dir: Path) -> None:
    file = taught(tmp_path, "jazz", "ska")
    asked = ("compose", "--length", "10", "--format", "mid", "--json", "--checkpoint", file, "--genre")
    assert json.loads(riffbird(*asked, "ska", cwd=tmp_path).stdout)["checkpoint"] == "ska"
    listed = riffbird("genres", "--checkpoint", file, "--json", cwd=tmp_path).stdout.splitlines()
    assert [json.loads(line)["name"] for line in listed] == ["jazz", "ska"]
    add(taught(tmp_path, "jazz", "dub"))
    elsewhere = riffbird(*asked, "dub", cwd=tmp_path)
    assert (elsewhere.returncode, "dub" in elsewhere.stderr) == (2, True), genres_dir


def test_foreign_files_and_taken_names_are_refused_in_one_line(tmp_path: Path, genres_dir: Path) -> None:
    (tmp_path / "pickle").write_bytes(b"\x80\x04 a pickle, perhaps")
    assert "pickle" in refused(riffbird("genres", "import", "pickle", cwd=tmp_path), tmp_path)
    assert "polka" in refused(riffbird("genres", "export", "polka", "x", cwd=tmp_path), tmp_path)
    assert "polka" in refused(riffbird("genres", "delete", "polka", cwd=tmp_path), tmp_path)
    add(taught(tmp_path, "jazz", "ska"))
    again = taught(tmp_path, "jazz", "ska", seed=2)
    assert "already" in refused(riffbird("genres", "import", again, cwd=tmp_path), tmp_path)
    assert riffbird("genres", "import", again, "--replace", cwd=tmp_path).returncode == 0
    assert (genres_dir / "ska.safetensors").read_bytes() == again.read_bytes()


def test_the_api_offers_and_accepts_a_genre_from_the_moment_it_is_there(
    service_client: TestClient, service_band: Service, tmp_path: Path, genres_dir: Path
) -> None:
    wanted = {"text": "Rude boys /compose /g ska"}
    assert service_client.post("/compositions", json=wanted).status_code == 422
    before = [row["name"] for row in service_client.get("/genres").json()]
    add(taught(tmp_path, "jazz", "ska"))
    [own] = [row for row in service_client.get("/genres").json() if row["name"] not in before]
    assert (own["name"], own["house"], own["tempo_range_bpm"]) == ("ska", False, [120, 120])
    accepted = service_client.post("/compositions", json=wanted)
    assert accepted.status_code == 202
    assert "ska" in service_client.post("/compositions", json={"text": "/genres"}).json()["detail"]
    service_band.work()
    assert service_client.get(accepted.json()["status_url"]).json()["genre"] == "ska", genres_dir


def test_a_tweet_may_ask_for_a_genre_of_ones_own_and_blend_it(tmp_path: Path, genres_dir: Path) -> None:
    assert parse("/compose /g ska", genres=spellings()).kind == "refused"
    add(taught(tmp_path, "jazz", "ska"))
    asked = parse("Rude boys /compose /g Ska:0.7+jazz:0.3", genres=spellings())
    assert asked.request is not None
    assert asked.request.genres == {"ska": 0.7, "jazz": 0.3}
    delete("ska")
    assert parse("/compose /g ska", genres=spellings()).kind == "refused", genres_dir


def test_what_cannot_be_taught_is_refused_in_one_line_before_anything_is_read(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="training needs the train extra")
    for name, rule in (("swing", "jazz"), ("Ska!", "lower-case")):
        asked = ("train", "--genre", name, "--midi", "nowhere", "--licence", "CC0-1.0")
        assert rule in refused(riffbird(*asked, cwd=tmp_path), tmp_path)
    anew = ("train", "--genre", "ska", "--midi", "nowhere", "--from-scratch", "--base", "x.safetensors")
    assert "--from-scratch" in refused(riffbird(*anew, cwd=tmp_path), tmp_path)
