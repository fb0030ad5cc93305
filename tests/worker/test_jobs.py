import json
import os
from pathlib import Path
from typing import Any

import pytest

from composer.request import ComposeRequest
from tests.waiting import wait_for
from tests.worker.conftest import finished, worker_process
from worker.client import DeadLetters, JobState, Queues, connect, fetch_state, read_notes, server_time, submit
from worker.maintenance.rescue import RescueThread
from worker.settings import Settings
from worker.worker_process import WarmWorker


def perform(queues: Queues, request: ComposeRequest, performer: str, job_id: str = "a", **more: Any) -> JobState:
    """Hand in one request and work it off right here."""
    playing = with_performer(queues, performer)
    submit(playing, request, job_id=job_id, formats=["mid"], text="x /compose", **more)
    WarmWorker(playing).work(burst=True, logging_level=None)
    return fetch_state(playing, job_id)


def with_performer(queues: Queues, performer: str) -> Queues:
    settings = queues.settings.model_copy(update={"performer": f"tests.worker.performers.{performer}"})
    return Queues(queues.connection, settings)


def test_a_song_is_stored_with_its_facts_and_notes(queues: Queues, request_: ComposeRequest) -> None:
    state = perform(queues, request_, "quick")
    assert (state.status, state.progress) == ("done", 1.0)
    assert state.song.rendition.files == {"mid": Path("song.mid")}
    assert b"".join(queues.media.read("a", "song.mid")).startswith(b"MThd")
    notes = read_notes(queues.media, "a")
    assert [note[2] for note in notes["parts"][0]["notes"]] == [60, 64, 67, 72]
    assert notes["parts"][0]["notes"][1][:2] == [0.5, 0.5]


def test_a_song_is_found_in_its_folder_after_the_server_forgot_it(queues: Queues, request_: ComposeRequest) -> None:
    before = perform(queues, request_, "quick").song
    queues.connection.flushall()
    assert fetch_state(queues, "a").song == before


def test_only_listed_songs_are_on_the_timeline_newest_first(queues: Queues, request_: ComposeRequest) -> None:
    for job_id, listed in (("a", True), ("b", False), ("c", True)):
        perform(queues, request_, "quick", job_id, listed=listed)
    newest = queues.songs.newest(10)
    assert [song.id for song in newest] == ["c", "a"]
    assert [song.id for song in queues.songs.newest(10, before=newest[0].number)] == ["a"]


def test_an_expired_song_leaves_no_trace(settings: Settings, queues: Queues, request_: ComposeRequest) -> None:
    perform(queues, request_, "quick", listed=True)
    queues.connection.zadd("riffbird:expiry", {"a": 0})
    assert queues.songs.expire() == 1
    assert queues.songs.newest(10) == []
    assert queues.songs.find("a") is None
    assert list((settings.data_dir / "songs").iterdir()) == []


def test_songs_may_live_under_any_fsspec_url(queues: Queues, request_: ComposeRequest) -> None:
    settings = Settings(
        redis_url=queues.settings.redis_url, data_dir=queues.settings.data_dir, media_url="memory://band"
    )
    remote = Queues(queues.connection, settings)
    assert perform(remote, request_, "quick").status == "done"
    assert remote.media.size("a", "song.mid") > 0
    assert b"".join(remote.media.read("a", "song.mid", 0, 4)) == b"MThd"


def test_a_refusal_is_a_result_and_is_not_tried_again(queues: Queues, request_: ComposeRequest) -> None:
    state = perform(queues, request_, "refusing")
    assert (state.status, state.problem) == ("refused", "a kazoo is not in this band")
    assert queues.stats.read().outcomes == {"refused": 1}


def test_a_bug_is_logged_once_and_not_tried_again(
    queues: Queues, request_: ComposeRequest, caplog: pytest.LogCaptureFixture
) -> None:
    state = perform(queues, request_, "buggy")
    assert state.status == "failed"
    assert "not your fault" in state.problem
    assert [record.message for record in caplog.records if record.exc_info] == ["song a: a bug"]
    assert queues.stats.read().failures == {"ZeroDivisionError": 1}


def test_a_transient_error_is_tried_again(queues: Queues, request_: ComposeRequest, tmp_path: Path) -> None:
    fails_once = with_performer(queues, "fails_once")
    submit(fails_once, request_, job_id="a", formats=["mid"])
    with worker_process(fails_once.settings, tmp_path):
        assert wait_for(lambda: finished(queues, "a")).status == "done"
    assert queues.stats.read().failures == {"OSError": 1}


def test_retries_are_bounded_and_the_job_becomes_a_dead_letter(
    queues: Queues, request_: ComposeRequest, tmp_path: Path
) -> None:
    failing = with_performer(queues, "failing")
    submit(failing, request_, job_id="a", formats=["mid"])
    with worker_process(failing.settings, tmp_path):
        assert wait_for(lambda: finished(queues, "a")).status == "failed"
    assert queues.stats.read().failures == {"OSError": 3}
    assert [letter.item["job_id"] for letter in DeadLetters(queues.connection, "jobs").all()] == ["a"]
    assert queues.stats.read().outcomes == {"failed": 1}


def test_a_song_leaves_no_scratch_behind(settings: Settings, queues: Queues, request_: ComposeRequest) -> None:
    perform(queues, request_, "quick")
    assert list(settings.scratch_dir.iterdir()) == []


def test_a_full_disk_costs_a_song_none_of_its_retries(
    queues: Queues, request_: ComposeRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_FOLDER", str(tmp_path))
    full = with_performer(queues, "full_disk")
    submit(full, request_, job_id="a", formats=["mid"])
    for _ in range(5):  # more often than a song is retried
        WarmWorker(full).work(burst=True, logging_level=None)
        assert fetch_state(full, "a").status == "queued"
        assert 20 < full.connection.zscore("rq:scheduled:compose", "a") - server_time(full.connection) <= 30
        full.connection.zadd("rq:scheduled:compose", {"a": 1})
        RescueThread(full).round()
    (tmp_path / "open").touch()
    WarmWorker(full).work(burst=True, logging_level=None)
    assert fetch_state(full, "a").status == "done"


def test_seconds_by_stage_are_measured(queues: Queues, request_: ComposeRequest) -> None:
    perform(queues, request_, "quick")
    statistics = queues.stats.read()
    assert statistics.outcomes == {"done": 1}
    assert set(statistics.stages) == {"waiting", "composing", "audio", "video", "song"}
    assert statistics.stages["composing"] == (1, 0.1)


def test_a_names_folder_cannot_be_left(queues: Queues) -> None:
    for job_id, name in (("../x", "song.mid"), ("a", "../../song.mid"), ("a", "/etc/passwd")):
        with pytest.raises(ValueError, match="not"):
            queues.media.size(job_id, name)


def test_the_facts_file_is_readable_json(queues: Queues, request_: ComposeRequest) -> None:
    perform(queues, request_, "quick")
    facts = json.loads(b"".join(queues.media.read("a", "facts.json")))
    assert facts["rendition"]["files"] == {"mid": "song.mid"}
    assert connect(queues.settings).media.fetch("a", "song.mid", queues.settings.data_dir).exists()
    assert os.sep not in facts["rendition"]["files"]["mid"]
