"""``/compositions``: request a song, read its state, delete it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool

from bot.api.context import CurrentService, FoundState, Service
from bot.api.errors import Problem
from bot.api.idempotency import job_id_for, request_hash, store_answer, stored_answer
from bot.api.keys import asker_token
from bot.api.limits import client_of
from bot.api.multipart import ComposeForm, read_request
from bot.api.schemas import Accepted, Composition, CompositionRequest
from bot.api.serializers import answer_to, composition_of
from bot.commands.parser import ParsedText, request_from
from bot.commands.text import clean, one_line
from bot.commands.titles import mask_blocked
from composer.genre_store import spellings
from worker.client import submit

router = APIRouter(tags=["compositions"])

PATH = "/compositions"
RETRY_AFTER: dict[str, Any] = {"Retry-After": {"description": "seconds to wait", "schema": {"type": "integer"}}}
PROBLEMS: dict[int | str, dict[str, Any]] = {
    400: {"model": Problem, "description": "The body is not UTF-8 or not a form"},
    408: {"model": Problem, "description": "The body took too long"},
    413: {"model": Problem, "description": "The body is too long"},
    415: {"model": Problem, "description": "The body is neither JSON nor a form"},
    422: {"model": Problem, "description": "A value that breaks a rule: the rule and the value"},
    429: {"model": Problem, "description": "This client sends too many requests", "headers": RETRY_AFTER},
    503: {"model": Problem, "description": "The queue is full, or cannot be used", "headers": RETRY_AFTER},
}
UNKNOWN: dict[int | str, dict[str, Any]] = {
    404: {"model": Problem, "description": "No such composition"},
    503: PROBLEMS[503],
}
_FORM_SCHEMA = CompositionRequest.model_json_schema()
_FORM_SCHEMA["properties"] |= {"primer": {"type": "string", "format": "binary"}}
BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": CompositionRequest.model_json_schema()},
            "multipart/form-data": {"schema": _FORM_SCHEMA},
        },
    }
}
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        description="repeat a request safely: the same key and body get the same answer",
    ),
]


@router.post(PATH, status_code=202, responses=PROBLEMS, openapi_extra=BODY)
async def create_composition(
    request: Request, response: Response, service: CurrentService, key: Key = None
) -> Accepted:
    """Request a song by a tweet or by fields; it is made in the background."""
    body_hash = request_hash(await request.body())
    form = await read_request(request)
    accepted = await run_in_threadpool(_accept, service, form, client_of(request), key, body_hash)
    response.headers["Location"] = accepted.status_url
    return accepted


@router.get(f"{PATH}/{{job_id}}", responses=UNKNOWN, response_model_exclude_none=True)
def get_composition(state: FoundState, response: Response) -> Composition:
    """A composition's status, and the song's facts and files once it is done."""
    response.headers["Cache-Control"] = "no-store"
    return composition_of(state)


def _accept(service: Service, form: ComposeForm, client: str, key: str | None, body_hash: str) -> Accepted:
    job_id = job_id_for(service.queues, key, client)
    accepted = stored_answer(service.queues, job_id, body_hash) if key is not None else None
    if accepted is None:
        service.rate_limit.check(service.queues, client)
        accepted = _submit(service, form, job_id)
        if key is not None:
            accepted = store_answer(service.queues, accepted, body_hash)
    return accepted


def _submit(service: Service, form: ComposeForm, job_id: str) -> Accepted:
    wanted = form.wanted
    parsed = request_from(wanted.text, wanted.fields(), genres=spellings())
    if parsed.request is None:
        raise HTTPException(422, _refusal(parsed))
    submission = submit(
        service.queues,
        parsed.request,
        job_id=job_id,
        formats=wanted.formats or service.queues.settings.formats,
        text=mask_blocked(one_line(clean(wanted.text))),
        notices=parsed.notices,
        listed=True,
    )
    base = f"{PATH}/{job_id}"
    return Accepted(
        id=job_id, status_url=base, events_url=f"{base}/events", position=submission.position,
        eta_seconds=submission.eta_seconds, notices=list(parsed.notices), token=asker_token(service.queues, job_id),
    )  # fmt: skip


def _refusal(parsed: ParsedText) -> str:
    return parsed.refusal or answer_to(parsed.kind)
