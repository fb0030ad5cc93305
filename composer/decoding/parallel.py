"""A batch of plans shared out among processes: as many songs at once as there are cores for them.

A song's rules and choices are Python, which one process does on one core only. Processes are forked, so that they have
the network already; whoever has a song less going takes one that waits, and at the end all give back the notes they
wrote. Whoever ends early leaves its songs to be composed here, so that nothing is lost. Where processes cannot be
forked safely there is one. Knows plans and notes; not how a song is composed.
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
"""(N, 5) columns onset, part, pitch, duration, velocity of one song, as it was written."""
Compose = Callable[["WorkItem"], Iterator[tuple[int, NoteRows]]]
"""Composes a share: the number of each song and what was written of it, as it ends."""
STEP_NOTES = 3.0
"""What a step costs besides its notes, in notes: as many steps are made as the longest song of a share has notes."""
FEWEST_SONGS = 4
"""Two songs side by side in one process cost little more than one: fewer than four are not shared out."""
NUMBER_BYTES = 2
MOST_WAITING = 8192
"""So many numbers every system's pipes hold (16 KB)."""


class WorkQueue:
    """Numbers of songs that nobody has begun, in order. Several processes may take from it at once.

    A pipe with the numbers in it, its other end closed: each is read once, and whoever dies holds no lock.
    """

    def __init__(self, numbers: Sequence[int]) -> None:
        """Raises ``ValueError`` for more than ``MOST_WAITING``."""
        if len(numbers) > MOST_WAITING:
            raise ValueError(f"at most {MOST_WAITING} songs wait, not {len(numbers)}")
        self._left = {number: len(numbers) - place for place, number in enumerate(numbers, 1)}
        self.left = len(numbers)
        self._end, into = os.pipe()
        with os.fdopen(into, "wb") as pipe:
            pipe.write(np.array(numbers, dtype=np.uint16).tobytes())

    def take(self) -> int | None:
        """The next number, or ``None`` once there is none. ``left``: how many there are, as far as is known here."""
        read = os.read(self._end, NUMBER_BYTES)
        number = int.from_bytes(read, sys.byteorder) if read else None
        self.left = 0 if number is None else self._left[number]
        return number

    def close(self) -> None:
        """No more is taken here."""
        os.close(self._end)


@dataclass(frozen=True, slots=True)
class WorkItem:
    """What a process composes: its ``first`` songs at once, then one of those ``waiting`` for each that ends.

    ``songs`` of the whole batch, ``at_once`` of them going in all processes.
    """

    first: list[int]
    waiting: WorkQueue
    songs: int
    at_once: int

    def done(self, unfinished: float) -> float:
        """0 … 1 of the whole batch, if others are as far: of those going here ``unfinished`` songs are left to do."""
        everywhere = unfinished * self.at_once / max(len(self.first), 1)
        return min(max(1 - (self.waiting.left + everywhere) / max(self.songs, 1), 0.0), 1.0)


def usable_cores() -> int:
    """One a core that this process may use; where ``OMP_NUM_THREADS`` says that fewer are wanted, so many."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    told = os.environ.get("OMP_NUM_THREADS", "")
    return min(int(told), cores) if told.isdecimal() and int(told) else cores


def split_work(plans: Sequence[Plan], processes: int, at_once: int) -> tuple[list[list[int]], list[int]]:
    """Which plans each process begins with, about as much work each, and which wait, those of most notes first.

    One share where sharing is of no use; ``at_once`` plans in all shares together.
    """
    if not _may_fork() or min(len(plans), at_once) < FEWEST_SONGS:
        processes = 1
    notes = [float(TYPICAL_NOTES[plan.activity].sum()) + plan.bars for plan in plans]
    order = sorted(range(len(plans)), key=lambda each: -notes[each])
    shares: list[list[int]] = [[] for _ in range(max(1, min(processes, len(plans))))]

    def work(share: list[int]) -> float:
        own = [notes[each] for each in share]
        return STEP_NOTES * max(own) + sum(own)

    for number in order[:at_once]:
        min(shares, key=lambda share: work([*share, number])).append(number)
    return shares, order[at_once:]


def _may_fork() -> bool:
    """Forking is safe on Linux, and in a process with one thread: locks of others would stay locked for ever."""
    return sys.platform == "linux" and threading.active_count() == 1


def compose_parallel(
    plans: Sequence[Plan], processes: int, at_once: int, compose: Compose, here: Compose
) -> list[NoteRows]:
    """What is written for each of ``plans``, in order. ``here`` is ``compose`` of this process, which tells how far."""
    at_once = min(at_once, len(plans))
    (own, *others), later = split_work(plans, processes, at_once)
    found: dict[int, NoteRows] = {}
    with closing(WorkQueue(later)) as waiting:
        share, *shares = (WorkItem(first, waiting, len(plans), at_once) for first in (own, *others))
        with _at_work(shares, compose) as connections:
            found |= here(share)
            for connection in connections:
                found |= _received(connection)
    left = [number for number in range(len(plans)) if number not in found]
    if left:
        logger.warning("a process that composed with others ended early; its %d songs are composed here", len(left))
        with closing(WorkQueue(left[at_once:])) as waiting:
            found |= here(WorkItem(left[:at_once], waiting, len(left), at_once))
    return [found[number] for number in range(len(plans))]


@contextmanager
def _at_work(shares: Sequence[WorkItem], compose: Compose) -> Iterator[list[Connection]]:
    """A forked process for each share; they are ended with the block, whatever ends it."""
    if not shares:
        yield []
        return
    from multiprocessing import get_context  # most commands need none of it

    context = get_context("fork")
    with ExitStack() as working:
        connections = []
        for share in shares:
            mine, theirs = context.Pipe(duplex=False)
            working.callback(mine.close)
            process = context.Process(target=_work, args=(theirs, share, compose, os.getpid()), daemon=True)
            with warnings.catch_warnings():
                # Later Pythons warn of threads of libraries too: those of products, which are not used here.
                warnings.simplefilter("ignore", DeprecationWarning)
                process.start()
            working.callback(process.join)
            working.callback(process.kill)
            theirs.close()  # so that the process's end is heard here
            connections.append(mine)
        yield connections


def _work(connection: Connection, share: WorkItem, compose: Compose, parent: int) -> None:
    set_parent_death_signal(parent, signal.SIGKILL)  # the pipes of a killed parent would stay open here
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process it was forked from hears it and ends this one
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # not what that process does then
    # Sent at the end: until it is read, a pipe holds a few songs only.
    for number, written in list(compose(share)):
        connection.send_bytes(np.array([number], dtype=np.int32).tobytes() + written.tobytes())


def _received(connection: Connection) -> Iterator[tuple[int, NoteRows]]:
    """What a process has written, song by song, until it has ended."""
    while True:
        try:
            sent = connection.recv_bytes()
        except (EOFError, OSError):
            return
        numbers = np.frombuffer(sent, dtype=np.int32)  # bytes: nothing that is received is trusted to be code
        yield int(numbers[0]), numbers[1:].reshape(-1, 5)
