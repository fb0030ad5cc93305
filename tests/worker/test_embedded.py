import os
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import redis

from tests.waiting import DEADLINE_SECONDS, has_ended, wait_for
from tests.worker.conftest import ROOT
from worker.embedded import MAX_SOCKET_PATH, EmbeddedServer, socket_path
from worker.errors import WorkerRefusedError

HOLD_A_SERVER = """
import sys, time
from pathlib import Path
from worker.embedded import EmbeddedServer
server = EmbeddedServer(Path(sys.argv[1]))
with server as url:
    print(server.process.pid, url, flush=True)
    time.sleep(600)
"""


def test_what_was_written_is_there_after_a_restart(tmp_path: Path) -> None:
    with EmbeddedServer(tmp_path) as url, redis.Redis.from_url(url) as client:
        client.set("song", "1")
    with EmbeddedServer(tmp_path) as url, redis.Redis.from_url(url) as client:
        assert client.get("song") == b"1"


def test_what_was_written_is_there_after_a_crash(tmp_path: Path) -> None:
    with EmbeddedServer(tmp_path) as url, redis.Redis.from_url(url) as client:
        client.set("song", "1")
        client.execute_command("WAITAOF", 1, 0, 5000)
        os.kill(int(client.info("server")["process_id"]), signal.SIGKILL)
    with EmbeddedServer(tmp_path) as url, redis.Redis.from_url(url) as client:
        assert client.get("song") == b"1"


def test_a_copy_of_a_running_servers_folder_is_a_backup(tmp_path: Path) -> None:
    with EmbeddedServer(tmp_path / "running") as url, redis.Redis.from_url(url) as client:
        client.set("song", "1")
        client.execute_command("WAITAOF", 1, 0, 5000)
        with client.pipeline(transaction=False) as busy:
            for number in range(10_000):
                busy.set(f"later-{number}", "x")
            busy.execute()
            shutil.copytree(
                tmp_path / "running", tmp_path / "restored", ignore=shutil.ignore_patterns("*.sock", "lock")
            )
    with EmbeddedServer(tmp_path / "restored") as url, redis.Redis.from_url(url) as client:
        assert client.get("song") == b"1"


def test_only_its_user_may_open_the_socket(tmp_path: Path) -> None:
    with EmbeddedServer(tmp_path) as url:
        assert stat.S_IMODE(Path(url.removeprefix("unix://")).stat().st_mode) == 0o700


def test_it_listens_on_no_network_port(tmp_path: Path) -> None:
    with EmbeddedServer(tmp_path) as url, redis.Redis.from_url(url) as client:
        assert client.config_get("port") == {"port": "0"}


def test_a_second_server_on_a_folder_is_refused_in_one_line(tmp_path: Path) -> None:
    with (
        EmbeddedServer(tmp_path),
        pytest.raises(WorkerRefusedError, match="already does on") as refusal,
        EmbeddedServer(tmp_path),
    ):
        pass
    assert "\n" not in str(refusal.value)


def test_a_long_folder_name_gets_a_private_socket_elsewhere(tmp_path: Path) -> None:
    folder = tmp_path / ("long-" * 20) / ("longer-" * 10)
    path = socket_path(folder)
    assert len(str(path)) <= MAX_SOCKET_PATH
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    with EmbeddedServer(folder) as url, redis.Redis.from_url(url) as client:
        assert client.ping()


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG is Linux")
def test_the_server_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD_A_SERVER, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as parent:
        pid, _url = parent.stdout.readline().split()
        server = psutil.Process(int(pid))
        parent.kill()
    wait_for(lambda: has_ended(server))
    with EmbeddedServer(tmp_path) as url, redis.Redis.from_url(url) as client:
        assert client.ping()


def test_a_server_left_over_is_ended_and_its_data_kept(tmp_path: Path) -> None:
    first = EmbeddedServer(tmp_path)
    with redis.Redis.from_url(first.__enter__()) as client:
        client.set("song", "1")
    first._closing.set()  # as if its parent had been killed
    first._lock.close()
    with EmbeddedServer(tmp_path) as url, redis.Redis.from_url(url) as client:
        assert client.get("song") == b"1"
        assert first.process.wait(DEADLINE_SECONDS) == 0
