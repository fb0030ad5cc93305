"""A pool of converting processes. Results come in the order of the source; at most 32 files wait in memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from threading import local
from typing import Any, Self

from midi_data.corpus.archive import MidiMember
from midi_data.errors import CorpusError
from midi_data.ingest.sandbox.frames import Frame
from midi_data.ingest.sandbox.limits import MAX_PROCESSES, Limits
from midi_data.ingest.sandbox.process import Sandbox, SandboxDiedError
from midi_data.process import usable_cores

WAITING_BYTES = 32 * 2**20
"""Files read ahead, at most."""
WAITING_FILES = 32

Options = Callable[[str], dict[str, Any]]
"""Returns the arguments of ``midi_data.ingest.convert.convert`` for a file name."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The outcome of the file ``name``: a frame of ``convert``, or the reason why there is none."""

    name: str
    head: dict[str, Any]
    body: bytes = b""


class Pool:
    """Converting processes, started on demand and replaced when one dies. A context manager."""

    def __init__(self, processes: int | None = None, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._size = processes or max(1, min(MAX_PROCESSES, usable_cores()))
        self._threads = ThreadPoolExecutor(self._size, thread_name_prefix="ingest")
        self._own = local()
        self._running: dict[int, Sandbox] = {}
        self._closing = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # Kill first: a thread that waits for an answer returns only then.
        self._closing = True
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._close_all()
        self._threads.shutdown(wait=True)
        self._close_all()  # one may have been starting

    def _close_all(self) -> None:
        for sandbox in list(self._running.values()):
            sandbox.close()

    def converted(self, source: Path, options: Options, skip: int = 0) -> Iterator[Answer]:
        """Yield the outcome of every file of ``source`` after the first ``skip``. Raises ``CorpusError``."""
        waiting: deque[tuple[int, Future[Answer]]] = deque()
        waiting_bytes = 0
        for member in islice(read_members(source), skip, None):
            size = len(member.data or b"")
            waiting.append((size, self._threads.submit(self._convert, member, options)))
            waiting_bytes += size
            while waiting and (waiting_bytes > WAITING_BYTES or len(waiting) >= WAITING_FILES or waiting[0][1].done()):
                size, answer = waiting.popleft()
                waiting_bytes -= size
                yield answer.result()
        while waiting:
            yield waiting.popleft()[1].result()

    def _convert(self, member: MidiMember, options: Options) -> Answer:
        if member.data is None:
            return Answer(member.name, {"left_out": member.reason, "detail": member.detail})
        try:
            return Answer(member.name, *self._ask(member.data, options(member.name)))
        except SandboxDiedError as death:
            return Answer(member.name, {"left_out": death.reason, "detail": str(death)})

    def _ask(self, data: bytes, head: dict[str, Any]) -> Frame:
        sandbox = self._sandbox()
        was_fresh = sandbox.fresh
        try:
            return sandbox.ask(head, data)
        except SandboxDiedError as death:
            self._forget(sandbox)
            # An earlier file may have caused this: try once more in a new process.
            if was_fresh or self._closing or death.reason == "took too long":
                raise
        sandbox = self._sandbox()
        try:
            return sandbox.ask(head, data)
        except SandboxDiedError:
            self._forget(sandbox)
            raise

    def _sandbox(self) -> Sandbox:
        sandbox: Sandbox | None = getattr(self._own, "sandbox", None)
        if sandbox is None:
            sandbox = self._own.sandbox = Sandbox.converter(self._limits)
            self._running[sandbox.pid] = sandbox
        return sandbox

    def _forget(self, sandbox: Sandbox) -> None:
        self._own.sandbox = None
        self._running.pop(sandbox.pid, None)


def read_members(source: Path) -> Iterator[MidiMember]:
    """As ``midi_data.corpus.archive.midi_members``, in a process of its own, since unpacking may exhaust memory."""
    reader = Sandbox.reader(source)
    try:
        while not (frame := reader.listen())[0].get("end"):
            head, body = frame
            if "refused" in head:
                raise CorpusError(str(head["refused"]))
            if "pulse" not in head:
                reason = str(head["reason"])
                yield MidiMember(str(head["name"]), None if reason else body, reason, str(head["detail"]))
    except SandboxDiedError as death:
        yield MidiMember(source.name, None, death.reason, f"{source.name}: {death}; what it holds further is left out")
    finally:
        reader.close()
