"""The service under chaos: Redis server, workers, API and bot, each a process of its own that is started again.

Every process carries ``CHAOS_RUN`` in its environment, so that one left behind is found in /proc.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import psutil

from tests.bot.fakes.harness import SECRETS
from tests.waiting import free_port, wait_for
from worker.embedded import EmbeddedServer, socket_path

ROOT = Path(__file__).parents[2]
RIFFBIRD = str(Path(sys.executable).with_name("riffbird"))
MARK = "CHAOS_RUN"
STOP_SECONDS = 180
ORPHAN_SECONDS = 30


@dataclass
class Part:
    """One process of the service. ``restarts`` counts how often it was started again."""

    name: str
    command: list[str]
    process: subprocess.Popen[bytes] | None = None
    restarts: int = 0


@dataclass
class Service:
    """All processes. ``folder`` holds data, logs and the flag file of the full disk; ``x_url`` is the fake network."""

    folder: Path
    x_url: str
    workers: int = 2
    run: str = field(default_factory=lambda: uuid.uuid4().hex)

    def __post_init__(self) -> None:
        self.folder = self.folder.resolve()
        self.redis_folder = self.folder / "redis"
        self.redis_folder.mkdir(parents=True, exist_ok=True)
        self.redis_url = f"unix://{socket_path(self.redis_folder)}"
        self.port = free_port()
        self.disk_is_full = self.folder / "disk-is-full"
        self._log: IO[bytes] = (self.folder / "log").open("ab")
        server = EmbeddedServer(self.redis_folder)
        self.parts = {
            part.name: part
            for part in (
                Part("server", server._command()),
                Part("workers", [RIFFBIRD, "worker", "--processes", str(self.workers)]),
                Part("api", [RIFFBIRD, "api", "--port", str(self.port)]),
                Part("bot", [RIFFBIRD, "bot", "x"]),
            )
        }

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def environment(self) -> dict[str, str]:
        settings = {
            "REDIS_URL": self.redis_url, "DATA_DIR": str(self.folder / "data"), "QUEUE_LIMIT": "100000",
            "PERFORMER": "tests.chaos.performer.perform", "RATE_LIMIT_SONGS": "1000000", "X_API_ORIGIN": self.x_url,
            "BOT_COOLDOWN_SECONDS": "0", "BOT_SONGS_A_DAY": "100000", "BOT_WAITING_SONGS": "1000",
            "BOT_LEASE_SECONDS": "10", "BOT_REQUEST_TIMEOUT_SECONDS": "5", "X_DAILY_BUDGET_DOLLARS": "1000000",
            "X_MENTIONS_PAUSE_SECONDS": "3", "X_MESSAGES": "false", "HEARTBEAT_TTL_SECONDS": "4",
            "JOB_TIMEOUT_SECONDS": "60",
        } | {name.upper(): value for name, value in SECRETS.items()}  # fmt: skip
        named = {f"RIFFBIRD_{name}": value for name, value in settings.items()}
        chaos = {MARK: self.run, "CHAOS_DISK": str(self.disk_is_full), "PYTHONPATH": str(ROOT)}
        return os.environ | named | chaos

    def start(self, name: str) -> None:
        part = self.parts[name]
        part.process = subprocess.Popen(
            part.command, env=self.environment(), cwd=self.folder, stdout=self._log, stderr=self._log
        )

    def start_all(self) -> None:
        for name in self.parts:
            self.start(name)

    def keep_running(self) -> None:
        """Start again what has ended, as systemd or Compose do."""
        for part in self.parts.values():
            if part.process is not None and part.process.poll() is not None:
                part.restarts += 1
                self.start(part.name)

    def pid(self, name: str) -> int | None:
        process = self.parts[name].process
        return None if process is None or process.poll() is not None else process.pid

    def children(self, module: str) -> list[int]:
        """Processes below the supervisor that run ``python -m MODULE``."""
        top = self.pid("workers")
        below: list[psutil.Process] = []
        with suppress(psutil.NoSuchProcess):  # it has just ended
            below = psutil.Process(top).children(recursive=True) if top else []
        return [child.pid for child in below if ["-m", module] == _command_line(child)[1:3]]

    def stop_all(self) -> None:
        """Stop everything in order, the server last."""
        for name in reversed(self.parts):
            process = self.parts[name].process
            if process is not None:
                process.send_signal(signal.SIGCONT)
                process.terminate()
                process.wait(STOP_SECONDS)
        self._log.close()

    def orphans(self) -> list[str]:
        """Command lines of processes of this run that do not end. Call it after ``stop_all``.

        The heartbeat process of a killed worker ends a moment later than the worker.
        """
        end = time.monotonic() + ORPHAN_SECONDS
        wait_for(lambda: not self._living() or time.monotonic() > end)
        return [" ".join(_command_line(process)) for process in self._living()]

    def _living(self) -> list[psutil.Process]:
        return [process for process in psutil.process_iter() if self._is_ours(process)]

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            return process.environ().get(MARK) == self.run and process.status() != psutil.STATUS_ZOMBIE
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            return False


def _command_line(process: psutil.Process) -> list[str]:
    """Empty for a process that has ended."""
    try:
        return process.cmdline()
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return []


def pause(service: Service, seconds: float, until: Callable[[], bool] = lambda: False) -> None:
    """Let the service run for ``seconds``, restarting what ends, or ``until`` something holds."""
    end = time.monotonic() + seconds

    def is_over() -> bool:
        service.keep_running()
        return time.monotonic() >= end or until()

    wait_for(is_over, seconds + 60)
