"""A batch of plans shared out among processes: as many songs at once as there are cores for them.

A song's rules and choices are Python, which one process does on one core only. Processes are forked, so that they have
the network already, and give back the notes they wrote. Whoever ends early leaves its share to be composed here, so
that nothing is lost. Where processes cannot be forked safely there is one. Knows plans and notes; not how a song is
composed.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from composer.plan import Plan
from midi_data.arrangement import TYPICAL_NOTES

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

logger = logging.getLogger(__name__)

Written = NDArray[np.int32]
"""(N, 5) columns onset, part, pitch, duration, velocity of one song, as it was written."""
Compose = Callable[[Sequence[Plan]], list[Written]]
STEP_NOTES = 3.0
"""What a step costs besides its notes, in notes: as many steps are made as the longest song of a share has notes."""
FEWEST_SONGS = 4
"""Two songs side by side in one process cost little more than one: fewer than four are not shared out."""


def usual_processes() -> int:
    """One a core that this process may use; where ``OMP_NUM_THREADS`` says that fewer are wanted, so many."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    told = os.environ.get("OMP_NUM_THREADS", "")
    return min(int(told), cores) if told.isdecimal() and int(told) else cores


def shared_out(plans: Sequence[Plan], processes: int) -> list[list[int]]:
    """Which plans each process composes: about as much work each; one share where sharing is of no use."""
    if not _may_fork() or len(plans) < FEWEST_SONGS:
        processes = 1
    shares: list[list[int]] = [[] for _ in range(min(processes, len(plans)))]
    notes = [float(TYPICAL_NOTES[plan.levels].sum()) + plan.bars for plan in plans]

    def work(share: list[int]) -> float:
        own = [notes[each] for each in share]
        return STEP_NOTES * max(own) + sum(own)

    for number in sorted(range(len(plans)), key=lambda each: -notes[each]):
        min(shares, key=lambda share: work([*share, number])).append(number)
    return [sorted(share) for share in shares]


def _may_fork() -> bool:
    """Forking is safe on Linux, and in a process with one thread: locks of others would stay locked for ever."""
    return sys.platform == "linux" and threading.active_count() == 1


def compose_shared(plans: Sequence[Plan], processes: int, compose: Compose, here: Compose) -> list[Written]:
    """What is written for each of ``plans``, in order. ``here`` is ``compose`` of this process, which tells how far."""
    own, *others = shared_out(plans, processes) or [[]]
    found: dict[int, Written] = {}
    with _at_work(plans, others, compose) as connections:
        found |= zip(own, here([plans[number] for number in own]), strict=True)
        for share, connection in zip(others, connections, strict=True):
            found |= zip(share, _received(connection, len(share)), strict=False)
    left = [number for number in range(len(plans)) if number not in found]
    if left:
        logger.warning("a process that composed a share of %d songs ended early; they are composed here", len(left))
        found |= zip(left, here([plans[number] for number in left]), strict=True)
    return [found[number] for number in range(len(plans))]


@contextmanager
def _at_work(plans: Sequence[Plan], shares: list[list[int]], compose: Compose) -> Iterator[list[Connection]]:
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
            arguments = (theirs, [plans[number] for number in share], compose)
            process = context.Process(target=_work, args=arguments, daemon=True)
            with warnings.catch_warnings():
                # Later Pythons warn of threads of libraries too: those of products, which are not used here.
                warnings.simplefilter("ignore", DeprecationWarning)
                process.start()
            working.callback(process.join)
            working.callback(process.kill)
            theirs.close()  # so that the process's end is heard here
            connections.append(mine)
        yield connections


def _work(connection: Connection, plans: Sequence[Plan], compose: Compose) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process it was forked from hears it and ends this one
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # not what that process does then
    for written in compose(plans):
        connection.send_bytes(written.tobytes())  # bytes: nothing that is received is trusted to be code


def _received(connection: Connection, count: int) -> Iterator[Written]:
    """What a process has written, song by song, until ``count`` or until it has ended."""
    for _ in range(count):
        try:
            sent = connection.recv_bytes()
        except (EOFError, OSError):
            return
        yield np.frombuffer(sent, dtype=np.int32).reshape(-1, 5)
