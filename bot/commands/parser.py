"""From what a person typed to what may be composed, or to the one sentence that says why not.

The door of everything that listens: tweets, the command line and HTTP ask here and nowhere else, so the same words get
the same answer everywhere. Never raises on any text. Deliberately knows no network, no queue and no music.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from bot.commands.fields import RawFields, as_fields, as_text, read_fields
from bot.commands.genre_names import GenreBook
from bot.commands.grammar import STOP_PHRASES, VERBS, Verb
from bot.commands.text import plain_value, quoted
from bot.commands.tokenizer import TweetWords, near_word, read_words
from composer.errors import RefusedError
from composer.request import ComposeRequest

Kind = Literal["compose", "help", "genres", "again", "stop", "none", "refused"]
FIELD_NAMES = ("title", "genre", "tempo", "randomness", "length", "band", "key", "seed", "sampling")
# The names of ComposeRequest and of the song's JSON mean the same fields.
_OTHER_NAMES = {"tempo_bpm": "tempo", "length_seconds": "length", "genres": "genre", "parts": "band"}


@dataclass(frozen=True, slots=True)
class ParsedText:
    """What a text asks for. ``request`` is there for ``compose``, ``refusal`` (one line) for ``refused``.

    ``notices`` are friendly sentences about what was clamped or left out. ``fields`` are the raw values that the
    person gave, by field name; `again` lays them over an earlier request.
    """

    kind: Kind
    request: ComposeRequest | None = None
    notices: tuple[str, ...] = ()
    refusal: str | None = None
    fields: Mapping[str, str] = field(default_factory=dict)


def parse(text: str, *, genres: Mapping[str, str] | None = None) -> ParsedText:
    """A tweet. Without a command it is ``none``: nobody gets a song who did not ask.

    ``genres`` maps accepted spellings to canonical names (as `GenreName`); left out, the shipped genres are on offer.
    """
    book = GenreBook(genres)
    words = read_words(text, book)
    verb = _verb(words)
    if verb is not None:
        return _answer(verb, words.fields, words.notices, book)
    slips = [name for name in words.unknown if near_word(name) in VERBS]
    if slips:
        refusal = f"I don't know {quoted('/' + slips[0])}. Did you mean /{near_word(slips[0])}?"
        return ParsedText("refused", refusal=refusal, fields=words.fields)
    return ParsedText("none", notices=tuple(words.notices), fields=words.fields)


def parse_words(text: str, *, genres: Mapping[str, str] | None = None) -> ParsedText:
    """The command line's TEXT: a whole tweet, only its command words, or just a title. ``/compose`` may be missing."""
    return request_from(text, {}, genres=genres)


def request_from_fields(fields: RawFields, *, genres: Mapping[str, str] | None = None) -> ParsedText:
    """Flags or HTTP fields (`FIELD_NAMES`), judged and worded exactly as command words. None means not given."""
    return request_from("", fields, genres=genres)


def request_from(text: str, fields: RawFields, *, genres: Mapping[str, str] | None = None) -> ParsedText:
    """TEXT with ``fields`` laid over it: a field wins over its word, and everything is judged once."""
    book = GenreBook(genres)
    words = read_words(text, book)
    own, unknown = _own_fields(fields)
    spoken = [verb for verb in VERBS if verb in words.verbs]
    notices = [*words.notices, *(f"I don't know the field {quoted(name)}, so I left it out." for name in unknown)]
    return _answer(spoken[0] if spoken else "compose", words.fields | own, notices, book)


def again(previous: ComposeRequest, changes: ParsedText, *, genres: Mapping[str, str] | None = None) -> ParsedText:
    """``previous`` once more with a seed still to be drawn, and with whatever ``changes`` asks to be different."""
    kept = {name: text for name, text in as_fields(previous).items() if name != "seed"}
    return _answer("compose", kept | dict(changes.fields), list(changes.notices), GenreBook(genres))


def _verb(words: TweetWords) -> Verb | None:
    if plain_value(words.plain).strip(".,") in STOP_PHRASES:
        return "stop"
    return next((verb for verb in VERBS if verb in words.verbs), None)


def _own_fields(fields: RawFields) -> tuple[dict[str, str], list[str]]:
    """(raw text by field name, names nobody knows)."""
    named = {_OTHER_NAMES.get(name, name): as_text(value) for name, value in fields.items() if value is not None}
    own = {name: named[name] for name in FIELD_NAMES if name in named}
    return own, [name for name in named if name not in own]


def _answer(kind: Verb, fields: Mapping[str, str], notices: Sequence[str], book: GenreBook) -> ParsedText:
    if kind != "compose":
        return ParsedText(kind, notices=tuple(notices), fields=fields)
    try:
        request, more = read_fields(fields, book)
    except RefusedError as refused:
        return ParsedText("refused", notices=tuple(notices), refusal=str(refused), fields=fields)
    return ParsedText("compose", request, (*notices, *more), fields=fields)
