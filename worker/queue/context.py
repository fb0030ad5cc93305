"""What a job finds in its worker process: the queues and settings the process was started with.

RQ calls plain functions by name; a context variable, set around the work loop, saves a global made at import.
"""

from __future__ import annotations

from contextvars import ContextVar

from worker.client import Queues

CURRENT_QUEUES: ContextVar[Queues] = ContextVar("riffbird_queues")
"""Raises ``LookupError`` outside a worker process."""
