"""Opting out and in, as people write it: ``stop``, ``@riffbird, stop``, ``Stop. Thank you!``, ``leave me alone``.

Only a whole message counts: "don't stop the music /compose" is a song.
"""

from __future__ import annotations

import re

from bot.commands.text import clean, plain_case, without_names_and_links

_LONGEST = 80  # characters of an opt-out
_ME = r"(?: (?:to )?me)?"
_DOING = r"it|this|that|bot|(?:reply|answer|writ|tweet|post|messag|tagg|mention|spamm|bother)ing"
_DO = r"reply|answer|respond|write|tweet|message|tag|mention|bother|contact"
_OUT = re.compile(
    rf"/?stop(?: (?:{_DOING}){_ME})?|(?:do not|don't|dont|never) (?:{_DO}){_ME}(?: again| anymore| any more)?"
    r"|leave me (?:alone|be)|go away|shut up|unsubscribe(?: me)?|(?:i (?:want to )?)?opt(?: me)?[ -]?out"
    r"|no more(?: replies| messages)?"
)
_IN = re.compile(
    rf"/?start(?: (?:again|over|it|replying|answering))?|/?unstop|resume|subscribe(?: me)?|come back"
    rf"|(?:i (?:want to )?)?opt(?: me)?[ -]?(?:back )?in|you (?:can|may) (?:{_DO}){_ME}(?: again)?"
)
# Words around the phrase that change nothing: names, politeness, greetings.
_FILLER = re.compile(
    r"\b(?:please|pls|plz|thanks?(?: you)?(?: so much| very much)?|thx|ty|cheers|ok(?:ay)?|hey|hi|hello|dear|riffbird"
    r"|bot|sorry|now|just|kindly|immediately|forever|for good)\b"
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
