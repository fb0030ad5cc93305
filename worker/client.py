"""The queue between whoever asks and the processes that compose or train: hand in, look up what became of it.

The only door to this package for those who ask. Importable without torch, numpy or a web framework. Knows nothing of
people or platforms.
"""

from __future__ import annotations

from worker.connection import COMPOSE_QUEUE, QUEUE_UNAVAILABLE, REPLY_QUEUE, SERIALIZER, TRAIN_QUEUE, Queues, connect
from worker.errors import JobIdError, QueueFullError, ServiceError
from worker.queue.dead_letters import DeadLetter, DeadLetters, dead_letter_lists
from worker.queue.payloads import TrainPayload
from worker.queue.state import JobState, Status, fetch_state
from worker.queue.submission import ReplyTask, Submission, submit
from worker.storage.songs import SongRecord, read_notes
from worker.storage.stats import TRAIN_WORKERS
from worker.training.client import (
    CHECKPOINT_FILE,
    TrainingState,
    TrainingStatus,
    cancel_training,
    check_capacity,
    fetch_training_state,
    submit_training,
)

__all__ = [
    "CHECKPOINT_FILE",
    "COMPOSE_QUEUE",
    "QUEUE_UNAVAILABLE",
    "REPLY_QUEUE",
    "SERIALIZER",
    "TRAIN_QUEUE",
    "TRAIN_WORKERS",
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
    "TrainPayload",
    "TrainingState",
    "TrainingStatus",
    "cancel_training",
    "check_capacity",
    "connect",
    "dead_letter_lists",
    "fetch_state",
    "fetch_training_state",
    "read_notes",
    "submit",
    "submit_training",
]
