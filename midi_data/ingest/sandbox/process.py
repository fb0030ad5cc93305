"""The parent's side of a sandboxed child process: start it, send requests, report how it died."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from threading import Timer
from typing import Any, BinaryIO, Self, cast

from midi_data.ingest.sandbox.child import OUT_OF_MEMORY
from midi_data.ingest.sandbox.frames import Frame, FrameError, read_frame, write_frame
from midi_data.ingest.sandbox.limits import SILENT_SECONDS, STARTING_SECONDS, Limits
from midi_data.process import plain_environment

_PACKAGES = str(Path(__file__).parents[3])
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


class SandboxDiedError(Exception):
    """The process ended instead of answering. ``reason``: a word for counting."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class Sandbox:
    """A child process. ``fresh``: it has not answered yet, so its death is caused by the current file."""

    @classmethod
    def converter(cls, limits: Limits) -> Self:
        """Start one that converts files with ``midi_data.ingest.convert``."""
        return cls("convert", str(limits.seconds), str(limits.more_bytes))

    @classmethod
    def reader(cls, source: Path) -> Self:
        """Start one that sends the files of ``source``."""
        return cls("read", str(source.absolute()))

    def __init__(self, *arguments: str) -> None:
        path = os.pathsep.join(filter(None, (_PACKAGES, os.environ.get("PYTHONPATH", ""))))
        self._process = subprocess.Popen(  # noqa: S603  our own interpreter and module
            # -P: the working folder may hold untrusted files, such as a numpy.py.
            [sys.executable, "-P", "-m", "midi_data.ingest.sandbox.child", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=plain_environment() | _ONE_THREAD | {"PYTHONPATH": path},
        )
        self._silent = False
        self.fresh = True
        self.listen(STARTING_SECONDS)

    @property
    def pid(self) -> int:
        """The process ID."""
        return self._process.pid

    def ask(self, head: dict[str, Any], body: bytes) -> Frame:
        """Send a request and return the answer. Raises ``SandboxDiedError``."""
        try:
            write_frame(cast("BinaryIO", self._process.stdin), head, body)
        except OSError:
            raise self._cause_of_death() from None
        answer = self.listen()
        self.fresh = False
        return answer

    def listen(self, seconds: float = SILENT_SECONDS) -> Frame:
        """Return its next frame. Raises ``SandboxDiedError``, also after ``seconds`` without one."""
        timer = Timer(seconds, self._give_up)
        timer.daemon = True
        timer.start()
        try:
            frame = read_frame(cast("BinaryIO", self._process.stdout))
        except (FrameError, OSError, ValueError):
            frame = None
        finally:
            timer.cancel()
        if frame is None:
            raise self._cause_of_death()
        return frame

    def close(self) -> None:
        """Kill it and close its pipes."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            try:
                cast("BinaryIO", stream).close()
            except OSError:  # unflushed data has no reader
                continue

    def _give_up(self) -> None:
        self._silent = True
        self._process.kill()

    def _cause_of_death(self) -> SandboxDiedError:
        try:
            status = self._process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            status = 0
        self.close()
        if self._silent:
            return SandboxDiedError("took too long", "the reading process stopped answering")
        if status == OUT_OF_MEMORY:
            return SandboxDiedError("too much memory", "needs more memory than a file may take")
        if sys.platform != "win32" and status == -signal.SIGPROF:
            return SandboxDiedError("took too long", "needs more processor time than a file may take")
        return SandboxDiedError("crashed the reader", f"ended the process that read it (status {status})")
