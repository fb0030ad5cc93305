"""The queue between whoever asks and the processes that compose or train: hand in, look up what became of it.

The only door to this package for those who ask. Importable without torch, numpy or a web framework. Knows nothing of
people or platforms.
"""

from __future__ import annotations

from worker.connection import COMPOSE_QUEUE, QUEUE_GONE, REPLY_QUEUE, SERIALIZER, TRAIN_QUEUE, Queues, connect
from worker.errors import JobIdError, QueueFullError, ServiceError
from worker.queue.dead_letters import DeadLetter, DeadLetters, dead_letter_lists
from worker.queue.lookup import JobState, Status, look_up
from worker.queue.payloads import TrainOrder
from worker.queue.submission import ReplyTask, Submission, submit
from worker.storage.songs import SongRecord, read_notes
from worker.storage.stats import TRAINERS
from worker.training.client import (
    CHECKPOINT_FILE,
    TrainingState,
    TrainingStatus,
    cancel_training,
    check_room,
    look_up_training,
    submit_training,
)

__all__ = [
    "CHECKPOINT_FILE",
    "COMPOSE_QUEUE",
    "QUEUE_GONE",
    "REPLY_QUEUE",
    "SERIALIZER",
    "TRAINERS",
    "TRAIN_QUEUE",
    "DeadLetter",
    "DeadLetters",
    "JobIdError",
    "JobState",
    "QueueFullError",
    "Queues",
    "ReplyTask",
    "ServiceError",
    "SongRecord",
    "Status",
    "Submission",
    "TrainOrder",
    "TrainingState",
    "TrainingStatus",
    "cancel_training",
    "check_room",
    "connect",
    "dead_letter_lists",
    "look_up",
    "look_up_training",
    "read_notes",
    "submit",
    "submit_training",
]
