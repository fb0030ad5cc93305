"""Taking a tweet apart: which slash words it has, where each value ends, and what is left as free text.

Nothing is judged here: values leave as text, `bot.commands.fields` reads them. Knows tweets; deliberately knows no
ranges.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from bot.commands.band_names import knows_band
from bot.commands.genre_names import GenreBook
from bot.commands.grammar import ALL_NAMES, VERBS, WORD_BY_NAME, Verb
from bot.commands.text import (
    SLASH_WORD,
    clean,
    one_line,
    plain_case,
    plain_value,
    quoted,
    says_something,
    without_names_and_links,
)
from bot.commands.titles import clean_title
from bot.commands.values import LENGTH, RANDOMNESS, SEED, TEMPO
from midi_data.keys import parse_key

_STUCK = re.compile(r"(?i)(?<!\S)(/compose)(?=/)")
"""``/compose/g metal``: the one command word that people write without a space behind it."""


@dataclass(slots=True)
class TweetWords:
    """What a text says, unjudged. ``fields`` has the raw value by field name, the title among them."""

    fields: dict[str, str] = field(default_factory=dict)
    verbs: list[Verb] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    plain: str = ""


@dataclass(slots=True)
class _FreeText:
    """Text outside of values, by where it stood; the earlier place is the likelier title."""

    in_front: str = ""
    after_words: list[str] = field(default_factory=list)
    after_values: list[str] = field(default_factory=list)

    def choose_title(self) -> tuple[str, list[str], bool]:
        """(the title, what is left over, whether the title stood behind a value)."""
        places = [[self.in_front], self.after_words, self.after_values]
        chosen = next((place for place in places if says_something(" ".join(place))), places[0])
        if chosen is self.after_values and not any(map(_is_worth_telling, chosen)):
            chosen = places[0]
        rest = [text for place in places if place is not chosen for text in place if _is_worth_telling(text)]
        return clean_title(" ".join(chosen)), rest, chosen is self.after_values


def read_words(text: str, book: GenreBook) -> TweetWords:
    """The words of ``text``: any string gives an answer."""
    plain = _STUCK.sub(r"\1 ", without_names_and_links(clean(text)))
    words, free = TweetWords(plain=one_line(plain)), _FreeText()
    for name, segment in _segments(plain):
        _place(name, segment, words, free, book)
    title, rest, behind_value = free.choose_title()
    if title:
        words.fields["title"] = title
    if title and behind_value:
        words.notices.append(f"I took {quoted(title)} for the title.")
    words.notices += [f"I left out {quoted(text)}." for text in rest]
    return words


def _segments(text: str) -> Iterator[tuple[str, str]]:
    """(slash word without slash, the text behind it up to the next); the first word is empty."""
    name, begin = "", 0
    for match in SLASH_WORD.finditer(text):
        if _is_slash_word(match.group(1), text, match.start(), match.end()):
            yield name, text[begin : match.start()]
            name, begin = match.group(1), match.end()
    yield name, text[begin:]


def _is_slash_word(name: str, text: str, start: int, end: int) -> bool:
    """Known words may stand against any script but Latin; unknown ones only after a space, and never in a path."""
    before, behind = text[start - 1 : start], text[end : end + 1]
    if behind in ("/", "\\", "_") and behind:
        return False
    if plain_value(name) in ALL_NAMES:
        return not _is_latin(before)
    return not before.strip()


def _is_latin(character: str) -> bool:
    return character.isalpha() and unicodedata.name(character, "").startswith("LATIN")


def _place(name: str, segment: str, words: TweetWords, free: _FreeText, book: GenreBook) -> None:
    plain = plain_value(name)
    word = WORD_BY_NAME.get(plain)
    if not name:
        free.in_front = segment
    elif word and word.value is None:
        value, rest = _value_and_rest(word.field, segment.lstrip(":= "), book)
        words.fields[word.field] = value
        free.after_values.append(rest)
    elif word and word.value:
        words.fields[word.field] = word.value
        free.after_words.append(segment)
    elif plain in VERBS:
        words.verbs += [verb for verb in VERBS if verb == plain]
        free.after_words.append(segment)
    else:
        words.unknown.append(plain)
        words.notices.append(_unknown_word(plain, segment))


def _unknown_word(name: str, segment: str) -> str:
    near = near_word(name)
    hint = f" Did you mean /{near}?" if near else ""
    return f"I left out {quoted(f'/{name} {segment}')}: I don't know /{name[:20]}.{hint}"


def near_word(name: str) -> str | None:
    """The command word that ``name`` is likely a slip of."""
    return next(iter(difflib.get_close_matches(name[:20], [n for n in ALL_NAMES if len(n) > 1], n=1, cutoff=0.7)), None)


def _value_and_rest(name: str, segment: str, book: GenreBook) -> tuple[str, str]:
    """``segment`` parted where the value of field ``name`` ends: the longest beginning that reads as one."""
    accepts, most = _ENDINGS.get(name, (book.knows, 12))
    words = segment.split()
    sizes = range(min(most, len(words)), 0, -1)
    size = next((size for size in sizes if accepts(" ".join(words[:size]))), 0)
    if not size or (name == "band" and _goes_on(words, size)):
        # Nothing reads as a value: a name that nobody knows may have many words, anything else has one.
        size = len(words) if name in ("genre", "band") else 1
    return " ".join(words[:size]), " ".join(words[size:])


def _goes_on(words: list[str], size: int) -> bool:
    """Whether a list of instruments clearly continues behind the last one that is known."""
    behind = words[size : size + 1]
    return bool(behind) and (words[size - 1].endswith(",") or behind[0].lower() in ("and", "&", "+", ","))


def _is_worth_telling(text: str) -> bool:
    return says_something(" ".join(word for word in text.split() if not word.startswith("#")))


def _matches(pattern: re.Pattern[str]) -> Callable[[str], bool]:
    return lambda text: pattern.fullmatch(plain_value(text)) is not None


# Field -> whether a text reads as its value, and the most words such a value has.
_ENDINGS: dict[str, tuple[Callable[[str], bool], int]] = {
    "tempo": (_matches(TEMPO), 4),
    "randomness": (_matches(RANDOMNESS), 2),
    "length": (_matches(LENGTH), 4),
    "seed": (_matches(SEED), 1),
    "key": (lambda text: parse_key(plain_case(text)) is not None, 3),
    "band": (knows_band, 64),
}
