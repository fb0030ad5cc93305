"""Names that the queue's parts agree on: queues, the functions that jobs may call, the serializer."""

from __future__ import annotations

COMPOSE_QUEUE = "compose"
TRAIN_QUEUE = "train"
COMPOSING = "composing"
"""The program of a worker's composing process, which takes no jobs."""
COMPOSE_JOB = "worker.jobs.compose"
FILE_JOB = "worker.file_job.render_file"
FILE_JOB_PREFIX = "file-"
"""Begins the ids of jobs that render one more file of a song."""
TRAIN_JOB = "worker.training.job.train"
JOB_FUNCTIONS = frozenset({COMPOSE_JOB, FILE_JOB, TRAIN_JOB})
"""The only functions that a job may call. A writer to Redis can choose among them, and name no other."""
SERIALIZER = "json"
"""JSON on queue and worker: unpickling would let a writer to Redis run code in the workers."""
