import subprocess
import sys
from pathlib import Path

from composer.request import ComposeRequest
from tests.bot.service import Service
from worker.client import submit

RIFFBIRD = Path(sys.executable).with_name("riffbird")


def test_songs_are_registered_again_after_redis_has_lost_its_data(service_band: Service, tmp_path: Path) -> None:
    queues = service_band.queues
    request = ComposeRequest(title="x", genres={"heavy-metal": 1.0})
    submit(queues, request, job_id="a", formats=["mid"], listed=True)
    service_band.work()
    queues.connection.flushall()
    words = [RIFFBIRD, "songs", "reindex", "--redis", queues.settings.redis_url.get_secret_value()]
    environment = queues.settings.environment()
    done = subprocess.run(words, capture_output=True, text=True, check=True, env=environment, cwd=tmp_path)
    assert done.stdout == "1 songs registered\n"
    assert [song.id for song in queues.songs.newest(10)] == ["a"]


def test_a_server_that_is_away_is_told_in_one_line(tmp_path: Path) -> None:
    words = [RIFFBIRD, "songs", "reindex", "--redis", "redis://127.0.0.1:1/0"]
    (tmp_path / "data" / "songs" / "a").mkdir(parents=True)
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
