"""Checks training requests (paths, length) and submits them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from fastapi import HTTPException

from bot.api.context import Service
from bot.api.http.uploads import name_of
from bot.api.idempotency import store_answer, stored_answer
from bot.api.training_schemas import TrainingAccepted, TrainingRequest
from worker.client import QueueFullError, TrainPayload, fetch_training_state, submit_training


def answer_once(
    service: Service, key: str | None, job_id: str, body_hash: str, submit: Callable[[], TrainingAccepted]
) -> TrainingAccepted:
    """What ``submit`` answers; the first answer for a repeated ``key``. Raises 422 for a key of another request."""
    if key is None:
        return submit()
    stored = stored_answer(service.queues, job_id, body_hash, TrainingAccepted)
    return stored or store_answer(service.queues, job_id, body_hash, submit())


def payload_from_path(service: Service, wanted: TrainingRequest) -> TrainPayload:
    """The payload for MIDI files on the server. Raises 422."""
    if wanted.midi is None:
        raise HTTPException(422, "midi: name a folder or archive on the server, or send an archive as the body")
    return _payload(service, wanted, midi=_resolved(service.settings.train_folder, wanted.midi))


def _resolved(allowed: Path | None, wanted: str) -> Path:
    """``wanted`` as a path, links followed. Raises 422 unless it exists inside the ``allowed`` folder."""
    if allowed is None:
        raise HTTPException(422, "midi: no folder on this server may be named, send an archive as the body")
    root = allowed.resolve()
    found = root if "\0" in wanted else (root / wanted).resolve()
    # One sentence for all cases, so that the answer tells nothing about files elsewhere.
    if "\0" in wanted or not found.is_relative_to(root) or not found.exists():
        raise HTTPException(422, f"midi: there is no such folder or archive in the trainings' folder: {wanted[:200]!r}")
    return found


def _payload(service: Service, wanted: TrainingRequest, **source: Any) -> TrainPayload:
    settings, minutes = service.settings, wanted.minutes
    if minutes is None and wanted.updates is None:
        minutes = settings.train_minutes
    if minutes is not None and wanted.updates is not None:
        raise HTTPException(422, "a training is limited by minutes or by updates, not both")
    if minutes is not None and minutes > settings.train_minutes_limit:
        raise HTTPException(422, f"minutes: at most {settings.train_minutes_limit:g} here, not {minutes:g}")
    if wanted.updates is not None and wanted.updates > settings.train_updates_limit:
        raise HTTPException(422, f"updates: at most {settings.train_updates_limit} here, not {wanted.updates}")
    given = wanted.model_dump(include={"genre", "updates", "seed", "licence"})
    return TrainPayload(**given, minutes=minutes, **source)


def submit_upload(service: Service, wanted: TrainingRequest, job_id: str, path: Path) -> TrainingAccepted:
    """Store the archive at ``path`` in the media store and submit its training. Raises 422."""
    name, media = name_of(path), service.queues.media
    payload = _payload(service, wanted, upload=name)
    if fetch_training_state(service.queues, job_id) is None:  # a repeated request keeps the first one's archive
        media.put(job_id, {name: path})
    try:
        return submit_payload(service, payload, job_id)
    except QueueFullError:
        media.remove(job_id)
        raise


def submit_payload(service: Service, payload: TrainPayload, job_id: str) -> TrainingAccepted:
    """Submit ``payload``, once."""
    submission = submit_training(service.queues, payload, job_id=job_id)
    base = f"/trainings/{job_id}"
    return TrainingAccepted(id=job_id, status_url=base, events_url=f"{base}/events", position=submission.position)
