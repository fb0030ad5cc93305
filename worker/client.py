"""The public interface to the queue: submit a request, fetch its state, read its song.

The API and the bots import from here only. Importable without torch, numpy or a web framework.
"""

from __future__ import annotations

from worker.connection import Queues, connect, open_connection
from worker.errors import QUEUE_UNAVAILABLE, JobIdError, QueueFullError, ServiceError
from worker.monitoring.logs import configure_logging, logged_job
from worker.monitoring.process_use import report_bot
from worker.queue.dead_letters import DeadLetter, DeadLetters, dead_letter_lists
from worker.queue.deletion import delete_song
from worker.queue.files import FileStatus, file_status, forget_file, missing_formats, request_file
from worker.queue.known_job import KnownJob
from worker.queue.names import COMPOSE_QUEUE, SERIALIZER, TRAIN_QUEUE
from worker.queue.payloads import Action, Revision, TrainPayload
from worker.queue.state import JobState, Status, fetch_state, state_of_song
from worker.queue.submission import Submission, submit
from worker.server_disk import wait_for_disk
from worker.server_time import server_time
from worker.storage.media import Media
from worker.storage.moderation import HTTP, Moderation, bans_key
from worker.storage.songs import PARTS_FILE, SongRecord, read_notes
from worker.storage.stats import BOTS, TRAIN_WORKERS
from worker.storage.timeline import Query, plain_title
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
    "BOTS",
    "CHECKPOINT_FILE",
    "COMPOSE_QUEUE",
    "HTTP",
    "PARTS_FILE",
    "QUEUE_UNAVAILABLE",
    "SERIALIZER",
    "TRAIN_QUEUE",
    "TRAIN_WORKERS",
    "Action",
    "DeadLetter",
    "DeadLetters",
    "FileStatus",
    "JobIdError",
    "JobState",
    "KnownJob",
    "Media",
    "Moderation",
    "Query",
    "QueueFullError",
    "Queues",
    "Revision",
    "ServiceError",
    "SongRecord",
    "Status",
    "Submission",
    "TrainPayload",
    "TrainingState",
    "TrainingStatus",
    "bans_key",
    "cancel_training",
    "check_capacity",
    "configure_logging",
    "connect",
    "dead_letter_lists",
    "delete_song",
    "fetch_state",
    "fetch_training_state",
    "file_status",
    "forget_file",
    "logged_job",
    "missing_formats",
    "open_connection",
    "plain_title",
    "read_notes",
    "report_bot",
    "request_file",
    "server_time",
    "state_of_song",
    "submit",
    "submit_training",
    "wait_for_disk",
]
