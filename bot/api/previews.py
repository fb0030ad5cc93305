"""What other sites show of a song: OpenGraph and card tags, an embedded player, oEmbed, and entries of the feed.

Every value that a person typed is escaped by the functions here.
"""

from __future__ import annotations

import base64
import hashlib
from html import escape
from urllib.parse import quote

from bot.mime_types import MIME_TYPES
from composer.request import Format
from worker.client import SongRecord

PLAYER_SIZE = (640, 360)
"""Width and height in pixels; the film is 16:9."""
SMALLEST_PLAYER = (200, 113)
SITE = {
    "og:site_name": "Riffbird",
    "og:type": "website",
    "og:title": "Riffbird: a band you can write to",
    "og:description": "Write a post to the band, and a finished song comes back.",
    "twitter:card": "summary",
}
_PLAYER_STYLE = (
    "html,body{margin:0;height:100%;background:#111;color:#eee;font:14px system-ui,sans-serif}"
    "body{display:flex;flex-direction:column}"
    "video,img{flex:1;min-height:0;width:100%;object-fit:contain}audio{width:100%}"
    "p{margin:0;padding:6px 10px;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}a{color:inherit}"
)
_STYLE_HASH = base64.b64encode(hashlib.sha256(_PLAYER_STYLE.encode()).digest()).decode()
PLAYER_POLICY = (
    f"default-src 'none'; media-src 'self'; img-src 'self'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors *"
)
"""Content security policy of the player: no script, and any site may frame it."""


def title_of(song: SongRecord) -> str:
    """The song's title, or one made of its genre."""
    return song.rendition.title or f"A {song.rendition.genre} song"


def summary_of(song: SongRecord) -> str:
    """One sentence about the song."""
    facts = song.rendition
    return f"{facts.genre}, {facts.tempo_bpm:g} bpm, {facts.key}: composed by Riffbird."


def card_of(song: SongRecord, base: str) -> dict[str, str]:
    """OpenGraph tags (ogp.me) and a player card of a song; ``base``: the site's address without a slash at its end."""
    facts, files = song.rendition, f"{base}/compositions/{song.id}"
    tags = SITE | {
        "og:url": f"{base}/songs/{song.id}",
        "og:title": title_of(song),
        "og:description": summary_of(song),
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
    if base.startswith("https://") and {"mp3", "mp4"} & facts.files.keys():
        width, height = PLAYER_SIZE
        tags |= {
            "twitter:card": "player", "twitter:player": player_url(song, base),
            "twitter:player:width": str(width), "twitter:player:height": str(height),
        }  # fmt: skip
    return tags


def meta_tags(tags: dict[str, str]) -> list[str]:
    """HTML of ``tags``."""
    return [f'<meta property="{escape(name)}" content="{escape(value)}">' for name, value in tags.items()]


def link_tag(kind: str, href: str, title: str) -> str:
    """HTML of a link to another form of the page, such as its feed."""
    return f'<link rel="alternate" type="{escape(kind)}" href="{escape(href)}" title="{escape(title)}">'


def oembed_url(song: SongRecord, base: str) -> str:
    """Where the oEmbed answer of a song is."""
    return f"{base}/oembed?url={quote(f'{base}/songs/{song.id}', safe='')}"


def player_url(song: SongRecord, base: str) -> str:
    """Where the song's embedded player is."""
    return f"{base}/songs/{song.id}/embed"


def oembed_of(song: SongRecord, base: str, width: int, height: int) -> dict[str, object]:
    """The oEmbed answer (oembed.com) of a song: a frame of at most ``width`` × ``height`` pixels."""
    width, height = _fitted(width, height)
    frame = (
        f'<iframe src="{escape(player_url(song, base))}" width="{width}" height="{height}" '
        f'title="{escape(title_of(song))}" frameborder="0" allowfullscreen loading="lazy"></iframe>'
    )
    answer: dict[str, object] = {
        "version": "1.0", "type": "video", "provider_name": "Riffbird", "provider_url": f"{base}/",
        "title": title_of(song), "html": frame, "width": width, "height": height, "cache_age": 86400,
    }  # fmt: skip
    return answer


def player_page(song: SongRecord) -> str:
    """HTML of the embedded player: the film, or picture and sound, and a link to the song. No script."""
    files, here = song.rendition.files, f"/compositions/{song.id}"
    poster = f' poster="{here}/song.png"' if "png" in files else ""
    if "mp4" in files:
        player = f'<video controls preload="none" src="{here}/song.mp4"{poster}></video>'
    else:
        picture = f'<img src="{here}/song.png" alt="">' if "png" in files else ""
        sounds: tuple[Format, ...] = ("mp3", "ogg", "wav")
        sources = "".join(
            f'<source src="{here}/song.{kind}" type="{MIME_TYPES[kind]}">' for kind in sounds if kind in files
        )
        player = f'{picture}<audio controls preload="none">{sources}</audio>'
    title = escape(title_of(song))
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_PLAYER_STYLE}</style></head><body>{player}'
        f'<p><a href="/songs/{song.id}" target="_blank" rel="noopener" dir="auto">{title}</a></p></body></html>'
    )


def _fitted(width: int, height: int) -> tuple[int, int]:
    """The largest 16:9 size within ``width`` × ``height``, at least the smallest player."""
    within = min(width, PLAYER_SIZE[0]), min(height, PLAYER_SIZE[1])
    fitted = min(within[0], within[1] * PLAYER_SIZE[0] // PLAYER_SIZE[1])
    if fitted < SMALLEST_PLAYER[0]:
        return SMALLEST_PLAYER
    return fitted, fitted * PLAYER_SIZE[1] // PLAYER_SIZE[0]
