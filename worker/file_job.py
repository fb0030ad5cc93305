"""The job that renders one more file of a finished song, from the song's MIDI file."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path
from typing import Any, cast

from rq import get_current_job
from rq.job import Job

from composer.request import Format
from worker.connection import TRANSIENT_ERRORS, Queues
from worker.queue.context import CURRENT_QUEUES
from worker.queue.dead_jobs import add_dead_job
from worker.settings import SCRATCH_PREFIX
from worker.storage.songs import PARTS_FILE, SongRecord

logger = logging.getLogger(__name__)


def render_file(song: str, kind: Format) -> dict[str, Any]:
    """Render the file ``kind`` of ``song``. Returns ``{"status": "done" | "gone" | "failed"}``."""
    queues, job = CURRENT_QUEUES.get(), cast("Job", get_current_job())
    record = queues.songs.find(song)
    if record is None:
        return {"status": "gone"}
    try:
        _render(queues, record, kind)
    except TRANSIENT_ERRORS:
        raise
    except Exception as bug:
        queues.stats.count_failure(type(bug).__name__)
        logger.exception("song %s: no %s file", song, kind)
        add_dead_job(queues, job, f"{type(bug).__name__}: a bug")
        return {"status": "failed"}
    return {"status": "done"}


def _render(queues: Queues, record: SongRecord, kind: Format) -> None:
    from composer.audio.stems import compress_stems
    from composer.files import render_files
    from midi_data.io.midi_file import song_from_bytes

    settings = queues.settings
    settings.scratch_dir.mkdir(parents=True, exist_ok=True)
    midi = b"".join(queues.media.read(record.id, "song.mid"))
    song = song_from_bytes(midi, source=f"song {record.id}")
    with tempfile.TemporaryDirectory(
        prefix=SCRATCH_PREFIX, dir=settings.scratch_dir, ignore_cleanup_errors=True
    ) as scratch:
        path = render_files(song, record.request, record.rendition, [kind], Path(scratch))[kind]
        files = {f"song.{kind}": path}
        if kind == "stems":
            files[PARTS_FILE] = compress_stems(path, Path(scratch) / PARTS_FILE)
        queues.media.put(record.id, files)
    queues.songs.add_file(record.id, kind)
