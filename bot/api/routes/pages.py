"""The timeline page and its assets. The page gets a song's social preview and the help of the command grammar."""

from __future__ import annotations

from html import escape
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

from bot.api.context import CurrentService, JobId, Service
from bot.commands.grammar import WORDS, CommandWord
from worker.client import SongRecord

router = APIRouter(include_in_schema=False)

WEB = Path(__file__).parents[2] / "web"
PREVIEW_MARK = "<!-- preview -->"
WORDS_MARK = "<!-- words -->"
SITE = {
    "og:site_name": "Riffbird",
    "og:type": "website",
    "og:title": "Riffbird: a band you can tweet at",
    "og:description": "Write a post to the band, and a finished song comes back.",
    "twitter:card": "summary",
}

assets = StaticFiles(directory=WEB)


@router.get("/")
def timeline_page(request: Request, service: CurrentService) -> HTMLResponse:
    """The timeline."""
    return _page(SITE | {"og:url": f"{_base(request, service)}/"})


@router.get("/admin")
def admin_page() -> HTMLResponse:
    """The operator's page: it asks for the key and calls ``/moderation`` with it."""
    html = (WEB / "admin.html").read_text(encoding="utf-8")
    return HTMLResponse(html, headers={"Cache-Control": "no-cache", "X-Robots-Tag": "noindex"})


@router.get("/songs/{job_id}")
def song_page(job_id: JobId, request: Request, service: CurrentService) -> HTMLResponse:
    """One song's permalink: the page with a social preview."""
    song = service.queues.songs.find(job_id)
    if song is None or service.queues.moderation.is_deleted(job_id):
        return _page(SITE, 404)
    return _page(_preview(song, _base(request, service)))


def _page(preview: dict[str, str], status: int = 200) -> HTMLResponse:
    tags = "\n  ".join(f'<meta property="{name}" content="{escape(value)}">' for name, value in preview.items())
    html = (WEB / "index.html").read_text(encoding="utf-8")
    html = html.replace(WORDS_MARK, "".join(map(_help_entry, WORDS))).replace(PREVIEW_MARK, tags)
    return HTMLResponse(html, status, {"Cache-Control": "no-cache"})


def _help_entry(word: CommandWord) -> str:
    """The word's entry in the page's help; ``data-names`` is read by ``command.js``."""
    shown = f"/{word.names[0]} {word.examples[0]}" if word.examples else f"/{word.names[0]}"
    return (
        f'<div data-names="{escape("|".join(word.names))}"><dt>{escape(shown)}</dt>'
        f"<dd>{escape(word.meaning.split(';')[0])}</dd></div>"
    )


def _preview(song: SongRecord, base: str) -> dict[str, str]:
    """OpenGraph tags (ogp.me) of a song with its picture, sound and video."""
    facts, files = song.rendition, f"{base}/compositions/{song.id}"
    tags = SITE | {
        "og:url": f"{base}/songs/{song.id}",
        "og:title": facts.title or f"A {facts.genre} song",
        "og:description": f"{facts.genre}, {facts.tempo_bpm:g} bpm, {facts.key}: composed by Riffbird.",
    }
    if "png" in facts.files:
        tags |= {
            "og:image": f"{files}/song.png",
            "og:image:alt": "The song's piano roll",
            "twitter:card": "summary_large_image",
        }
    if "mp3" in facts.files:
        tags |= {"og:type": "music.song", "og:audio": f"{files}/song.mp3", "og:audio:type": "audio/mpeg"}
    if "mp4" in facts.files:
        tags |= {"og:video": f"{files}/song.mp4", "og:video:type": "video/mp4"}
    return tags


def _base(request: Request, service: Service) -> str:
    return service.settings.public_url or str(request.base_url).rstrip("/")
