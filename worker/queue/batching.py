"""Songs composed before their turn: who composes a song takes those that wait behind it into one batch.

Side by side they take less time (``composer.decoding.generate``). No job is claimed: what is composed lies in Redis,
as MIDI, for
whichever worker takes the job in its turn; where it does not lie there, the song is composed then, and is the same. So
nothing is lost with a worker but time. Does not know how songs are composed.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, cast

from pydantic import ValidationError
from redis import Redis
from rq.exceptions import DeserializationError
from rq.job import Job

from composer.errors import CheckpointError, RefusedError
from midi_data.errors import MidiDataError
from midi_data.song import Song
from worker.connection import COMPOSE_QUEUE, SERIALIZER, TRANSIENT_ERRORS, Queues
from worker.queue.payloads import ComposePayload
from worker.settings import DEFAULT_PERFORMER

if TYPE_CHECKING:
    from composer.pipeline import OnStage

logger = logging.getLogger(__name__)

KEY = "riffbird:ahead:"
UNDER_WAY = b""
"""What lies there while a song is being composed ahead: nobody else begins it."""
UNDER_WAY_SECONDS, KEPT_SECONDS = 60, 3600


def compose_in_batch(queues: Queues, job: Job, order: ComposePayload, progress: OnStage) -> Song | None:
    """The song of ``job``, composed ahead or now beside others; ``None`` where it is as well composed alone.

    Raises what may pass (a lost server, a timeout).
    """
    settings = queues.settings
    if not settings.compose_batch_size or settings.performer != DEFAULT_PERFORMER:
        return None
    place = _place_of(order, settings.checkpoint)
    if not place:
        return None
    known = _taken(queues.connection, place + job.id)
    if known is not None:
        return known
    beside = _begun(queues, place)
    return _composed(queues, order, beside, progress) if beside else None


def _taken(connection: Redis, key: str) -> Song | None:
    """What was composed ahead and kept at ``key``; it does not lie there any more."""
    with connection.pipeline() as pipe:
        pipe.get(key)
        pipe.delete(key)
        midi = cast("bytes | None", pipe.execute()[0])
    if not midi:
        return None
    from midi_data.io.midi_file import song_from_bytes

    try:
        return song_from_bytes(midi, source="a song composed ahead")
    except MidiDataError as error:
        logger.warning("what was composed ahead cannot be read, the song is composed again: %s", error)
        return None


def _begun(queues: Queues, place: str) -> dict[str, ComposePayload]:
    """Orders of the queue that are kept at ``place`` and that nobody composes yet, by key: they are ours to compose.

    One worker's share of what waits, behind those that the other workers take next.
    """
    workers = max(queues.stats.worker_count(), 1)
    ours = min(queues.depth(COMPOSE_QUEUE) // workers, queues.settings.compose_batch_size)
    if not ours:
        return {}
    waiting = queues.compose_queue.get_job_ids(workers - 1, ours)
    jobs = Job.fetch_many(waiting, connection=queues.connection, serializer=SERIALIZER)
    orders = {place + job.id: _order_of(job) for job in jobs if job is not None}
    return {
        key: order
        for key, order in orders.items()
        if order is not None
        and _place_of(order, queues.settings.checkpoint) == place
        and queues.connection.set(key, UNDER_WAY, nx=True, ex=UNDER_WAY_SECONDS)
    }


def _order_of(job: Job) -> ComposePayload | None:
    """The order of a job; ``None`` for one that cannot be read, which shows in its own turn."""
    try:
        return ComposePayload.model_validate(job.kwargs["order"])
    except (DeserializationError, KeyError, ValidationError):
        return None


def _place_of(order: ComposePayload, checkpoint: Path | None) -> str:
    """Where songs of the network that plays ``order`` are kept; nowhere if none does: that is told in its turn."""
    from composer.pipeline import checkpoint_digest

    try:
        return KEY + checkpoint_digest(order.request, checkpoint) + ":"
    except (RefusedError, CheckpointError, OSError):
        return ""


def _composed(
    queues: Queues, order: ComposePayload, beside: dict[str, ComposePayload], progress: OnStage
) -> Song | None:
    """The song of ``order``; those ``beside`` it are left for whoever takes their jobs."""
    from composer.pipeline import compose_songs
    from midi_data.io.midi_writer import midi_bytes

    requests = [order.request, *(each.request for each in beside.values())]
    try:
        song, *others = compose_songs(requests, checkpoint=queues.settings.checkpoint, progress=progress)
    except TRANSIENT_ERRORS:
        raise
    except RefusedError:  # in people's words, which are not logged; told to its asker in its turn
        return None
    except Exception:
        # Whichever of them it is, it shows when that one is composed alone.
        logger.warning("songs could not be composed side by side; each is composed by itself", exc_info=True)
        return None
    for key, other in zip(beside, others, strict=True):
        # Only where the mark still stands: whoever took the job meanwhile composes it.
        queues.connection.set(key, midi_bytes(other), xx=True, ex=KEPT_SECONDS)
    return song
