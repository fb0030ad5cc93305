"""Length of a text as a network counts it, and cutting a text to a length.

Weights follow X's twitter-text, configuration v3: a link is 23, most Latin, Greek, Cyrillic, Hebrew and Arabic letters
1, an emoji sequence 2, everything else (CJK, "…") 2.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

Measure = Callable[[str], int]

X_LENGTH = 280
LINK_WEIGHT = 23
# Code points of weight 1, both ends included: letters of small scripts, general punctuation, quotes.
_LIGHT = ((0, 4351), (8192, 8205), (8208, 8223), (8242, 8247))

_PICTOGRAPH = "[‼⁉™ℹ↔-↪⌚-⏿Ⓜ▪-◾☀-➿⤴⤵⬅-⭕〰〽㊗㊙\U0001f000-\U0001faff]"
_ONE_EMOJI = f"(?:{_PICTOGRAPH}[\ufe0f\U0001f3fb-\U0001f3ff]?|[©®]\ufe0f)"
_EMOJI = re.compile(
    rf"[\U0001f1e6-\U0001f1ff]{{2}}|[#*0-9]\ufe0f?\u20e3|{_ONE_EMOJI}[\U000e0020-\U000e007f]*(?:\u200d{_ONE_EMOJI})*"
)
_LINK = re.compile(
    r"(?i)https?://\S*[^\s.,;:!?)\]'\"]|"
    r"(?<![\w@.-])(?:[a-z0-9][a-z0-9-]*\.)+(?:[a-z]{2}|com|org|net|edu|gov|info|app|dev|xyz|music|band|social)\b(?:/\S*)?"
)
_CUT_MARK = "…"


def weighted_length(text: str) -> int:
    """Length as X counts it."""
    text, links = _LINK.subn("", unicodedata.normalize("NFC", text))
    text, emoji = _EMOJI.subn("", text)
    return LINK_WEIGHT * links + 2 * emoji + sum(map(_weight, text))


def longest_length(text: str) -> int:
    """Upper bound of `weighted_length`: emoji sequences count by their characters, links by at least `LINK_WEIGHT`."""
    text = unicodedata.normalize("NFC", text)
    links = sum(max(LINK_WEIGHT - len(link), 0) for link in _LINK.findall(text))
    return links + sum(map(_weight, text))


def _weight(character: str) -> int:
    return 1 if any(low <= ord(character) <= high for low, high in _LIGHT) else 2


def fit(text: str, limit: int, measure: Measure = longest_length) -> str:
    """``text``, or its longest beginning with an ellipsis that measures at most ``limit``, cut at a near space."""
    if measure(text) <= limit:
        return text
    size = min(len(text), max(limit, 0))
    while size and measure(_cut_at(text, size)) > limit:
        size -= 1
    return _cut_at(text, size) if size else ""


def _cut_at(text: str, size: int) -> str:
    head = text[:size]
    space = head.rfind(" ")
    if not text[size : size + 1].isspace() and space > size - 15 and space > 0:
        head = head[:space]
    return head.rstrip(" ,;:-\u200c\u200d") + _CUT_MARK
