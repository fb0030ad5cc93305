"""Files that are rendered after the song: once, on request, within limits; stems part by part."""

import io
import zipfile

import pytest
from fastapi.testclient import TestClient
from scipy.io import wavfile

from tests.bot.service import MakeClient, Service
from worker.client import delete_song, fetch_state
from worker.queue import files as files_module
from worker.queue.files import file_job_id


def finished(client: TestClient, service: Service) -> str:
    answer = client.post("/compositions", json={"text": "Robots /compose /g jazz /l 10", "formats": ["mid"]})
    service.work("simple_tune")
    return str(answer.json()["id"])


def test_stems_are_rendered_once_and_read_part_by_part(service_client: TestClient, service_band: Service) -> None:
    job_id = finished(service_client, service_band)
    url = f"/compositions/{job_id}"
    before = service_client.get(url).json()
    assert "stems" in before["makes"]
    assert "stems" not in before
    assert service_client.get(f"{url}/song.stems").status_code == 404
    assert service_client.get(f"{url}/stems/0.wav").status_code == 404
    for _ in range(2):
        asked = service_client.post(f"{url}/song.stems")
        assert (asked.status_code, asked.json()["status"], asked.headers["retry-after"]) == (202, "queued", "1")
    assert service_band.queues.depth("compose") == 1
    service_band.work()
    done = service_client.post(f"{url}/song.stems")
    assert (done.status_code, done.json()) == (200, {"status": "done", "url": f"{url}/song.stems", "retry_after": 0})
    after = service_client.get(url).json()
    assert "stems" not in after["makes"]
    assert after["files"]["stems"] == f"{url}/song.stems"
    archive = zipfile.ZipFile(io.BytesIO(service_client.get(after["files"]["stems"]).content))
    assert [stem["name"] for stem in after["stems"]] == [part["name"] for part in before["parts"]]
    for stem, member in zip(after["stems"], archive.infolist(), strict=True):
        wav, mp3 = service_client.get(stem["wav"]), service_client.get(stem["mp3"])
        assert wav.content == archive.read(member)
        rate, sound = wavfile.read(io.BytesIO(wav.content))
        assert sound.shape[0] / rate >= 10
        assert (mp3.headers["content-type"], mp3.content[:2]) == ("audio/mpeg", b"\xff\xfb")
        assert len(mp3.content) < len(wav.content) / 8
    assert service_client.get(f"{url}/stems/4.wav").status_code == 404
    assert service_client.get(f"{url}/stems/99.wav").status_code == 422


def test_a_score_and_a_lossless_file_follow_the_song(service_client: TestClient, service_band: Service) -> None:
    url = f"/compositions/{finished(service_client, service_band)}"
    for kind in ("musicxml", "wav"):
        assert service_client.post(f"{url}/song.{kind}").status_code == 202
    service_band.work()
    assert b"<score-partwise" in service_client.get(f"{url}/song.musicxml").content
    assert service_client.get(f"{url}/song.wav").content[:4] == b"RIFF"
    assert {"musicxml", "wav"} <= set(service_client.get(url).json()["files"])


def test_what_cannot_be_rendered_is_refused(service_client: TestClient, service_band: Service) -> None:
    waiting = service_client.post("/compositions", json={"text": "x /compose"}).json()["id"]
    assert service_client.post(f"/compositions/{waiting}/song.stems").status_code == 422
    assert service_client.post("/compositions/nobody/song.stems").status_code == 404
    assert service_client.post(f"/compositions/{waiting}/song.exe").status_code == 422
    job_id = finished(service_client, service_band)
    service_client.post(f"/compositions/{job_id}/song.stems")
    # The job is no composition of its own.
    assert fetch_state(service_band.queues, file_job_id(job_id, "stems")) is None
    delete_song(service_band.queues, job_id)
    service_band.work()
    assert not service_band.queues.media.filesystem.exists(f"{service_band.queues.media.root}/{job_id}")


def test_files_are_limited_by_client_and_by_the_queue(
    service_client_with: MakeClient, service_band: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = service_client_with(queue_limit=1)
    url = f"/compositions/{finished(client, service_band)}"
    monkeypatch.setattr("bot.api.routes.files.FILES_LIMIT", 2)
    assert client.post(f"{url}/song.stems").status_code == 202
    assert client.post(f"{url}/song.wav").status_code == 503
    limited = client.post(f"{url}/song.ogg")
    assert (limited.status_code, int(limited.headers["retry-after"]) > 0) == (429, True)
    assert client.post(f"{url}/song.stems").status_code == 202  # asking again is not counted


def test_a_failed_rendering_is_told_and_can_be_tried_again(
    service_client: TestClient, service_band: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"/compositions/{finished(service_client, service_band)}"
    service_client.post(f"{url}/song.wav")

    def broken(*_arguments: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr("composer.files.render_files", broken)
        service_band.work()
    assert service_client.post(f"{url}/song.wav").json()["status"] == "failed"
    assert service_client.post(f"{url}/song.wav").status_code == 202
    service_band.work()
    assert service_client.post(f"{url}/song.wav").json()["status"] == "done"


def test_all_formats_can_be_asked_for() -> None:
    assert set(files_module.FORMATS) == {"mid", "wav", "mp3", "ogg", "png", "mp4", "stems", "musicxml"}
