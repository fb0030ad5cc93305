"""Parses text and fields to a request, or to the one sentence that refuses it.

Tweets, the command line and HTTP all call this module, so the same words get the same answer. Never raises on any text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from bot.commands.fields import RawFields, as_fields, as_text, read_fields
from bot.commands.genre_names import GenreNames
from bot.commands.grammar import FIELD_NAMES, OTHER_FIELD_NAMES, PARTS_FIELD, VERBS, Verb
from bot.commands.opt_out import is_opt_in, is_opt_out
from bot.commands.text import quoted
from bot.commands.titles import mask_blocked
from bot.commands.tokenizer import Tokens, bounded, near_word, tokenize
from composer.errors import RefusedError
from composer.request import ComposeRequest

Kind = Literal["compose", "replace", "extend", "vary", "again", "help", "genres", "stop", "start", "none", "refused"]


@dataclass(frozen=True, slots=True)
class ParsedText:
    """What a text asks for. ``request`` is set for ``compose``, ``refusal`` (one line) for ``refused``.

    ``notices``: sentences about what was clamped or left out. ``fields``: the raw values given, by field name;
    `bot.commands.revising.revise` applies them to an earlier request.
    """

    kind: Kind
    request: ComposeRequest | None = None
    notices: tuple[str, ...] = ()
    refusal: str | None = None
    fields: Mapping[str, str] = field(default_factory=dict)


def parse(text: str, *, genres: Mapping[str, str] | None = None) -> ParsedText:
    """A message from a network. Without a verb its kind is ``none``.

    ``genres`` maps accepted spellings to canonical names; by default the shipped genres are on offer.
    """
    if is_opt_out(text):
        return ParsedText("stop")
    if is_opt_in(text):
        return ParsedText("start")
    names = GenreNames(genres)
    tokens = tokenize(text, names)
    verb = _verb(tokens)
    if verb is not None:
        return _parsed(verb, tokens.fields, tokens.notices, names)
    misspelled = [name for name in tokens.unknown if near_word(name) in VERBS]
    if misspelled:
        refusal = f"I don't know {quoted('/' + misspelled[0])}. Did you mean /{near_word(misspelled[0])}?"
        return ParsedText("refused", refusal=refusal, fields=tokens.fields)
    return ParsedText("none", notices=_moderated(tokens.notices), fields=tokens.fields)


def parse_words(text: str, *, genres: Mapping[str, str] | None = None) -> ParsedText:
    """The command line's TEXT: a whole tweet, only its command words, or a title. ``/compose`` may be missing."""
    return request_from(text, {}, genres=genres)


def request_from_fields(fields: RawFields, *, genres: Mapping[str, str] | None = None) -> ParsedText:
    """Flags or HTTP fields (`FIELD_NAMES`), with the rules and sentences of command words. None means not given."""
    return request_from("", fields, genres=genres)


def request_from(text: str, fields: RawFields, *, genres: Mapping[str, str] | None = None) -> ParsedText:
    """``text`` overridden by ``fields``; each value is read once."""
    names = GenreNames(genres)
    tokens = tokenize(text, names)
    known, unknown = _known_fields(fields)
    verb = _verb(tokens)
    notices = [*tokens.notices, *(f"I don't know the field {quoted(name)}, so I left it out." for name in unknown)]
    return _parsed(verb or "compose", tokens.fields | known, notices, names)


def changed(
    previous: ComposeRequest,
    changes: ParsedText,
    *,
    without: Sequence[str] = (),
    genres: Mapping[str, str] | None = None,
) -> ParsedText:
    """``previous`` without the fields ``without``, overridden by the fields of ``changes``."""
    kept = {name: text for name, text in as_fields(previous).items() if name not in without}
    given = {name: text for name, text in changes.fields.items() if name != PARTS_FIELD}
    return _parsed("compose", kept | given, list(changes.notices), GenreNames(genres))


def _verb(tokens: Tokens) -> Verb | None:
    return next((verb for verb in VERBS if verb in tokens.verbs), None)


def _known_fields(fields: RawFields) -> tuple[dict[str, str], list[str]]:
    """(raw text by field name, unknown names)."""
    named = {OTHER_FIELD_NAMES.get(name, name): as_text(value) for name, value in fields.items() if value is not None}
    known = {name: named[name] for name in FIELD_NAMES if name in named}
    return known, [name for name in named if name not in known]


def _parsed(kind: Verb, fields: Mapping[str, str], notices: Sequence[str], names: GenreNames) -> ParsedText:
    if kind != "compose":
        return ParsedText(kind, notices=_moderated(notices), fields=fields)
    try:
        request, more = read_fields(fields, names)
    except RefusedError as refused:
        return ParsedText("refused", notices=_moderated(notices), refusal=str(refused), fields=fields)
    return ParsedText("compose", request, _moderated([*notices, *more]), fields=fields)


def _moderated(notices: Sequence[str]) -> tuple[str, ...]:
    return tuple(bounded([mask_blocked(notice) for notice in notices]))
