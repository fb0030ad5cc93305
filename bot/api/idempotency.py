"""``Idempotency-Key``: a repeated request gets the first answer and makes no second song.

The key becomes the job's id, so that simultaneous requests make one song too. The same key with another body is a 422.
"""

from __future__ import annotations

import hashlib
import uuid
from typing import Any, TypeVar, cast

from fastapi import HTTPException
from pydantic import BaseModel

from bot.api.keys import keyed_hash
from worker.client import Queues

KEPT_SECONDS = 24 * 3600
AnswerT = TypeVar("AnswerT", bound=BaseModel)


class StoredAnswer(BaseModel):
    """An answer and the hash of the request that it answered."""

    request_hash: str
    answer: dict[str, Any]


def job_id_for(queues: Queues, key: str | None, client: str) -> str:
    """A new id, or, for a key, the same id for each request of this client with this key."""
    return uuid.uuid4().hex if key is None else keyed_hash(queues, f"job {client}\n{key}")


def request_hash(*parts: bytes) -> str:
    """A hash that tells requests apart, from the parts of their bodies."""
    digests = [hashlib.sha256(part).digest() for part in parts]
    return hashlib.sha256(b"".join(digests)).hexdigest()


def stored_answer(queues: Queues, job_id: str, body_hash: str, kind: type[AnswerT]) -> AnswerT | None:
    """The answer of this ``kind`` given before. Raises 422 if it answered another request."""
    kept = cast("bytes | None", queues.connection.get(_key(job_id)))
    if kept is None:
        return None
    stored = StoredAnswer.model_validate_json(kept)
    if stored.request_hash != body_hash:
        raise HTTPException(422, "Idempotency-Key: this key was used for another request")
    return kind.model_validate(stored.answer)


def store_answer(queues: Queues, job_id: str, body_hash: str, answer: AnswerT) -> AnswerT:
    """Store ``answer`` unless a simultaneous request was faster; the stored answer. Raises 422 as `stored_answer`."""
    stored = StoredAnswer(request_hash=body_hash, answer=answer.model_dump(mode="json"))
    queues.connection.set(_key(job_id), stored.model_dump_json(), nx=True, ex=KEPT_SECONDS)
    return stored_answer(queues, job_id, body_hash, type(answer)) or answer


def _key(job_id: str) -> str:
    return f"riffbird:answer:2:{job_id}"
