"""``Idempotency-Key``: a repeated request gets the first answer and makes no second song.

The key becomes the job's id, so that simultaneous requests make one song too. The same key with another body is a 422.
"""

from __future__ import annotations

import hashlib
import uuid
from typing import cast

from fastapi import HTTPException
from pydantic import BaseModel

from bot.api.keys import keyed_hash
from bot.api.schemas import Accepted
from worker.client import Queues

KEPT_SECONDS = 24 * 3600


class StoredAnswer(BaseModel):
    """An answer and the hash of the request that it answered."""

    request_hash: str
    answer: Accepted


def job_id_for(queues: Queues, key: str | None, client: str) -> str:
    """A new id, or, for a key, the same id for each request of this client with this key."""
    return uuid.uuid4().hex if key is None else keyed_hash(queues, f"job {client}\n{key}")


def request_hash(body: bytes) -> str:
    """A hash that tells requests apart."""
    return hashlib.sha256(body).hexdigest()


def stored_answer(queues: Queues, job_id: str, body_hash: str) -> Accepted | None:
    """The answer given before. Raises 422 if it answered another request."""
    kept = cast("bytes | None", queues.connection.get(_key(job_id)))
    if kept is None:
        return None
    stored = StoredAnswer.model_validate_json(kept)
    if stored.request_hash != body_hash:
        raise HTTPException(422, "Idempotency-Key: this key was used for another request")
    return stored.answer


def store_answer(queues: Queues, accepted: Accepted, body_hash: str) -> Accepted:
    """Store ``accepted`` unless a simultaneous request was faster; the stored answer."""
    stored = StoredAnswer(request_hash=body_hash, answer=accepted)
    queues.connection.set(_key(accepted.id), stored.model_dump_json(), nx=True, ex=KEPT_SECONDS)
    return stored_answer(queues, accepted.id, body_hash) or accepted


def _key(job_id: str) -> str:
    return f"riffbird:answer:2:{job_id}"
