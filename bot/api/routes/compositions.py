"""Ask for a song, see what became of it. What may be asked is judged by the parser, when by the queue."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, HTTPException, Request, Response

from bot.api.context import CurrentService, KnownState, Service
from bot.api.errors import Problem
from bot.api.idempotency import first_answer, job_id_for, keep_answer
from bot.api.limits import client_of
from bot.api.schemas import Accepted, Composition, CompositionRequest
from bot.api.serializers import answer_to, composition_of
from bot.commands.parser import ParsedText, request_from
from composer.genre_store import spellings
from worker.client import submit

router = APIRouter(tags=["compositions"])

RETRY_AFTER: dict[str, Any] = {"Retry-After": {"description": "seconds to wait", "schema": {"type": "integer"}}}
PROBLEMS: dict[int | str, dict[str, Any]] = {
    413: {"model": Problem, "description": "The body is too long"},
    422: {"model": Problem, "description": "The request cannot be met as it stands: the rule and the value"},
    429: {"model": Problem, "description": "This client asks too often", "headers": RETRY_AFTER},
    503: {"model": Problem, "description": "The queue is full, or cannot be reached", "headers": RETRY_AFTER},
}
UNKNOWN: dict[int | str, dict[str, Any]] = {
    404: {"model": Problem, "description": "No such composition"},
    503: PROBLEMS[503],
}
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        description="repeat a request safely: same key, same answer",
    ),
]


@router.post("/compositions", status_code=202, responses=PROBLEMS)
def ask_for_a_song(
    wanted: CompositionRequest, request: Request, response: Response, service: CurrentService, key: Key = None
) -> Accepted:
    """Ask for a song by a tweet or by fields; it is made in the background."""
    client = client_of(request)
    job_id = job_id_for(key, client)
    accepted = first_answer(service.queues, job_id) if key is not None else None
    if accepted is None:
        service.rate_limit.check(service.queues, client)
        accepted = _hand_in(service, wanted, job_id)
        if key is not None:
            accepted = keep_answer(service.queues, accepted)
    response.headers["Location"] = accepted.status_url
    return accepted


@router.get("/compositions/{job_id}", responses=UNKNOWN, response_model_exclude_none=True)  # noqa: FAST003  KnownState reads it
def what_became_of_it(state: KnownState, response: Response) -> Composition:
    """A composition's status, and the song's facts and files once it is done."""
    response.headers["Cache-Control"] = "no-store"
    return composition_of(state)


def _hand_in(service: Service, wanted: CompositionRequest, job_id: str) -> Accepted:
    parsed = request_from(wanted.text, wanted.fields(), genres=spellings())
    if parsed.request is None:
        raise HTTPException(422, _refusal(parsed))
    submission = submit(
        service.queues,
        parsed.request,
        job_id=job_id,
        formats=wanted.formats or service.queues.settings.formats,
        text=wanted.text,
        notices=parsed.notices,
        listed=True,
    )
    base = f"/compositions/{job_id}"
    return Accepted(
        id=job_id, status_url=base, events_url=f"{base}/events", position=submission.position,
        eta_seconds=submission.eta_seconds, notices=list(parsed.notices),
    )  # fmt: skip


def _refusal(parsed: ParsedText) -> str:
    return parsed.refusal or answer_to(parsed.kind)
