"""One reader a field: text to value, with the sentence that names the rule where the text cannot be read.

Tempo and length outside their range are clamped with a notice; every other bad value is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from bot.commands.band_names import read_band
from bot.commands.numbers import NUMBER, number_text, read_number
from bot.commands.text import cut, plain_case, plain_value, quoted
from bot.commands.titles import moderated_title
from composer.errors import RefusedError
from composer.request import (
    HIGHEST_SEED,
    HIGHEST_VARIATION,
    LENGTH_RANGE_SECONDS,
    TEMPO_RANGE_BPM,
    TITLE_LENGTH,
    KeyRequest,
    PartRequest,
)
from midi_data.chords import ParsedChords, bar_name, parse_chords
from midi_data.keys import parse_key

TEMPO = re.compile(rf"({NUMBER}) ?(?:bpm|beats|beats a minute)?\.?")
RANDOMNESS = re.compile(rf"({NUMBER}) ?(%?)\.?")
LENGTH = re.compile(
    rf"(?:({NUMBER}) ?(?:m|mins?|minutes?|:(?=[0-9])) ?)?(?:({NUMBER}) ?(?:s|secs?|seconds?)?)?(?<=.)\.?",
)
SEED = re.compile(r"#?0*([0-9]{1,19})[.,]?")
MAX_SENTENCE_LENGTH = 200


@dataclass(frozen=True, slots=True)
class ReadContext:
    """What a reader needs besides the text: the song's main ``genre``, and ``notices`` to append to."""

    genre: str
    notices: list[str]


def read_title(text: str, context: ReadContext) -> str:
    """``text`` as a title of at most `TITLE_LENGTH` characters; a cut adds a notice."""
    title = moderated_title(text)
    if len(title) <= TITLE_LENGTH:
        return title
    context.notices.append(f"A title has at most {TITLE_LENGTH} characters, so I cut yours.")
    return moderated_title(cut(title, TITLE_LENGTH))


def typed_chords(text: str) -> ParsedChords:
    """The chords in ``text``, emoji, quotes and spaces around dashes removed. Raises ValueError with the rule."""
    plain = re.sub(r"\s*-\s*", "-", plain_case(text.replace("°", "dim")))
    return parse_chords(plain if plain.upper().endswith("N.C.") else plain.rstrip("."))


def _read_tempo(text: str, context: ReadContext) -> float:
    match = TEMPO.fullmatch(plain_value(text))
    if match is None:
        raise RefusedError(f"Tempo is a number from 40 to 300 beats a minute, like /t 160, not {quoted(text)}.")
    return _clamped("Tempo", read_number(match[1]), TEMPO_RANGE_BPM, "beats a minute", context)


def _read_length(text: str, context: ReadContext) -> float:
    match = LENGTH.fullmatch(plain_value(text))
    if match is None:
        raise RefusedError(f"Length is a number of seconds from 10 to 140, like /l 45, not {quoted(text)}.")
    seconds = 60 * read_number(match[1] or "0") + read_number(match[2] or "0")
    return _clamped("Length", seconds, LENGTH_RANGE_SECONDS, "seconds", context)


def _clamped(name: str, value: float, limits: tuple[float, float], unit: str, context: ReadContext) -> float:
    clamped = max(limits[0], min(value, limits[1]))
    if clamped != value:
        side = "above" if value > clamped else "below"
        given = quoted(number_text(value)).strip('"')
        context.notices.append(f"{name} {given} is {side} what I can play, so I made it {clamped:g} {unit}.")
    return clamped


def _read_randomness(text: str, _context: ReadContext) -> float:
    match = RANDOMNESS.fullmatch(plain_value(text))
    value = read_number(match[1]) / (100 if match[2] else 1) if match else -1.0
    if not 0 <= value <= 1:
        raise RefusedError(f"Randomness goes from 0 (careful) to 1 (wild), like /r 0.2 or /r 20%, not {quoted(text)}.")
    return value


def _read_band(text: str, context: ReadContext) -> tuple[PartRequest, ...]:
    return read_band(text, context.genre)


def _read_key(text: str, _context: ReadContext) -> KeyRequest:
    key = parse_key(plain_case(text))
    if key is None:
        raise RefusedError(f"A key is a note and major or minor, like /k Dm or /k F# major, not {quoted(text)}.")
    return KeyRequest(tonic=key.tonic, mode=key.mode)


def _read_chords(text: str, context: ReadContext) -> tuple[str, ...]:
    try:
        parsed = typed_chords(text)
    except ValueError as error:
        raise RefusedError(_sentence(str(error))) from None
    context.notices.extend(_sentence(notice) for notice in parsed.notices)
    return tuple(bar_name(first, second) for first, second in parsed.bars)


def _sentence(text: str) -> str:
    shown = cut(text, MAX_SENTENCE_LENGTH)
    return f"{shown[0].upper()}{shown[1:]}."


def _read_seed(text: str, _context: ReadContext) -> int:
    match = SEED.fullmatch(plain_value(text))
    if match is None or int(match[1]) > HIGHEST_SEED:
        raise RefusedError(f"A seed is a whole number from 0 to {HIGHEST_SEED}, like /s 42, not {quoted(text)}.")
    return int(match[1])


def _read_variation(text: str, _context: ReadContext) -> int:
    match = SEED.fullmatch(plain_value(text))
    if match is None or int(match[1]) > HIGHEST_VARIATION:
        rule = f"A variation is a whole number from 0 to {HIGHEST_VARIATION}, like /v 7"
        raise RefusedError(f"{rule}, not {quoted(text)}.")
    return int(match[1])


def _read_sampling(text: str, _context: ReadContext) -> str:
    if (space := plain_value(text)) not in ("probability", "embedding"):
        raise RefusedError(f"Sampling is probability or embedding, not {quoted(text)}.")
    return space


READERS: dict[str, tuple[str, Callable[[str, ReadContext], object]]] = {
    "tempo": ("tempo_bpm", _read_tempo),
    "randomness": ("randomness", _read_randomness),
    "length": ("length_seconds", _read_length),
    "band": ("band", _read_band),
    "key": ("key", _read_key),
    "chords": ("chords", _read_chords),
    "seed": ("seed", _read_seed),
    "sampling": ("sampling", _read_sampling),
    "variation": ("variation", _read_variation),
}
"""Field → its name in ``ComposeRequest``, and its reader. Genre and title are read before these."""
