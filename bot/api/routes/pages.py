"""The timeline page and its assets. The page gets a song's social preview and the help of the command grammar."""

from __future__ import annotations

from html import escape
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

from bot.api.context import CurrentService, JobId
from bot.api.http.address import site_address
from bot.api.previews import SITE, card_of, link_tag, meta_tags, oembed_url, title_of
from bot.commands.grammar import WORDS, CommandWord

router = APIRouter(include_in_schema=False)

WEB = Path(__file__).parents[2] / "web"
PREVIEW_MARK = "<!-- preview -->"
WORDS_MARK = "<!-- words -->"
assets = StaticFiles(directory=WEB)


@router.get("/")
def timeline_page(request: Request, service: CurrentService) -> HTMLResponse:
    """The timeline."""
    base = site_address(request, service.settings)
    return _page([*meta_tags(SITE | {"og:url": f"{base}/"}), _feed_link(base)])


@router.get("/admin")
def admin_page() -> HTMLResponse:
    """The operator's page: it asks for the key and calls ``/moderation`` with it."""
    html = (WEB / "admin.html").read_text(encoding="utf-8")
    return HTMLResponse(html, headers={"Cache-Control": "no-cache", "X-Robots-Tag": "noindex"})


@router.get("/songs/{job_id}")
def song_page(job_id: JobId, request: Request, service: CurrentService) -> HTMLResponse:
    """One song's permalink: the page with a social preview."""
    song = service.queues.songs.find(job_id)
    base = site_address(request, service.settings)
    if song is None or service.queues.moderation.is_deleted(job_id):
        return _page(meta_tags(SITE), 404)
    robots = [] if song.listed else ['<meta name="robots" content="noindex">']
    embed = link_tag("application/json+oembed", oembed_url(song, base), title_of(song))
    return _page([*robots, *meta_tags(card_of(song, base)), embed, _feed_link(base)])


def _feed_link(base: str) -> str:
    return link_tag("application/atom+xml", f"{base}/feed.atom", "New songs")


def _page(preview: list[str], status: int = 200) -> HTMLResponse:
    """The timeline page with the tags ``preview`` in its head."""
    tags = "\n  ".join(preview)
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
