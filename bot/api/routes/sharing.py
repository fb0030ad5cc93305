"""Songs on other sites: the embedded player, oEmbed, and an Atom feed of public songs."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import APIRouter, HTTPException, Query, Request, Response
from fastapi.responses import HTMLResponse

from bot.api.context import CurrentService, JobId, Service
from bot.api.http.address import site_address
from bot.api.previews import PLAYER_POLICY, oembed_of, player_page, player_url, summary_of, title_of
from bot.api.routes.timeline import canonical_genre
from bot.mime_types import MIME_TYPES
from composer.request import Format
from worker.client import Query as TimelineQuery
from worker.client import SongRecord

router = APIRouter(tags=["sharing"])

ATOM = "http://www.w3.org/2005/Atom"
FEED_SONGS = 30
ENCLOSED: tuple[Format, ...] = ("mp3", "mp4")
SONG_PATH = re.compile(r"/songs/([A-Za-z0-9_-]{1,128})/?")
NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 does not have."""

Size = Annotated[int, Query(ge=1, le=10_000)]


@router.get("/songs/{job_id}/embed", response_class=HTMLResponse)
def embedded_player(job_id: JobId, service: CurrentService) -> HTMLResponse:
    """A player to be framed by other sites; no script, no cookie."""
    song = _song(service, job_id)
    return HTMLResponse(
        player_page(song), headers={"Content-Security-Policy": PLAYER_POLICY, "X-Robots-Tag": "noindex"}
    )


@router.get("/oembed")
def oembed(
    request: Request,
    service: CurrentService,
    url: Annotated[str, Query(max_length=2000, description="a song's own page on this site")],
    maxwidth: Size = 640,
    maxheight: Size = 360,
    format_: Annotated[str, Query(alias="format", max_length=20)] = "json",
) -> dict[str, Any]:
    """How to embed a song (oembed.com)."""
    if format_ != "json":
        raise HTTPException(501, "oEmbed is answered as json only")
    base = site_address(request, service.settings)
    try:
        parts = urlsplit(url)
    except ValueError:
        raise HTTPException(404, "url: a song's own page on this site") from None
    match = SONG_PATH.fullmatch(parts.path)
    if match is None or parts.netloc != urlsplit(base).netloc:
        raise HTTPException(404, "url: a song's own page on this site")
    return oembed_of(_song(service, match[1]), base, maxwidth, maxheight)


@router.get("/feed.atom", response_class=Response)
def feed(
    request: Request,
    service: CurrentService,
    genre: Annotated[str | None, Query(min_length=1, max_length=60)] = None,
) -> Response:
    """An Atom feed (RFC 4287) of the newest public songs, of all genres or of one."""
    name = canonical_genre(genre)
    found, _ = service.queues.songs.timeline.search(TimelineQuery(genre=name), FEED_SONGS)
    xml = _feed(service.queues.songs.read(found), site_address(request, service.settings), name)
    return Response(xml, media_type="application/atom+xml", headers={"Cache-Control": "public, max-age=300"})


def _song(service: Service, job_id: str) -> SongRecord:
    song = None if service.queues.moderation.is_deleted(job_id) else service.queues.songs.find(job_id)
    if song is None:
        raise HTTPException(404, "there is no such song, or it was deleted")
    return song


def _feed(songs: Sequence[SongRecord], base: str, genre: str | None) -> bytes:
    ET.register_namespace("", ATOM)
    root = ET.Element(_name("feed"))
    here = f"{base}/feed.atom" + (f"?genre={genre}" if genre else "")
    updated = max((song.finished_at for song in songs), default=datetime.fromtimestamp(0, UTC))
    _add(root, "title", f"Riffbird: {genre} songs" if genre else "Riffbird: new songs")
    _add(root, "id", here)
    _add(root, "updated", updated.isoformat())
    ET.SubElement(root, _name("link"), rel="self", href=here)
    ET.SubElement(root, _name("link"), rel="alternate", href=f"{base}/")
    _add(ET.SubElement(root, _name("author")), "name", "Riffbird")
    for song in songs:
        _add_entry(root, song, base)
    xml: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return xml


def _add_entry(root: ET.Element, song: SongRecord, base: str) -> None:
    entry, page = ET.SubElement(root, _name("entry")), f"{base}/songs/{song.id}"
    _add(entry, "title", title_of(song))
    _add(entry, "id", page)
    _add(entry, "published", song.finished_at.isoformat())
    _add(entry, "updated", song.finished_at.isoformat())
    _add(entry, "summary", summary_of(song))
    ET.SubElement(entry, _name("link"), rel="alternate", type="text/html", href=page)
    ET.SubElement(entry, _name("link"), rel="related", type="text/html", href=player_url(song, base))
    for kind in ENCLOSED:
        if kind in song.rendition.files:
            href = f"{base}/compositions/{song.id}/song.{kind}"
            ET.SubElement(entry, _name("link"), rel="enclosure", type=MIME_TYPES[kind], href=href)
    for name in song.request.genres:
        ET.SubElement(entry, _name("category"), term=name)


def _add(parent: ET.Element, tag: str, text: str) -> None:
    ET.SubElement(parent, _name(tag)).text = NOT_IN_XML.sub("", text)


def _name(tag: str) -> str:
    return f"{{{ATOM}}}{tag}"
