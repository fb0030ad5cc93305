"""A song's files and notes from the media store, with byte ranges so that players can seek; more files on request."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from typing import Annotated, Any, Literal
from urllib.parse import quote

from fastapi import APIRouter, Header, HTTPException, Path, Query, Request, Response
from fastapi.responses import StreamingResponse

from bot.api.context import CurrentService, FoundState, JobId
from bot.api.http.limits import RateLimit, client_of
from bot.api.routes.compositions import PROBLEMS, UNKNOWN
from bot.api.schemas import FileState, PlayerNotes
from bot.mime_types import MIME_TYPES
from composer.request import Format
from worker.client import PARTS_FILE, JobState, Media, file_status, forget_file, read_notes, request_file

router = APIRouter(tags=["files"])

CACHE_DAY = "public, max-age=86400, immutable"
"""A song never changes, but it may be deleted."""
FILES_LIMIT, FILES_SECONDS = 20, 3600
"""Files that one client may have rendered after the song."""
CHUNK_BYTES = 256 * 1024
RANGE = re.compile(r"bytes=(\d*)-(\d*)")
BINARY: dict[int | str, dict[str, Any]] = {
    200: {"content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in MIME_TYPES.values()}},
    206: {"description": "The requested bytes"},
    416: {"description": "The file is shorter than that"},
}


@router.get("/compositions/{job_id}/song.{kind}", response_class=StreamingResponse, responses=UNKNOWN | BINARY)
def song_file(
    job_id: JobId,
    kind: Format,
    service: CurrentService,
    state: FoundState,
    *,
    download: Annotated[bool, Query(description="send it as an attachment")] = False,
    wanted: Annotated[str | None, Header(alias="Range")] = None,
) -> Response:
    """One of the song's files."""
    name, media = f"song.{kind}", service.queues.media
    size = media.size(job_id, name)
    if size is None:
        raise HTTPException(404, f"this composition has no {kind} file")
    headers = {"Accept-Ranges": "bytes", "Cache-Control": CACHE_DAY}
    if download:
        ending = "stems.zip" if kind == "stems" else kind
        headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(_file_name(state), safe='')}.{ending}"
    begin, end, status = _span(wanted, size)
    if status == 206:
        headers["Content-Range"] = f"bytes {begin}-{end - 1}/{size}"
    headers["Content-Length"] = str(end - begin)
    return StreamingResponse(media.read(job_id, name, begin, end), status, headers, MIME_TYPES[kind])


@router.post("/compositions/{job_id}/song.{kind}", responses=UNKNOWN | {202: {"model": FileState}, 429: PROBLEMS[429]})
def make_song_file(
    job_id: JobId, kind: Format, request: Request, response: Response, service: CurrentService, state: FoundState
) -> FileState:
    """Have one more file of a finished song rendered, once; ask again until the answer is 200."""
    queues, song, url = service.queues, state.song, f"/compositions/{job_id}/song.{kind}"
    if song is None:
        raise HTTPException(422, f"this song is {state.status}; files are rendered of a finished one")
    status = file_status(queues, song, kind)
    if status == "failed":
        forget_file(queues, song, kind)
    if status is None:
        RateLimit(FILES_LIMIT, FILES_SECONDS, "files").check(queues, client_of(request))
        request_file(queues, song, kind)
        status = file_status(queues, song, kind) or "queued"
    if status in ("queued", "rendering"):
        response.status_code = 202
        response.headers["Retry-After"] = "1"
    return FileState(status=status, url=url, retry_after=int(response.status_code == 202))


@router.get("/compositions/{job_id}/stems/{part}.{sound}", response_class=StreamingResponse, responses=UNKNOWN | BINARY)
def stem_file(
    job_id: JobId,
    part: Annotated[int, Path(ge=0, le=15)],
    sound: Literal["wav", "mp3"],
    service: CurrentService,
    state: FoundState,
) -> Response:
    """One part's sound, once the stems are rendered."""
    missing = HTTPException(404, "this composition has no such stem (yet)")
    if state.song is None:
        raise missing
    name = {"wav": "song.stems", "mp3": PARTS_FILE}[sound]
    try:
        size, chunks = _member(service.queues.media, job_id, name, part)
    except (FileNotFoundError, IndexError):
        raise missing from None
    headers = {"Cache-Control": CACHE_DAY, "Content-Length": str(size)}
    return StreamingResponse(chunks, 200, headers, MIME_TYPES[sound])


def _member(media: Media, job_id: str, name: str, number: int) -> tuple[int, Iterator[bytes]]:
    """(bytes, content in chunks) of a member of an archive. Raises ``FileNotFoundError`` or ``IndexError``."""
    handle = media.open(job_id, name)
    try:
        archive = zipfile.ZipFile(handle)
        member = archive.infolist()[number]
    except BaseException:
        handle.close()
        raise

    def chunks() -> Iterator[bytes]:
        with handle, archive.open(member) as content:
            while chunk := content.read(CHUNK_BYTES):
                yield chunk

    return member.file_size, chunks()


@router.get("/compositions/{job_id}/notes", responses=UNKNOWN)
def song_notes(job_id: JobId, service: CurrentService, response: Response) -> PlayerNotes:
    """The song's notes as JSON, part by part."""
    response.headers["Cache-Control"] = CACHE_DAY
    try:
        return PlayerNotes.model_validate(read_notes(service.queues.media, job_id))
    except FileNotFoundError:
        raise HTTPException(404, "this composition has no notes (yet)") from None


def _span(wanted: str | None, size: int) -> tuple[int, int, int]:
    """(first byte, end, status) for a Range header (RFC 9110, 14.2): one range; anything else means the whole file."""
    match = RANGE.fullmatch(wanted or "")
    if match is None or match[0] == "bytes=-":
        return 0, size, 200
    first, last = match.groups()
    begin = int(first) if first else max(0, size - int(last))
    end = min(size, int(last) + 1) if first and last else size
    if begin >= end:
        raise HTTPException(416, f"the file has {size} bytes", {"Content-Range": f"bytes */{size}"})
    return begin, end, 206


def _file_name(state: JobState) -> str:
    """The song's title without characters that file systems refuse."""
    title = state.song.rendition.title if state.song else ""
    return re.sub(r'[\x00-\x1f/\\:*?"<>|]+', " ", title).strip(" .")[:80] or "riffbird"
