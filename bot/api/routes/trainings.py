"""``/trainings``: train a genre over HTTP; off unless ``RIFFBIRD_TRAIN_API_KEY`` is set, and only with that key.

Accepts a genre's MIDI (a path inside one allowed folder, or an upload), submits the training and shows its progress.
"""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import StreamingResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import ValidationError

from bot.api.context import CurrentService, JobId, Service
from bot.api.errors import Problem
from bot.api.http.limits import client_of
from bot.api.http.uploads import TYPES, receive, receive_text
from bot.api.idempotency import job_id_for, request_hash
from bot.api.keys import Credentials, require_key
from bot.api.routes.compositions import PROBLEMS, Key
from bot.api.routes.events import OPEN_STREAMS, follow
from bot.api.training_requests import answer_once, payload_from_path, submit_payload, submit_upload
from bot.api.training_schemas import CurvePoint, TrainingAccepted, TrainingFields, TrainingProgress, TrainingRequest
from worker.client import (
    CHECKPOINT_FILE,
    TrainingState,
    cancel_training,
    check_capacity,
    fetch_training_state,
)

PATH = "/trainings"
OFF = "training over HTTP is off: the operator has set no key"
PAUSES = {"queued": 1.0, "preparing": 0.5, "training": 0.5}
"""Seconds between two reads of a stream, by status."""
ANSWERS: dict[int | str, dict[str, Any]] = {
    401: {"model": Problem, "description": "The key is missing or wrong"},
    404: {"model": Problem, "description": "Trainings are off, or there is no such training"},
    503: PROBLEMS[503],
}
BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": TrainingRequest.model_json_schema()}}
        | {kind: {"schema": {"type": "string", "format": "binary"}} for kind in TYPES},
    }
}


def authorised(service: CurrentService, credentials: Credentials) -> Service:
    """The service, if the training key was given. Raises 404 where none is set, 401 for another one."""
    require_key(credentials, service.settings.train_api_key, OFF)
    return service


Authorised = Annotated[Service, Depends(authorised)]
router = APIRouter(tags=["trainings"], dependencies=[Depends(authorised)])


def find_training(job_id: JobId, service: Authorised) -> TrainingState:
    """The state of training ``job_id``. Raises 404 if there is none."""
    return _found(fetch_training_state(service.queues, job_id))


FoundTraining = Annotated[TrainingState, Depends(find_training)]


@router.post(PATH, status_code=202, responses=PROBLEMS | ANSWERS, openapi_extra=BODY)
async def create_training(
    request: Request,
    response: Response,
    service: Authorised,
    query: Annotated[TrainingFields, Query()],
    key: Key = None,
) -> TrainingAccepted:
    """Train a genre: fields as JSON, or an archive as the body with the fields in the address."""
    await run_in_threadpool(check_capacity, service.queues)
    job_id = job_id_for(service.queues, key, f"training {client_of(request)}")
    if request.headers.get("content-type", "").startswith("application/json"):
        body = await receive_text(request, service.settings.body_limit_bytes)
        payload = await run_in_threadpool(payload_from_path, service, _read(TrainingRequest, body))
        submit = partial(submit_payload, service, payload, job_id)
        accepted = await run_in_threadpool(answer_once, service, key, job_id, request_hash(body), submit)
    else:
        wanted = _read(TrainingRequest, query.model_dump(exclude_none=True))
        async with _scratch(service) as folder:
            digest = await receive(request, folder / "upload", service.settings.train_upload_limit_bytes)
            body_hash = request_hash(wanted.model_dump_json().encode(), digest)
            submit = partial(submit_upload, service, wanted, job_id, folder / "upload")
            accepted = await run_in_threadpool(answer_once, service, key, job_id, body_hash, submit)
    await service.keep()
    response.headers["Location"] = accepted.status_url
    return accepted


@router.get("/trainings/{job_id}", responses=ANSWERS, response_model_exclude_none=True)  # noqa: FAST003  FoundTraining reads it
def get_training(state: FoundTraining, response: Response) -> TrainingProgress:
    """A training's status, figures and learning curve."""
    response.headers["Cache-Control"] = "no-store"
    return training_of(state)


@router.delete("/trainings/{job_id}", responses=ANSWERS, response_model_exclude_none=True)
def delete_training(job_id: JobId, service: Authorised) -> TrainingProgress:
    """Cancel a training that waits or runs; its status becomes ``cancelled``. A finished one stays as it is."""
    return training_of(_found(cancel_training(service.queues, job_id)))


@router.get(
    "/trainings/{job_id}/events",
    response_class=EventSourceResponse,
    responses=ANSWERS,
    dependencies=[Depends(OPEN_STREAMS)],
)
async def watch_training(job_id: JobId, service: Authorised, first: FoundTraining) -> AsyncIterator[ServerSentEvent]:
    """Follow a training: ``state`` events with its JSON, ``trouble`` while the queue cannot be used."""
    async for event in follow(first, partial(fetch_training_state, service.queues, job_id), training_of, PAUSES):
        yield event


@router.get(
    "/trainings/{job_id}/checkpoint",
    response_class=StreamingResponse,
    responses=ANSWERS | {200: {"content": {"application/octet-stream": {}}}},
)
def get_checkpoint(job_id: JobId, service: Authorised, state: FoundTraining) -> StreamingResponse:
    """The weights: a file for ``RIFFBIRD_CHECKPOINT`` or ``riffbird compose --checkpoint``."""
    media = service.queues.media
    size = media.size(job_id, CHECKPOINT_FILE) if state.status == "done" else None
    if size is None:
        raise HTTPException(404, "this training has no checkpoint, or not yet")
    headers = {"Content-Length": str(size), "Content-Disposition": f"attachment; filename={state.genre}.safetensors"}
    return StreamingResponse(
        media.read(job_id, CHECKPOINT_FILE), media_type="application/octet-stream", headers=headers
    )


def training_of(state: TrainingState) -> TrainingProgress:
    """The JSON of ``state``."""
    base = f"/trainings/{state.job_id}"
    return TrainingProgress(
        id=state.job_id, status=state.status, genre=state.genre, progress=state.progress, position=state.position,
        update=state.update, updates=state.updates, nll=state.nll, valid=state.valid, best=state.best,
        seconds_left=state.seconds_left, curve=[CurvePoint.model_validate(point) for point in state.curve],
        problem=state.problem, checkpoint_url=f"{base}/checkpoint" if state.status == "done" else None,
    )  # fmt: skip


def _found(state: TrainingState | None) -> TrainingState:
    if state is None:
        raise HTTPException(404, "there is no such training, or it was deleted")
    return state


def _read(kind: type[TrainingRequest], given: bytes | dict[str, Any]) -> TrainingRequest:
    try:
        return kind.model_validate_json(given) if isinstance(given, bytes) else kind.model_validate(given)
    except ValidationError as error:
        raise RequestValidationError(error.errors()) from None


@asynccontextmanager
async def _scratch(service: Service) -> AsyncIterator[Path]:
    """A temporary folder; the worker's maintenance deletes what a killed process leaves."""
    parent = service.queues.settings.scratch_dir
    await run_in_threadpool(partial(parent.mkdir, parents=True, exist_ok=True))
    made = await run_in_threadpool(tempfile.TemporaryDirectory, dir=parent, prefix="upload-")
    try:
        yield Path(made.name)
    finally:
        await run_in_threadpool(made.cleanup)
