"""Threads: a song that is made from another one is posted below it, and is public only if that one is."""

from __future__ import annotations

from bot.commands.revising.revise import RevisedRequest
from worker.client import Action, Queues, Revision, SongRecord


def revision_of(action: Action, parent: SongRecord, made: RevisedRequest) -> Revision:
    """What the queue stores of ``made``: the ``parent``, and the first song of the thread as ``root``."""
    root = parent.revision.root if parent.revision else parent.id
    return Revision(
        action=action, parent=parent.id, root=root, difference=made.difference, replaced=made.replaced,
        from_file=parent.from_file,
    )  # fmt: skip


def is_public(queues: Queues, revision: Revision | None) -> bool:
    """Whether the song that ``revision`` works on is public; True without one."""
    parent = queues.songs.find(revision.parent) if revision else None
    return revision is None or (parent is not None and parent.listed)
