"""Cleaning of typed text: invisible characters, links, @names, quotes and full-width slashes.

Pure functions on strings.
"""

from __future__ import annotations

import re
import unicodedata

MAX_TEXT_LENGTH = 4_000
"""Characters read of any text: above every network's limit, and a bound on the work for one message."""

_SLASHES = str.maketrans({"／": "/", "⁄": "/", "∕": "/"})
_JOINERS = "\u200c\u200d"
# Joiners hold emoji families and Persian words together; beside ASCII they only hide a command word.
_JOINED = rf"[^\x00-\x7f\s{_JOINERS}]"
_STRAY_JOINER = re.compile(rf"(?<!{_JOINED})[{_JOINERS}]|[{_JOINERS}](?!{_JOINED})")
_LINK = re.compile(r"(?i)(?<![a-z0-9])(?:https?://|www\.)\S*|(?<![\w.-])[\w-]+(?:\.[\w-]+)+(?::\d+)?/\S*")
# @name, @name@host (Mastodon), @name.host (Bluesky), @name:host (Matrix). A name follows no letter: me@home is none.
_MENTION = re.compile(
    r"(?<![\w@＠])[@＠]\w+(?:[.-]\w+)*"
    r"(?:(?:@\w+(?:[.-]\w+)*)+|:localhost|:\w+(?:-\w+)*(?:\.\w[\w-]*)+)?"
)

# What may stand before the slash of a command word: not a path, a fraction or "and/or".
SLASH_WORD = re.compile(r"(?<![0-9A-Za-z_./:])/([A-Za-zＡ-Ｚａ-ｚ]+)")
"""A slash and the letters behind it."""

_QUOTES = "\"'`´‘’‚‛“”„‟«»‹›「」『』"
_VALUE_SIGNS = str.maketrans({"♯": "#", "♭": "b", "−": "-", "–": "-", "—": "-", "％": "%"} | dict.fromkeys(_QUOTES))
_VALUE_EDGES = " !?;:=()[]{}<>*"
_QUOTED_LENGTH = 40


def clean(text: str) -> str:
    """``text`` without control, bidirectional and zero-width characters, NFC, slashes plain, at most `MAX_TEXT_LENGTH`.

    Line breaks and tabs become spaces. Lone surrogates are removed: UTF-8 cannot encode them.
    """
    visible = "".join(filter(None, map(_visible, text[:MAX_TEXT_LENGTH].translate(_SLASHES))))
    return unicodedata.normalize("NFC", _STRAY_JOINER.sub("", visible))


def _visible(character: str) -> str:
    if character.isspace():
        return " "
    hidden = unicodedata.category(character) in ("Cc", "Cf", "Cs") and character not in _JOINERS
    return "" if hidden else character


def without_names_and_links(text: str) -> str:
    """``text`` with every link and every @name replaced by a space."""
    return _MENTION.sub(" ", _LINK.sub(" ", text))


def one_line(text: str) -> str:
    """``text`` with every run of white space made one space, and none at the ends."""
    return " ".join(text.split())


def plain_case(text: str) -> str:
    """``text`` with ASCII digits and signs, without quotes, emoji or outer punctuation; case as it was."""
    signs = unicodedata.normalize("NFKC", text.translate(_VALUE_SIGNS)).translate(_VALUE_SIGNS)
    return one_line("".join(map(_value_character, signs))).strip(_VALUE_EDGES)


def plain_value(text: str) -> str:
    """`plain_case` in lower case, as value readers expect it."""
    return plain_case(text).lower().strip(_VALUE_EDGES)


def _value_character(character: str) -> str:
    digit = unicodedata.decimal(character, None)
    if digit is not None:
        return str(digit)
    # Emoji, their variation selectors and joiners carry no value.
    ignored = character == "\ufe0f" or unicodedata.category(character) in ("So", "Sk", "Cf", "Cc", "Cs")
    return " " if ignored else character


def cut(text: str, length: int) -> str:
    """The first ``length`` characters of ``text``, without a dangling joiner, accent or space at the end."""
    if len(text) <= length:
        return text
    head = text[:length]
    while head and (head[-1] in _JOINERS or head[-1].isspace()):
        head = head[:-1]
    return head


def quoted(text: str) -> str:
    """``text`` between quotation marks, short enough for a one-line sentence."""
    line = one_line(clean(text)).replace('"', "'")
    return f'"{line}"' if len(line) <= _QUOTED_LENGTH else f'"{cut(line, _QUOTED_LENGTH - 1)}…"'


def strip_quotes(text: str) -> str:
    """``text`` without quotes around all of it, and without commas and colons at its ends."""
    while (bare := _without_outer_quotes(text.strip(" ,:;"))) != text:
        text = bare
    return text


def _without_outer_quotes(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] in _QUOTES and text[-1] in _QUOTES else text


def has_alphanumeric(text: str) -> bool:
    """Whether ``text`` has a letter or digit in any script."""
    return any(character.isalnum() for character in text)
