"""Opting out and in: ``stop``, ``@riffbird, stop``, ``Stop. Thank you!``, ``please leave me alone``.

Only a whole message counts: "don't stop the music /compose" is a song.
"""

from __future__ import annotations

import re

from bot.commands.text import clean, plain_case, without_names_and_links

_LONGEST = 80  # characters; opting out is said shortly
_OUT = re.compile(
    r"(?:/?stop(?: (?:it|this|that|now|bot|replying|answering|writing|tweeting|posting|messaging|tagging"
    r"|mentioning|spamming|bothering)(?: (?:to )?me)?)?"
    r"|(?:do not|don't|dont|never) (?:reply|answer|respond|write|tweet|message|tag|mention|bother|contact)"
    r"(?: (?:to )?me)?(?: again| anymore| any more)?"
    r"|leave me alone|leave me be|go away|unsubscribe(?: me)?|opt(?: me)? ?-?out|i (?:want to )?opt out"
    r"|no more(?: replies| messages)?"
    r"|shut up)"
)
_IN = re.compile(
    r"(?:/?start(?: (?:again|over|it|replying|answering))?|/?unstop|resume|subscribe(?: me)?"
    r"|opt(?: me)? ?-?(?:back )?in"
    r"|i (?:want to )?opt (?:back )?in|you (?:can|may) (?:reply|answer|write)(?: to)?(?: me)?(?: again)?|come back)"
)
# Words around the phrase that change nothing: names, politeness, greetings.
_FILLER = re.compile(
    r"\b(?:please|pls|plz|thanks?(?: you)?(?: so much| very much)?|thx|ty|cheers|ok(?:ay)?|hey|hi|hello|dear"
    r"|riffbird|bot|sorry|now|just|kindly|immediately|forever|for good)\b"
)


def is_opt_out(text: str) -> bool:
    """Whether the whole of ``text`` asks to get no more replies."""
    return _says(_OUT, text)


def is_opt_in(text: str) -> bool:
    """Whether the whole of ``text`` takes an earlier opt-out back."""
    return _says(_IN, text)


def _says(phrase: re.Pattern[str], text: str) -> bool:
    if len(text) > 4 * _LONGEST:
        return False
    bare = plain_case(without_names_and_links(clean(text))).lower().replace("’", "'")
    if len(bare) > _LONGEST:
        return False
    sentences = [_trimmed(part) for part in re.split(r"[.!?,;:\n]+", bare)]
    said = [part for part in sentences if part]
    return bool(said) and all(phrase.fullmatch(part) for part in said)


def _trimmed(part: str) -> str:
    """``part`` without filler words and signs; the phrase itself where only filler is around it."""
    return " ".join(_FILLER.sub(" ", re.sub(r"[^\w/'\s-]", " ", part)).split())
