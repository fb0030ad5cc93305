"""What may be trained: where the music may lie, how long it may take. Judges, and hands in what is in order.

Knows no request of HTTP, only what was read from one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import HTTPException

from bot.api.context import Service
from bot.api.training_schemas import TrainingAccepted, TrainingRequest
from bot.api.uploads import name_of
from worker.client import QueueFullError, TrainPayload, fetch_training_state, submit_training


def order_by_place(service: Service, wanted: TrainingRequest) -> TrainPayload:
    """The order for music that lies on the server. Raises the 422."""
    if wanted.midi is None:
        raise HTTPException(422, "midi: name a folder or archive on the server, or send an archive as the body")
    return _order(service, wanted, midi=_place(service.settings.train_folder, wanted.midi))


def _place(allowed: Path | None, wanted: str) -> Path:
    """``wanted`` as a path, links followed. Raises the 422 unless it exists inside the ``allowed`` folder."""
    if allowed is None:
        raise HTTPException(422, "midi: no folder on this server may be named, send an archive as the body")
    root = allowed.resolve()
    found = root if "\0" in wanted else (root / wanted).resolve()
    # One sentence for all: who asks learns nothing about files elsewhere.
    if "\0" in wanted or not found.is_relative_to(root) or not found.exists():
        raise HTTPException(422, f"midi: there is no such folder or archive in the trainings' folder: {wanted[:200]!r}")
    return found


def _order(service: Service, wanted: TrainingRequest, **source: Any) -> TrainPayload:
    settings, minutes = service.settings, wanted.minutes
    if minutes is None and wanted.updates is None:
        minutes = settings.train_minutes
    if minutes is not None and wanted.updates is not None:
        raise HTTPException(422, "a training lasts so many minutes or so many updates, not both")
    if minutes is not None and minutes > settings.train_minutes_limit:
        raise HTTPException(422, f"minutes: at most {settings.train_minutes_limit:g} here, not {minutes:g}")
    told = wanted.model_dump(include={"genre", "updates", "seed", "licence"})
    return TrainPayload(**told, minutes=minutes, **source)


def hand_in_upload(service: Service, wanted: TrainingRequest, job_id: str, path: Path) -> TrainingAccepted:
    """Keep the archive at ``path`` in the media store and hand in its training. Raises the 422."""
    name, media = name_of(path), service.queues.media
    order = _order(service, wanted, upload=name)
    if fetch_training_state(service.queues, job_id) is None:  # a repeated request leaves the first one's archive alone
        media.put(job_id, {name: path})
    try:
        return hand_in(service, order, job_id)
    except QueueFullError:
        media.remove(job_id)
        raise


def hand_in(service: Service, order: TrainPayload, job_id: str) -> TrainingAccepted:
    """Hand in ``order``, once."""
    submission = submit_training(service.queues, order, job_id=job_id)
    base = f"/trainings/{job_id}"
    return TrainingAccepted(id=job_id, status_url=base, events_url=f"{base}/events", position=submission.position)
