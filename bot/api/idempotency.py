"""A repeated request with the same ``Idempotency-Key`` gets the first answer, word for word, and makes no second song.

The key becomes the job's id, so that even two requests at the same moment make one song. Does not know what is asked.
"""

from __future__ import annotations

import hashlib
import uuid
from typing import cast

from bot.api.schemas import Accepted
from worker.client import Queues

KEPT_SECONDS = 24 * 3600


def job_id_for(key: str | None, client: str) -> str:
    """A new id, or, for a key, the id that this client's key always means."""
    return uuid.uuid4().hex if key is None else hashlib.sha256(f"{client}\n{key}".encode()).hexdigest()[:32]


def first_answer(queues: Queues, job_id: str) -> Accepted | None:
    """The answer given before, if there is one."""
    stored = cast("bytes | None", queues.connection.get(_key(job_id)))
    return None if stored is None else Accepted.model_validate_json(stored)


def keep_answer(queues: Queues, accepted: Accepted) -> Accepted:
    """Keep ``accepted`` unless another request was faster; the answer that counts."""
    queues.connection.set(_key(accepted.id), accepted.model_dump_json(), nx=True, ex=KEPT_SECONDS)
    return first_answer(queues, accepted.id) or accepted


def _key(job_id: str) -> str:
    return f"riffbird:answer:{job_id}"
