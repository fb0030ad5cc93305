"""Splits a message into slash words, their values and free text.

Values leave as text; `bot.commands.fields` reads them.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from bot.commands.band_names import is_band
from bot.commands.genre_names import GenreNames
from bot.commands.grammar import ALL_NAMES, PARTS_FIELD, REVISION_VERBS, VERBS, WORD_BY_NAME, Verb
from bot.commands.text import (
    SLASH_WORD,
    clean,
    has_alphanumeric,
    one_line,
    plain_case,
    plain_value,
    quoted,
    without_names_and_links,
)
from bot.commands.titles import clean_title
from bot.commands.values import LENGTH, RANDOMNESS, SEED, TEMPO, typed_chords
from midi_data.keys import parse_key

_MISSING_SPACE = re.compile(r"(?i)(?<!\S)(/compose)(?=/)")
"""``/compose/g metal``: the one command word that people write without a space behind it."""
PART_NUMBER = re.compile(r"(?<=[^\W\d]) +[1-9](?=\s*(?:[,;&+|]|and\b|$))")
"""The number behind a part's name, where the band has several of the instrument."""
MAX_NOTICES = 8
MAX_GENRE_WORDS, MAX_BAND_WORDS, MAX_CHORD_WORDS = 12, 64, 80


@dataclass(slots=True)
class Tokens:
    """What a text contains. ``fields``: raw value by field name, the title included. ``plain``: the text in one line.

    ``unknown``: slash words that are not in the grammar. ``notices``: sentences about what was left out.
    """

    fields: dict[str, str] = field(default_factory=dict)
    verbs: list[Verb] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    plain: str = ""


@dataclass(slots=True)
class _FreeText:
    """Text outside of values, by place; the earlier place is the likelier title."""

    in_front: str = ""
    after_words: list[str] = field(default_factory=list)
    after_values: list[str] = field(default_factory=list)

    def choose_title(self) -> tuple[str, list[str], bool]:
        """(title, other texts, whether the title stood behind a value)."""
        places = [[self.in_front], self.after_words, self.after_values]
        chosen = next((place for place in places if has_alphanumeric(" ".join(place))), places[0])
        if chosen is self.after_values and not any(map(_is_worth_reporting, chosen)):
            chosen = places[0]
        rest = [text for place in places if place is not chosen for text in place if _is_worth_reporting(text)]
        return clean_title(" ".join(chosen)), rest, chosen is self.after_values


def tokenize(text: str, genres: GenreNames) -> Tokens:
    """The tokens of ``text``. Never raises."""
    plain = _MISSING_SPACE.sub(r"\1 ", without_names_and_links(clean(text)))
    tokens, free = Tokens(plain=one_line(plain)), _FreeText()
    for name, segment in _segments(plain):
        _place(name, segment, tokens, free, genres)
    if "compose" not in tokens.verbs and set(tokens.verbs) & set(REVISION_VERBS):
        # Text beside "/again" is conversation about the song, which keeps its title.
        tokens.notices = bounded(tokens.notices)
        return tokens
    title, rest, behind_value = free.choose_title()
    if title:
        tokens.fields["title"] = title
    if title and behind_value:
        tokens.notices.append(f"I took {quoted(title)} for the title.")
    tokens.notices += [f"I left out {quoted(text)}." for text in rest]
    tokens.notices = bounded(tokens.notices)
    return tokens


def bounded(notices: list[str]) -> list[str]:
    """At most `MAX_NOTICES` notices, each once; the last one counts those left out."""
    once = list(dict.fromkeys(notices))
    if len(once) <= MAX_NOTICES:
        return once
    return [*once[: MAX_NOTICES - 1], f"{len(once) - MAX_NOTICES + 1} more notices are left out."]


def _segments(text: str) -> Iterator[tuple[str, str]]:
    """(slash word without slash, the text behind it up to the next); the first word is empty."""
    name, begin = "", 0
    for match in SLASH_WORD.finditer(text):
        if _is_slash_word(match.group(1), text, match.start(), match.end()):
            yield name, text[begin : match.start()]
            name, begin = match.group(1), match.end()
    yield name, text[begin:]


def _is_slash_word(name: str, text: str, start: int, end: int) -> bool:
    """Known words may follow any script but Latin, or an accidental (C#/E); unknown ones only a space. No paths."""
    before, behind = text[start - 1 : start], text[end : end + 1]
    if behind in ("/", "\\", "_") and behind:
        return False
    if plain_value(name) in ALL_NAMES:
        return not _is_latin(before) and before not in ("#", "♯", "♭")
    return not before.strip()


def _is_latin(character: str) -> bool:
    return character.isalpha() and unicodedata.name(character, "").startswith("LATIN")


def _place(name: str, segment: str, tokens: Tokens, free: _FreeText, genres: GenreNames) -> None:
    plain = plain_value(name)
    word = WORD_BY_NAME.get(plain)
    if not name:
        free.in_front = segment
    elif word and word.flag_value is None:
        value, rest = _value_and_rest(word.field, segment.lstrip(":= "), genres)
        tokens.fields[word.field] = value
        free.after_values.append(rest)
    elif word and word.flag_value:
        tokens.fields[word.field] = word.flag_value
        free.after_words.append(segment)
    elif plain == PARTS_FIELD:
        tokens.verbs.append("replace")
        tokens.fields[PARTS_FIELD], rest = _value_and_rest(PARTS_FIELD, segment.lstrip(":= "), genres)
        free.after_values.append(rest)
    elif plain in VERBS:
        tokens.verbs += [verb for verb in VERBS if verb == plain]
        free.after_words.append(segment)
    else:
        tokens.unknown.append(plain)
        tokens.notices.append(_unknown_word(plain, segment))


def _unknown_word(name: str, segment: str) -> str:
    near = near_word(name)
    hint = f" Did you mean /{near}?" if near else ""
    return f"I left out {quoted(f'/{name} {segment}')}: I don't know /{name[:20]}.{hint}"


def near_word(name: str) -> str | None:
    """The command word that ``name`` is likely a misspelling of."""
    return next(iter(difflib.get_close_matches(name[:20], [n for n in ALL_NAMES if len(n) > 1], n=1, cutoff=0.7)), None)


def _value_and_rest(name: str, segment: str, genres: GenreNames) -> tuple[str, str]:
    """``segment`` split where the value of field ``name`` ends: the longest beginning that reads as one."""
    accepts, max_words = _ENDINGS.get(name, (genres.accepts, MAX_GENRE_WORDS))
    words = segment.split()
    sizes = range(min(max_words, len(words)), 0, -1)
    size = next((size for size in sizes if accepts(" ".join(words[:size]))), 0)
    if not size or (name in ("band", "chords", PARTS_FIELD) and _continues(words, size)):
        # Nothing reads as a value: an unknown genre or instrument may have many words, other values have one.
        size = len(words) if size or name in ("genre", "band", PARTS_FIELD) else 1
    return " ".join(words[:size]), " ".join(words[size:])


def _continues(words: list[str], size: int) -> bool:
    """Whether a separator follows the first ``size`` words of a list."""
    behind = words[size : size + 1]
    return bool(behind) and (words[size - 1].endswith((",", "|")) or behind[0].lower() in ("and", "&", "+", ",", "|"))


def _is_worth_reporting(text: str) -> bool:
    return has_alphanumeric(" ".join(word for word in text.split() if not word.startswith("#")))


def _is_chords(text: str) -> bool:
    """Whether every word of ``text`` is a chord or a separator, and all begin in the case of the first.

    "Am F C G a song" ends at "G": a lower-case word after capitals is text.
    """
    words = [word for word in re.sub(r"\s*[-–—]\s*", "-", text).split() if word.strip("|,")]
    return bool(words) and all(word.lstrip("|,\"'")[:1].isupper() == words[0].lstrip("|,\"'")[:1].isupper()
                               and _is_chord_word(word) for word in words)  # fmt: skip


def _is_chord_word(word: str) -> bool:
    try:
        typed_chords(word)
    except ValueError:
        return not plain_case(word)
    return True


def _is_parts(text: str) -> bool:
    """Whether ``text`` lists instruments, each with or without the number of the part: ``bass, guitar 2``."""
    return is_band(PART_NUMBER.sub("", text))


def _matches(pattern: re.Pattern[str]) -> Callable[[str], bool]:
    return lambda text: pattern.fullmatch(plain_value(text)) is not None


_ENDINGS: dict[str, tuple[Callable[[str], bool], int]] = {
    "tempo": (_matches(TEMPO), 4),
    "randomness": (_matches(RANDOMNESS), 2),
    "length": (_matches(LENGTH), 4),
    "seed": (_matches(SEED), 1),
    "key": (lambda text: parse_key(plain_case(text)) is not None, 3),
    "band": (is_band, MAX_BAND_WORDS),
    "chords": (_is_chords, MAX_CHORD_WORDS),
    PARTS_FIELD: (_is_parts, MAX_BAND_WORDS),
}
"""Field → whether a text reads as its value, and the most words such a value has."""
