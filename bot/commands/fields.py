"""Raw field values to a `ComposeRequest`, and a request back to fields and to command text.

Tweets, CLI flags and HTTP fields all arrive here as text, so that one set of rules and sentences applies.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.commands.band_names import band_text
from bot.commands.genre_names import GenreNames, blend_text
from bot.commands.grammar import WORDS, CommandWord
from bot.commands.numbers import number_text
from bot.commands.values import READERS, ReadContext, read_title
from composer.request import DEFAULT_LENGTH_SECONDS, DEFAULT_RANDOMNESS, ComposeRequest, KeyRequest, PartRequest
from midi_data.keys import Key

RawFields = Mapping[str, object]
"""Field name to text, number, list or mapping. None means not given."""
MAX_DEPTH = 4
"""Nesting of lists and mappings in a raw value; deeper ones become their length-limited repr."""
MAX_INTEGER = 10**30
"""Python refuses to print integers of thousands of digits; no field allows a millionth of this."""


def read_fields(fields: Mapping[str, str], genres: GenreNames) -> tuple[ComposeRequest, list[str]]:
    """The request in ``fields`` (text by field name), and notices about what was clamped or left out.

    Raises RefusedError at the first bad value, with the rule and the value in one line.
    """
    given = {name: text for name, text in fields.items() if text.strip()}
    notices = [f"There was no value for {name}, so I left it out." for name in fields if name not in given]
    blend = genres.read(given.get("genre", genres.house_genre))
    context = ReadContext(max(blend, key=lambda name: blend[name]), notices)
    values: dict[str, Any] = {"genres": blend, "title": read_title(given.get("title", ""), context)}
    for name, (field, reader) in READERS.items():
        if name in given:
            values[field] = reader(given[name], context)
    return ComposeRequest(**values), notices


def as_text(value: object, depth: int = 0) -> str:
    """A raw value as a person would type it: lists with commas, blends with plus, numbers without exponents."""
    if isinstance(value, bool) or value is None:
        return str(value)
    if isinstance(value, (int, float)):
        return _number_as_text(value)
    if depth >= MAX_DEPTH:
        return "…"
    if isinstance(value, Mapping):
        return _mapping_text(value, depth)
    if isinstance(value, (list, tuple)):
        return ",".join(as_text(item, depth + 1) for item in value)
    return str(value)


def _number_as_text(value: float) -> str:
    return number_text(value) if isinstance(value, float) else str(max(-MAX_INTEGER, min(value, MAX_INTEGER)))


def _mapping_text(value: Mapping[Any, Any], depth: int) -> str:
    """A part of a band ({"program", "is_drum"}), a key ({"tonic", "mode"}), or weights by genre."""
    for model in (PartRequest, KeyRequest):
        if value.keys() <= model.model_fields.keys() and next(iter(model.model_fields)) in value:
            return _model_text(model, value, depth)
    return "+".join(f"{name}:{as_text(weight, depth + 1)}" for name, weight in value.items())


def _model_text(model: type[PartRequest | KeyRequest], value: Mapping[Any, Any], depth: int) -> str:
    try:
        read = model.model_validate(dict(value))
    except ValueError:
        return ", ".join(f"{name}: {as_text(item, depth + 1)}" for name, item in value.items())
    return band_text([read]) if isinstance(read, PartRequest) else _key_text(read)


def _key_text(key: KeyRequest) -> str:
    return str(Key(key.tonic, key.mode))


def as_fields(request: ComposeRequest) -> dict[str, str]:
    """``request`` as raw fields without defaults; `read_fields` returns the same request."""
    fields = {
        "title": request.title,
        "genre": blend_text(request.genres),
        "tempo": "" if request.tempo_bpm is None else number_text(request.tempo_bpm),
        "randomness": "" if request.randomness == DEFAULT_RANDOMNESS else number_text(request.randomness),
        "length": "" if request.length_seconds == DEFAULT_LENGTH_SECONDS else number_text(request.length_seconds),
        "band": band_text(request.band or ()),
        "key": "" if request.key is None else _key_text(request.key),
        "chords": " ".join(request.chords or ()),
        "seed": "" if request.seed is None else str(request.seed),
        "sampling": "" if request.sampling == "probability" else request.sampling,
        "variation": "" if not request.variation else str(request.variation),
    }
    return {name: text for name, text in fields.items() if text}


def as_command(request: ComposeRequest, *, title: bool = True) -> str:
    """``request`` as command text: ``Dancing robots /compose /g heavy-metal /t 160``.

    `bot.commands.parser.parse` returns an equal request. ``title=False`` leaves the title out.
    """
    fields = as_fields(request)
    front = [fields["title"]] if title and "title" in fields else []
    words = (_written(word, fields[word.field]) for word in WORDS if word.field in fields)
    return " ".join([*front, "/compose", *words])


def _written(word: CommandWord, value: str) -> str:
    return f"/{word.names[0]}" if word.flag_value else f"/{word.names[0]} {value}"
