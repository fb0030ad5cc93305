"""From raw values, whoever wrote them, to a `ComposeRequest`: every rule about values and every sentence about them.

Words of a tweet, flags of the command and fields over HTTP all end here as text, so that all are judged alike.
Deliberately knows no tweet and no network.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.commands.band_names import band_text
from bot.commands.genre_names import GenreBook, blend_text
from bot.commands.numbers import number_text
from bot.commands.values import READERS, Desk, read_title
from composer.request import DEFAULT_LENGTH_SECONDS, DEFAULT_RANDOMNESS, ComposeRequest, KeyRequest, PartRequest
from midi_data.keys import Key

RawFields = Mapping[str, object]
"""Field name to what was given: text, number, list or mapping. None means not given."""


def read_fields(fields: Mapping[str, str], book: GenreBook) -> tuple[ComposeRequest, list[str]]:
    """The request that ``fields`` (text by field name) ask for, and what to tell about it.

    Raises RefusedError at the first value that cannot be met; its text names the rule and the value in one line.
    """
    given = {name: text for name, text in fields.items() if text.strip()}
    notices = [f"There was no value for {name}, so I left it out." for name in fields if name not in given]
    genres = book.read(given.get("genre", book.house_genre))
    desk = Desk(max(genres, key=lambda name: genres[name]), notices)
    asked: dict[str, Any] = {"genres": genres, "title": read_title(given.get("title", ""), desk)}
    for name, (field, reader) in READERS.items():
        if name in given:
            asked[field] = reader(given[name], desk)
    return ComposeRequest(**asked), notices


def as_text(value: object) -> str:
    """A raw value as a person would have typed it: lists by commas, blends by plus, numbers without exponents."""
    if isinstance(value, bool) or value is None:
        return str(value)
    if isinstance(value, (int, float)):
        return _short_number(value)
    if isinstance(value, Mapping):
        return _mapping_text(value)
    if isinstance(value, (list, tuple)):
        return ",".join(as_text(item) for item in value)
    return str(value)


def _short_number(value: float) -> str:
    # Python refuses to print integers of thousands of digits; no field allows a millionth of that.
    return number_text(value) if isinstance(value, float) else str(max(-(10**30), min(value, 10**30)))


def _mapping_text(value: Mapping[Any, Any]) -> str:
    """A part of a band ({"program", "is_drum"}), a key ({"tonic", "mode"}), or weights by genre."""
    for model in (PartRequest, KeyRequest):
        if value.keys() <= model.model_fields.keys() and next(iter(model.model_fields)) in value:
            return _model_text(model, value)
    return "+".join(f"{name}:{as_text(weight)}" for name, weight in value.items())


def _model_text(model: type[PartRequest | KeyRequest], value: Mapping[Any, Any]) -> str:
    try:
        read = model.model_validate(dict(value))
    except ValueError:
        return str(dict(value))
    return band_text([read]) if isinstance(read, PartRequest) else _key_text(read)


def _key_text(key: KeyRequest) -> str:
    return str(Key(key.tonic, key.mode))


def as_fields(request: ComposeRequest) -> dict[str, str]:
    """``request`` as raw fields, those left out that have their default; `read_fields` reads the same request back."""
    fields = {
        "title": request.title,
        "genre": blend_text(request.genres),
        "tempo": "" if request.tempo_bpm is None else number_text(request.tempo_bpm),
        "randomness": "" if request.randomness == DEFAULT_RANDOMNESS else number_text(request.randomness),
        "length": "" if request.length_seconds == DEFAULT_LENGTH_SECONDS else number_text(request.length_seconds),
        "band": band_text(request.band or ()),
        "key": "" if request.key is None else _key_text(request.key),
        "seed": "" if request.seed is None else str(request.seed),
        "sampling": "" if request.sampling == "probability" else request.sampling,
    }
    return {name: text for name, text in fields.items() if text}
