"""Generates a batch of plans in several processes, one a core.

Sampling is Python, which uses one core a process. Processes are forked, so that they share the loaded network. Each
starts with some songs and takes the next from a common queue when one ends; at the end they send their notes. Songs of
a process that dies are generated in the parent. Where forking is not safe there is one process.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from composer.planning.plan import Plan
from midi_data.analysis.activity import TYPICAL_NOTES
from midi_data.process import set_parent_death_signal

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

logger = logging.getLogger(__name__)

NoteRows = NDArray[np.int32]
"""(N, 5) notes of one song: ``SongState.notes``."""
Generate = Callable[["WorkItem"], Iterator[tuple[int, NoteRows]]]
"""Generates a work item: (number, notes) of each song as it ends."""
STEP_NOTES = 3.0
"""Cost of a step without its notes, in notes. A work item has as many steps as its longest song has notes."""
FEWEST_SONGS = 4
"""Fewer songs are not shared: two side by side in one process cost little more than one."""
NUMBER_BYTES = 2
MOST_WAITING = 8192
"""Numbers that a pipe holds on every system (16 KB)."""


class WorkQueue:
    """Numbers of songs that no process has begun, in order. Several processes may take from it at once.

    A pipe with the numbers in it whose other end is closed: each number is read once, and no lock can be left held.
    """

    def __init__(self, numbers: Sequence[int]) -> None:
        """Raises ``ValueError`` for more than ``MOST_WAITING`` numbers."""
        if len(numbers) > MOST_WAITING:
            raise ValueError(f"at most {MOST_WAITING} songs wait, not {len(numbers)}")
        self._left = {number: len(numbers) - index for index, number in enumerate(numbers, 1)}
        self.left = len(numbers)
        self._end, into = os.pipe()
        with os.fdopen(into, "wb") as pipe:
            pipe.write(np.array(numbers, dtype=np.uint16).tobytes())

    def take(self) -> int | None:
        """The next number, or None if there is none; updates ``left``, the numbers left as known to this process."""
        read = os.read(self._end, NUMBER_BYTES)
        number = int.from_bytes(read, sys.byteorder) if read else None
        self.left = 0 if number is None else self._left[number]
        return number

    def close(self) -> None:
        """Close this process's end of the pipe."""
        os.close(self._end)


@dataclass(frozen=True, slots=True)
class WorkItem:
    """One process's work: its ``first`` songs at once, then one from ``queue`` for each that ends.

    ``songs`` of the whole batch, ``batch_size`` of them at once in all processes.
    """

    first: list[int]
    queue: WorkQueue
    songs: int
    batch_size: int

    def done(self, unfinished: float) -> float:
        """0 … 1 of the whole batch if all processes are equally far; ``unfinished`` songs are left to do here."""
        everywhere = unfinished * self.batch_size / max(len(self.first), 1)
        return min(max(1 - (self.queue.left + everywhere) / max(self.songs, 1), 0.0), 1.0)


def split_work(plans: Sequence[Plan], processes: int, batch_size: int) -> tuple[list[list[int]], list[int]]:
    """Numbers of the plans that each process begins with, with about equal work, and of those that wait.

    ``batch_size`` plans begin, the longest first. One process if sharing is of no use or unsafe.
    """
    if not _may_fork() or min(len(plans), batch_size) < FEWEST_SONGS:
        processes = 1
    notes = [float(TYPICAL_NOTES[plan.activity].sum()) + plan.bars for plan in plans]
    order = sorted(range(len(plans)), key=lambda number: -notes[number])
    items: list[list[int]] = [[] for _ in range(max(1, min(processes, len(plans))))]

    def work(item: list[int]) -> float:
        own = [notes[number] for number in item]
        return STEP_NOTES * max(own) + sum(own)

    for number in order[:batch_size]:
        min(items, key=lambda item: work([*item, number])).append(number)
    return items, order[batch_size:]


def _may_fork() -> bool:
    """Forking is safe on Linux in a single-threaded process: locks of other threads would stay locked in the child."""
    return sys.platform == "linux" and threading.active_count() == 1


def compose_parallel(
    plans: Sequence[Plan], processes: int, batch_size: int, in_child: Generate, here: Generate
) -> list[NoteRows]:
    """Notes of each of ``plans``, in order; ``here`` runs in this process, ``in_child`` in the others."""
    batch_size = min(batch_size, len(plans))
    (own, *others), waiting = split_work(plans, processes, batch_size)
    found: dict[int, NoteRows] = {}
    with closing(WorkQueue(waiting)) as queue:
        item, *items = (WorkItem(first, queue, len(plans), batch_size) for first in (own, *others))
        with _children(items, in_child) as connections:
            found |= here(item)
            for connection in connections:
                found |= _received(connection)
    left = [number for number in range(len(plans)) if number not in found]
    if left:
        logger.warning("a composing process ended early; its %d songs are generated here", len(left))
        with closing(WorkQueue(left[batch_size:])) as queue:
            found |= here(WorkItem(left[:batch_size], queue, len(left), batch_size))
    return [found[number] for number in range(len(plans))]


@contextmanager
def _children(items: Sequence[WorkItem], generate: Generate) -> Iterator[list[Connection]]:
    """A forked process for each work item, killed at the end of the block."""
    if not items:
        yield []
        return
    from multiprocessing import get_context  # slow to import, and most commands do not need it

    context = get_context("fork")
    with ExitStack() as cleanup:
        connections = []
        for item in items:
            mine, theirs = context.Pipe(duplex=False)
            cleanup.callback(mine.close)
            process = context.Process(target=_work, args=(theirs, item, generate, os.getpid()), daemon=True)
            with warnings.catch_warnings():
                # Python ≥ 3.12 warns of the BLAS library's threads, which are not used here.
                warnings.simplefilter("ignore", DeprecationWarning)
                process.start()
            cleanup.callback(process.join)
            cleanup.callback(process.kill)
            theirs.close()  # otherwise the end of the process would not close the pipe
            connections.append(mine)
        yield connections


def _work(connection: Connection, item: WorkItem, generate: Generate, parent: int) -> None:
    """Body of a child process."""
    set_parent_death_signal(parent, signal.SIGKILL)  # the pipes of a killed parent would stay open here
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles it and kills this process
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # instead of the parent's handler
    # Sent at the end, since a pipe that is not read holds a few songs only.
    for number, notes in list(generate(item)):
        connection.send_bytes(np.array([number], dtype=np.int32).tobytes() + notes.tobytes())


def _received(connection: Connection) -> Iterator[tuple[int, NoteRows]]:
    """(number, notes) of each song that a child sends until it ends. Bytes, never pickle."""
    while True:
        try:
            sent = connection.recv_bytes()
        except (EOFError, OSError):
            return
        numbers = np.frombuffer(sent, dtype=np.int32)
        yield int(numbers[0]), numbers[1:].reshape(-1, 5)
