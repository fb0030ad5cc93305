"""Words in MIDI files: names and titles in the encoding that the file most likely used.

The standard names no encoding. Each text that is valid UTF-8 is UTF-8; for the others one legacy encoding is chosen for
the file: the one that decodes all of them and gives the most plausible letters.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

LEGACY_ENCODINGS = ("cp1252", "cp932", "mac_roman", "cp1251", "gb18030")
"""Candidates, the likelier first: of equally plausible ones the first is taken."""
_COMMON_LETTERS = frozenset("äöüßéèêëàâáãåæçñíìîïóòôõøúùûœÄÖÜÉÈÀÁÂÅÆÇÑÍÓÔÕØÚ")
"""Accented letters of Western European languages that names and titles have."""
_PUNCTUATION = frozenset("’‘“”–—…©®°½")
_HINTS = {b"{@LATIN}": "cp1252", b"{@JP}": "cp932"}
"""Yamaha XF's tags of the encoding, found in karaoke files."""


def likeliest_encoding(texts: Iterable[bytes]) -> str:
    """The encoding of a file whose texts (names, titles, lyrics) are ``texts``."""
    joined = [text for text in texts if text]
    for hint, encoding in _HINTS.items():
        if any(hint in text for text in joined):
            return encoding
    legacy = b"\n".join(sorted({text for text in joined if not _is_utf8(text)}))
    if not legacy:
        return "utf-8"
    scores = {encoding: _plausibility(legacy, encoding) for encoding in LEGACY_ENCODINGS}
    return max(scores, key=lambda encoding: scores[encoding])


def decode_text(text: bytes, encoding: str) -> str:
    """``text`` in UTF-8 where it is valid, else in ``encoding``; without control characters and outer spaces."""
    decoded = text.decode("utf-8" if _is_utf8(text) else encoding, errors="replace")
    return "".join(c for c in decoded if unicodedata.category(c) != "Cc").strip()


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _plausibility(text: bytes, encoding: str) -> float:
    """Return the mean score of the bytes above 127 of ``text`` in ``encoding``; −10 where it cannot be decoded."""
    try:
        decoded = text.decode(encoding)
    except UnicodeDecodeError:
        return -10.0
    padded = f" {decoded} "
    scores = [_score(padded[at], padded[at - 1], padded[at + 1]) for at in range(1, len(padded) - 1)]
    return sum(scores) / max(sum(byte > 127 for byte in text), 1)


def _score(char: str, before: str, after: str) -> float:
    """Plausibility of one character among its neighbours; 0 for ASCII. Characters of two bytes count twice."""
    if char.isascii():
        return 0.0
    block = _block(char)
    neighbours = {_block(before), _block(after)}
    if block == "cjk":
        # An accented letter and the next one often make a valid, lonely ideograph.
        return 3.0 if "cjk" in neighbours or "kana" in neighbours else -1.0 if neighbours & {"ascii"} else 1.0
    if block == "kana":
        return 4.0
    if block == "cyrillic":
        changes_case = char.islower() and after.isupper()
        return -1.0 if changes_case else 1.6 if block in neighbours else -0.5
    return _western_score(char, before, after)


def _western_score(char: str, before: str, after: str) -> float:
    """As ``_score``, for characters of Western European encodings."""
    block, neighbours = _block(char), {_block(before), _block(after)}
    if char in _PUNCTUATION:
        is_apostrophe = char == "’" and before.isalpha() and after in "tsdmlr"  # don’t, it’s
        return 1.6 if is_apostrophe else 0.1
    if char in _COMMON_LETTERS:
        same_case = char.islower() or not after.islower() or before in " \n"
        return 1.5 if "ascii" in neighbours and same_case else 0.3
    return 0.0 if char.isalpha() and block == "latin" else -1.0


def _block(char: str) -> str:
    """``ascii`` (letters), ``latin``, ``cyrillic``, ``kana``, ``cjk`` (full-width forms too) or ``other``."""
    code = ord(char)
    if code < 128:
        return "ascii" if char.isalpha() else "other"
    for name, first, last in _BLOCKS:
        if first <= code <= last:
            return name
    return "other"


_BLOCKS = (
    ("latin", 0xC0, 0x17F),
    ("cyrillic", 0x400, 0x45F),
    ("kana", 0x3041, 0x30FE),
    ("cjk", 0x4E00, 0x9FFF),
    ("cjk", 0xFF01, 0xFF5E),
)
