"""``/moderation``: hide and delete songs, ban people, pause networks, read reports and the audit log.

Needs the operator's key.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, HTTPException, Response

from bot.api.errors import Problem
from bot.api.http.limits import client_hash
from bot.api.keys import Operator
from bot.api.routes.compositions import PROBLEMS
from bot.api.schemas import ModerationAction, ModerationState
from bot.networks.registry import NETWORKS
from worker.client import HTTP, Queues, delete_song

ANSWERS: dict[int | str, dict[str, Any]] = {
    401: {"model": Problem, "description": "The key is missing or wrong"},
    404: {"model": Problem, "description": "The operator has set no key, or there is no such target"},
    422: PROBLEMS[422],
    503: PROBLEMS[503],
}
PLACES = (HTTP, *NETWORKS)

router = APIRouter(tags=["operation"])


@router.get("/moderation", responses=ANSWERS)
def get_moderation(service: Operator, response: Response) -> ModerationState:
    """Reports, bans, pauses and the audit log."""
    response.headers["Cache-Control"] = "no-store"
    return _state(service.queues)


@router.post("/moderation", responses=ANSWERS)
def moderate(action: ModerationAction, service: Operator, response: Response) -> ModerationState:
    """Carry out one decision and add it to the audit log."""
    response.headers["Cache-Control"] = "no-store"
    if not _ACTIONS[action.action](service.queues, action.target.strip()):
        raise HTTPException(404, f"{action.action}: there is no {action.target[:100]!r}")
    service.queues.moderation.record(action.action, action.target, action.note)
    service.keep_now()
    return _state(service.queues)


def _state(queues: Queues) -> ModerationState:
    moderation = queues.moderation
    bans = {place: found for place in PLACES if (found := moderation.bans(place))}
    return ModerationState.model_validate(
        {"reports": moderation.reports(), "bans": bans, "paused": moderation.paused(), "log": moderation.audit_log()}
    )


def _delete(queues: Queues, job_id: str) -> bool:
    delete_song(queues, job_id)
    queues.moderation.dismiss(job_id)
    return True


def _hide(queues: Queues, job_id: str) -> bool:
    return queues.songs.hide(job_id)


def _dismiss(queues: Queues, job_id: str) -> bool:
    return queues.moderation.dismiss(job_id) > 0


def _ban(queues: Queues, target: str) -> bool:
    place, who = _person(queues, target)
    queues.moderation.ban(place, who)
    return True


def _unban(queues: Queues, target: str) -> bool:
    return queues.moderation.unban(*_person(queues, target))


def _person(queues: Queues, target: str) -> tuple[str, str]:
    """(network, handle or client hash) of ``NETWORK:HANDLE``, ``http:ADDRESS`` or ``song:ID``. Raises 422."""
    place, _, who = target.partition(":")
    if place == "song" and (client := queues.moderation.asker(who)):
        return HTTP, client
    if place not in PLACES or not who:
        raise HTTPException(
            422, f"target: one of {', '.join(PLACES)}, a colon and a handle, or song:ID of a known asker"
        )
    is_hash = len(who) == 32 and all(digit in "0123456789abcdef" for digit in who)
    return place, client_hash(who) if place == HTTP and not is_hash else who


def _pause(queues: Queues, target: str) -> bool:
    if target not in PLACES:
        raise HTTPException(422, f"target: one of {', '.join(PLACES)}, not {target[:100]!r}")
    queues.moderation.pause(target)
    return True


def _resume(queues: Queues, target: str) -> bool:
    return queues.moderation.resume(target)


_ACTIONS: dict[str, Callable[[Queues, str], bool]] = {
    "hide": _hide, "delete": _delete, "dismiss": _dismiss, "ban": _ban, "unban": _unban, "pause": _pause,
    "resume": _resume,
}  # fmt: skip
