"""``/compositions``: request a song, read its state, delete it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool

from bot.api.context import CurrentService, FoundState, JobId, Service
from bot.api.errors import Problem
from bot.api.http.limits import RateLimit, client_of
from bot.api.http.multipart import FILE_FIELDS, ComposeForm, read_request
from bot.api.idempotency import job_id_for, store_answer, stored_answer
from bot.api.keys import Credentials, asker_token, matches
from bot.api.schemas import Accepted, Composition, CompositionRequest, Report
from bot.api.serializers import answer_to, composition_of
from bot.commands.parser import ParsedText, request_from
from bot.commands.revising.revise import remix, revise, revision_verb
from bot.commands.text import clean, one_line
from bot.commands.titles import mask_blocked
from bot.threads import is_public, revision_of
from composer.genre_store import spellings
from worker.client import HTTP, Queues, Revision, SongRecord, delete_song, fetch_state, submit

router = APIRouter(tags=["compositions"])

PATH = "/compositions"
RETRY_AFTER: dict[str, Any] = {"Retry-After": {"description": "seconds to wait", "schema": {"type": "integer"}}}
PROBLEMS: dict[int | str, dict[str, Any]] = {
    400: {"model": Problem, "description": "The body is not UTF-8 or not a form"},
    408: {"model": Problem, "description": "The body took too long"},
    403: {"model": Problem, "description": "The operator has banned this client"},
    413: {"model": Problem, "description": "The body is too long"},
    415: {"model": Problem, "description": "The body is neither JSON nor a form"},
    422: {"model": Problem, "description": "A value that breaks a rule: the rule and the value"},
    429: {"model": Problem, "description": "This client sends too many requests", "headers": RETRY_AFTER},
    503: {"model": Problem, "description": "The queue is full, or cannot be used", "headers": RETRY_AFTER},
}
FORBIDDEN: dict[int | str, dict[str, Any]] = {
    401: {"model": Problem, "description": "Neither the operator's key nor the asker's token"}
}
BEARER = {"WWW-Authenticate": "Bearer"}
REPORTS_LIMIT, REPORTS_SECONDS = 10, 3600
PAUSE_RETRY_SECONDS = 600
UNKNOWN: dict[int | str, dict[str, Any]] = {
    404: {"model": Problem, "description": "No such composition"},
    503: PROBLEMS[503],
}
_FORM_SCHEMA = CompositionRequest.model_json_schema()
_FORM_SCHEMA["properties"] |= {name: {"type": "string", "format": "binary"} for name in FILE_FIELDS}
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
    form = await read_request(request)
    accepted = await run_in_threadpool(_accept, service, form, client_of(request), key)
    await service.keep()
    response.headers["Location"] = accepted.status_url
    return accepted


@router.get(f"{PATH}/{{job_id}}", responses=UNKNOWN, response_model_exclude_none=True)
def get_composition(state: FoundState, response: Response) -> Composition:
    """A composition's status, and the song's facts and files once it is done."""
    response.headers["Cache-Control"] = "no-store"
    return composition_of(state)


@router.delete(f"{PATH}/{{job_id}}", status_code=204, responses=UNKNOWN | FORBIDDEN)
def delete_composition(job_id: JobId, service: CurrentService, state: FoundState, credentials: Credentials) -> None:
    """Delete a song in any state, with the operator's key or the token that its asker got."""
    given = credentials.credentials if credentials else ""
    is_operator = matches(given, service.settings.operator_key)
    if not is_operator and not matches(given, asker_token(service.queues, state.job_id)):
        raise HTTPException(401, "deleting needs the operator's key or the asker's token", BEARER)
    delete_song(service.queues, job_id)
    service.queues.moderation.record("delete", job_id, by="operator" if is_operator else "asker")
    service.keep_now()


@router.post(f"{PATH}/{{job_id}}/report", status_code=202, responses=UNKNOWN | {429: PROBLEMS[429]})
def report_composition(report: Report, request: Request, service: CurrentService, state: FoundState) -> None:
    """Report a song to the operator."""
    RateLimit(REPORTS_LIMIT, REPORTS_SECONDS, "reports").check(service.queues, client_of(request))
    service.queues.moderation.report(state.job_id, one_line(clean(report.reason)))


def _accept(service: Service, form: ComposeForm, client: str, key: str | None) -> Accepted:
    _check_moderation(service, client)
    job_id, body_hash = job_id_for(service.queues, key, client), form.hash()
    accepted = stored_answer(service.queues, job_id, body_hash, Accepted) if key is not None else None
    if accepted is None:
        service.rate_limit.check(service.queues, client)
        accepted = _submit(service, form, job_id)
        if key is not None:
            accepted = store_answer(service.queues, job_id, body_hash, accepted)
        service.queues.moderation.remember_asker(accepted.id, client)
    return accepted


def _check_moderation(service: Service, client: str) -> None:
    """Raises 403 for a banned client, 503 while the operator has paused requests over HTTP."""
    moderation = service.queues.moderation
    if moderation.is_banned(client):
        raise HTTPException(403, "the operator accepts no requests from this client")
    if moderation.is_paused(HTTP):
        raise HTTPException(503, "the operator has paused requests", {"Retry-After": str(PAUSE_RETRY_SECONDS)})


def _submit(service: Service, form: ComposeForm, job_id: str) -> Accepted:
    wanted = form.wanted
    parsed, revision = _wish(service.queues, form)
    if parsed.request is None:
        raise HTTPException(422, _refusal(parsed))
    submission = submit(
        service.queues,
        parsed.request,
        job_id=job_id,
        formats=wanted.formats or service.queues.settings.formats,
        text=mask_blocked(one_line(clean(wanted.text))),
        notices=parsed.notices,
        listed=is_public(service.queues, revision),
        primer=form.primer,
        revision=revision,
        like=form.like,
        own_genre=bool(form.like) and "genre" not in parsed.fields,
    )
    base = f"{PATH}/{job_id}"
    return Accepted(
        id=job_id, status_url=base, events_url=f"{base}/events", position=submission.position,
        eta_seconds=submission.eta_seconds, notices=list(parsed.notices), token=asker_token(service.queues, job_id),
    )  # fmt: skip


def _wish(queues: Queues, form: ComposeForm) -> tuple[ParsedText, Revision | None]:
    """What the text and fields ask for, by themselves or of the song in ``reply_to``. Raises 404 or 422."""
    wanted, genres = form.wanted, spellings()
    parsed = request_from(wanted.text, wanted.fields(), genres=genres)
    if wanted.reply_to is None:
        return parsed, None
    parent = _finished_song(queues, wanted.reply_to)
    verb = revision_verb(parsed)
    if verb is not None and (form.primer or form.like):
        raise HTTPException(422, f"/{verb} takes no file: it works on the song in reply_to")
    if verb is not None:
        made = revise(verb, parent.request, parsed, parent.rendition, from_file=parent.from_file, genres=genres)
    else:
        made = remix(parent.request, parent.rendition, parsed)
    return made.parsed, revision_of(verb or "remix", parent, made)


def _finished_song(queues: Queues, job_id: str) -> SongRecord:
    """The song that a reply works on. Raises 404, or 422 while it is not finished."""
    state = None if queues.moderation.is_deleted(job_id) else fetch_state(queues, job_id)
    if state is None:
        raise HTTPException(404, "reply_to: there is no such song, or it was deleted")
    if state.song is None:
        raise HTTPException(422, f"reply_to: this song is {state.status}; a reply works on a finished one")
    return state.song


def _refusal(parsed: ParsedText) -> str:
    return parsed.refusal or answer_to(parsed.kind)
