"""What a job finds in its worker process: the queues and settings that the process was started with.

RQ calls plain functions by name, so this cannot be an argument.
"""

from __future__ import annotations

from contextvars import ContextVar

from worker.connection import Queues

CURRENT_QUEUES: ContextVar[Queues] = ContextVar("riffbird_queues")
"""Raises ``LookupError`` outside a worker process."""
