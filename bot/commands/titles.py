"""Song titles and moderation of typed text: cleaning, and masking of blocked words.

The block list is ``blocked_words.txt`` and, where ``RIFFBIRD_BLOCK_LIST`` names a file of the same form, that file. It
is read again when the file changes, without a restart.
"""

from __future__ import annotations

import functools
import os
import re
import unicodedata
from importlib import resources
from pathlib import Path

from bot.commands.text import SLASH_WORD, clean, has_alphanumeric, one_line, strip_quotes, without_names_and_links

UNTITLED = "your song"
MASK = "***"
MAX_PASSES = 6
"""Passes of cleaning; a title that still changes keeps only letters, digits and spaces."""
_DISGUISES = str.maketrans("013457@$", "oieastas")
"""Letters that digits and signs stand for in disguised words."""


def clean_title(text: str) -> str:
    """``text`` as a title: one visible line without links, @names, outer quotes or slashes before a word."""
    # Removing one thing may expose another, such as quotes around a link. The number of passes is bounded.
    for _ in range(MAX_PASSES):
        if (cleaned := _clean_once(text)) == text:
            break
        text = cleaned
    else:
        text = one_line(clean("".join(char if char.isalnum() else " " for char in text)))
    # "???" may be a title; brackets left over from "(/compose)" are none.
    return text if text.strip("()[]{}<>- ") else ""


def _clean_once(text: str) -> str:
    return strip_quotes(one_line(SLASH_WORD.sub(r" \1", without_names_and_links(clean(text)))))


def moderated_title(text: str) -> str:
    """`clean_title` with blocked words masked: the title of picture, video, tags, page and timeline."""
    title = clean_title(text)
    while (masked := clean_title(mask_blocked(title))) != title:
        title = masked
    return title


def public_title(title: str) -> str:
    """``title`` for a post: `public_line`, or `UNTITLED` where nothing is left to show."""
    shown = public_line(clean_title(title))
    return shown if has_alphanumeric(shown.replace("*", "")) or (shown and not title.isascii()) else UNTITLED


def public_line(text: str) -> str:
    """``text`` as one line that mentions no account, links nowhere and has blocked words masked."""
    line = one_line(clean(text)).replace("@", "").replace("＠", "")
    # Networks link any name.tld; a raised dot reads alike and links nothing.
    return mask_blocked(re.sub(r"(?<=\w)\.(?=\w*[^\W\d_])", "·", line.replace("://", " ")))


def mask_blocked(text: str) -> str:
    """``text`` with each blocked word replaced by `MASK`."""
    plain = _undisguised(text)
    for match in reversed(list(_blocked().finditer(plain))):
        text = text[: match.start()] + MASK + text[match.end() :]
    return text


def _undisguised(text: str) -> str:
    """``text`` in lower case without accents and digit disguises, of the same length as ``text``."""
    return "".join(map(_undisguised_character, text))


@functools.lru_cache(maxsize=4096)
def _undisguised_character(character: str) -> str:
    plain = unicodedata.normalize("NFKD", character)[:1].lower().translate(_DISGUISES)
    return plain if len(plain) == 1 else character


def _blocked() -> re.Pattern[str]:
    path = os.environ.get("RIFFBIRD_BLOCK_LIST", "")
    try:
        changed = Path(path).stat().st_mtime_ns if path else 0
    except OSError:
        path, changed = "", 0
    return _pattern(path, changed)


@functools.lru_cache(maxsize=2)
def _pattern(path: str, _changed: int) -> re.Pattern[str]:
    """The pattern of the packaged list and the file at ``path``, cached until that file changes."""
    text = resources.files("bot.commands").joinpath("blocked_words.txt").read_text(encoding="utf-8")
    if path:
        text += "\n" + Path(path).read_text(encoding="utf-8", errors="replace")
    lines = (line.strip().lower() for line in text.splitlines())
    words = sorted({_undisguised(line) for line in lines if line and not line.startswith("#")})
    # Whole words only: "Scunthorpe" stays.
    return re.compile(rf"(?<![^\W_])(?:{'|'.join(map(_spelling_pattern, words))})(?:e?s)?(?![^\W_])")


def _spelling_pattern(word: str) -> str:
    """Pattern of ``word`` with repeated letters and with signs between letters."""
    return r"[\W_]{1,3}".join(r"[\W_]?".join(f"{re.escape(letter)}+" for letter in part) for part in word.split())
