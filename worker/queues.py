"""The queue between whoever asks and the processes that compose: hand in a request, look up what became of it.

The only door to this package for those who ask. Importable without torch, numpy or a web framework. Knows nothing of
people or platforms.
"""

from __future__ import annotations

from worker.connection import COMPOSE_QUEUE, QUEUE_GONE, REPLY_QUEUE, SERIALIZER, TRAIN_QUEUE, Queues, connect
from worker.errors import JobIdError, QueueFullError, ServiceError
from worker.lookup import JobState, Status, look_up
from worker.songs import SongRecord, read_notes
from worker.submission import ReplyTask, Submission, submit

__all__ = [
    "COMPOSE_QUEUE",
    "QUEUE_GONE",
    "REPLY_QUEUE",
    "SERIALIZER",
    "TRAIN_QUEUE",
    "JobIdError",
    "JobState",
    "QueueFullError",
    "Queues",
    "ReplyTask",
    "ServiceError",
    "SongRecord",
    "Status",
    "Submission",
    "connect",
    "look_up",
    "read_notes",
    "submit",
]
