"""Train the band over HTTP: off unless the operator set a key, and only for who knows it.

Takes in a genre's MIDI (a place on the server inside one allowed folder, or an upload), hands the training to its queue
and shows how it goes. Does not know how a network learns.
"""

from __future__ import annotations

import secrets
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
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import ValidationError

from bot.api.context import CurrentService, JobId, Service
from bot.api.errors import Problem
from bot.api.idempotency import job_id_for
from bot.api.limits import client_of
from bot.api.routes.compositions import PROBLEMS, Key
from bot.api.routes.events import OPEN_STREAMS, follow
from bot.api.training_requests import hand_in, hand_in_upload, order_by_place
from bot.api.training_schemas import CurvePoint, TrainingAccepted, TrainingFields, TrainingProgress, TrainingRequest
from bot.api.uploads import TYPES, receive, receive_text
from worker.client import (
    CHECKPOINT_FILE,
    TrainingState,
    cancel_training,
    check_capacity,
    fetch_training_state,
)

UPLOADS_TO = "/trainings"
OFF = "nobody trains the band over HTTP here: the operator has set no key"
PAUSES = {"queued": 1.0, "preparing": 0.5, "training": 0.5}
"""Seconds between two looks of a stream."""
ANSWERS: dict[int | str, dict[str, Any]] = {
    401: {"model": Problem, "description": "The key is missing or wrong"},
    404: {"model": Problem, "description": "Trainings are off here, or there is no such training"},
    503: PROBLEMS[503],
}
BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": TrainingRequest.model_json_schema()}}
        | {kind: {"schema": {"type": "string", "format": "binary"}} for kind in TYPES},
    }
}

bearer = HTTPBearer(auto_error=False, description="the key the operator set")


def authorised(
    service: CurrentService, given: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]
) -> Service:
    """The service, for who knows the key. Raises 404 where there is none, 401 for a wrong one."""
    key = service.settings.train_api_key
    if key is None:
        raise HTTPException(404, OFF)
    said = given.credentials if given else ""
    # In constant time: how long a refusal takes tells nothing of how much was right.
    if not secrets.compare_digest(said.encode(), key.get_secret_value().encode()):
        raise HTTPException(401, "training needs the operator's key", {"WWW-Authenticate": "Bearer"})
    return service


Authorised = Annotated[Service, Depends(authorised)]
router = APIRouter(tags=["trainings"], dependencies=[Depends(authorised)])


def known_training(job_id: JobId, service: Authorised) -> TrainingState:
    """How training ``job_id`` goes; 404 if nothing is known of it."""
    return _found(fetch_training_state(service.queues, job_id))


KnownTraining = Annotated[TrainingState, Depends(known_training)]


@router.post(UPLOADS_TO, status_code=202, responses=PROBLEMS | ANSWERS, openapi_extra=BODY)
async def ask_for_a_training(
    request: Request,
    response: Response,
    service: Authorised,
    beside: Annotated[TrainingFields, Query()],
    key: Key = None,
) -> TrainingAccepted:
    """Train a genre: fields as JSON, or an archive as the body with the fields in the address."""
    await run_in_threadpool(check_capacity, service.queues)
    job_id = job_id_for(key, f"training {client_of(request)}")
    if request.headers.get("content-type", "").startswith("application/json"):
        body = await receive_text(request, service.settings.body_limit_bytes)
        order = await run_in_threadpool(order_by_place, service, _read(TrainingRequest, body))
        accepted = await run_in_threadpool(hand_in, service, order, job_id)
    else:
        wanted = _read(TrainingRequest, beside.model_dump(exclude_none=True))
        async with _scratch(service) as folder:
            await receive(request, folder / "upload", service.settings.train_upload_limit_bytes)
            accepted = await run_in_threadpool(hand_in_upload, service, wanted, job_id, folder / "upload")
    response.headers["Location"] = accepted.status_url
    return accepted


@router.get("/trainings/{job_id}", responses=ANSWERS, response_model_exclude_none=True)  # noqa: FAST003  KnownTraining reads it
def how_it_goes(state: KnownTraining, response: Response) -> TrainingProgress:
    """A training's status, figures and learning curve."""
    response.headers["Cache-Control"] = "no-store"
    return shown(state)


@router.delete("/trainings/{job_id}", responses=ANSWERS, response_model_exclude_none=True)
def cancel(job_id: JobId, service: Authorised) -> TrainingProgress:
    """End a training that waits or runs; its status becomes ``cancelled``. One that is settled stays as it is."""
    return shown(_found(cancel_training(service.queues, job_id)))


@router.get(
    "/trainings/{job_id}/events",
    response_class=EventSourceResponse,
    responses=ANSWERS,
    dependencies=[Depends(OPEN_STREAMS)],
)
async def watch(job_id: JobId, service: Authorised, first: KnownTraining) -> AsyncIterator[ServerSentEvent]:
    """Follow a training: ``state`` events with the status' JSON, ``trouble`` while the queue cannot be reached."""
    async for event in follow(first, partial(fetch_training_state, service.queues, job_id), shown, PAUSES):
        yield event


@router.get(
    "/trainings/{job_id}/checkpoint",
    response_class=StreamingResponse,
    responses=ANSWERS | {200: {"content": {"application/octet-stream": {}}}},
)
def checkpoint(job_id: JobId, service: Authorised, state: KnownTraining) -> StreamingResponse:
    """The weights: a file for ``RIFFBIRD_CHECKPOINT`` or ``riffbird compose --checkpoint``."""
    media = service.queues.media
    size = media.size(job_id, CHECKPOINT_FILE) if state.status == "done" else None
    if size is None:
        raise HTTPException(404, "this training has no checkpoint (yet)")
    headers = {"Content-Length": str(size), "Content-Disposition": f"attachment; filename={state.genre}.safetensors"}
    return StreamingResponse(
        media.read(job_id, CHECKPOINT_FILE), media_type="application/octet-stream", headers=headers
    )


def shown(state: TrainingState) -> TrainingProgress:
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
        raise HTTPException(404, "there is no such training, or its time has come and it was forgotten")
    return state


def _read(kind: type[TrainingRequest], given: bytes | dict[str, Any]) -> TrainingRequest:
    try:
        return kind.model_validate_json(given) if isinstance(given, bytes) else kind.model_validate(given)
    except ValidationError as error:
        raise RequestValidationError(error.errors()) from None


@asynccontextmanager
async def _scratch(service: Service) -> AsyncIterator[Path]:
    """A folder for the time of the block; what a killed process leaves there a worker deletes."""
    parent = service.queues.settings.scratch_dir
    await run_in_threadpool(partial(parent.mkdir, parents=True, exist_ok=True))
    made = await run_in_threadpool(tempfile.TemporaryDirectory, dir=parent, prefix="upload-")
    try:
        yield Path(made.name)
    finally:
        await run_in_threadpool(made.cleanup)
