"""Song titles: kept as people wrote them for the song, and made fit to be repeated in public.

A title is a stranger's text under our name, so replies mask what the word list forbids and link or call nobody.
Deliberately not a judge of taste: the list is short, holds whole words, and stands in ``blocked_words.txt``.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from importlib import resources

from bot.commands.text import SLASH_WORD, clean, one_line, says_something, strip_quotes, without_names_and_links

UNTITLED = "your song"
# Letters that digits and signs stand for where somebody hides a word.
_DISGUISES = str.maketrans("013457@$", "oieastas")


def clean_title(text: str) -> str:
    """``text`` as a title: one visible line without links, @names, outer quotes or slashes before a word."""
    # Taking one thing away may lay bare another, such as quotes around a link: until nothing changes.
    while (cleaned := _clean_once(text)) != text:
        text = cleaned
    # "???" may be a title; brackets left over from "(/compose)" are none.
    return text if text.strip("()[]{}<>- ") else ""


def _clean_once(text: str) -> str:
    return strip_quotes(one_line(SLASH_WORD.sub(r" \1", without_names_and_links(clean(text)))))


def public_title(title: str) -> str:
    """``title`` as it may stand in a post of ours; `UNTITLED` where nothing is left to show."""
    shown = public_line(clean_title(title))
    return shown if says_something(shown.replace("*", "")) or (shown and not title.isascii()) else UNTITLED


def public_line(text: str) -> str:
    """``text`` as one line that calls nobody, links nowhere and has blocked words masked."""
    line = one_line(clean(text)).replace("@", "").replace("＠", "")
    # A network makes a link of any name.tld; a raised dot reads alike and links nothing.
    return _mask(re.sub(r"(?<=\w)\.(?=\w*[^\W\d_])", "·", line.replace("://", " ")))


def is_fit_for_public(text: str) -> bool:
    """Whether ``text`` has no word of the list in it."""
    return not _blocked().search(_undisguised(text))


def _mask(text: str) -> str:
    plain = _undisguised(text)
    for match in reversed(list(_blocked().finditer(plain))):
        text = text[: match.start()] + "***" + text[match.end() :]
    return text


def _undisguised(text: str) -> str:
    """``text`` lower, without accents and digit disguises: character for character, so that places stay the same."""
    return "".join(map(_undisguised_character, text))


def _undisguised_character(character: str) -> str:
    plain = unicodedata.normalize("NFKD", character)[:1].lower().translate(_DISGUISES)
    return plain if len(plain) == 1 else character


@functools.cache
def _blocked() -> re.Pattern[str]:
    lines = resources.files("bot.commands").joinpath("blocked_words.txt").read_text(encoding="utf-8").splitlines()
    words = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    # The word must stand alone, or Scunthorpe gets no song.
    return re.compile(rf"(?<![^\W_])(?:{'|'.join(map(_spelt, words))})(?:e?s)?(?![^\W_])")


def _spelt(word: str) -> str:
    """Pattern of ``word`` with its letters drawn out or set apart by signs."""
    return r"[\W_]{1,3}".join(r"[\W_]?".join(f"{re.escape(letter)}+" for letter in part) for part in word.split())
