"""What each field's value may be: one reader a field, with the sentence that teaches the rule.

Readers take text, whoever typed it. They know ranges and units; deliberately neither command words nor networks.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from bot.commands.band_names import read_band
from bot.commands.numbers import NUMBER, number_text, read_number
from bot.commands.text import cut, plain_case, plain_value, quoted
from bot.commands.titles import clean_title
from composer.errors import RefusedError
from composer.request import (
    HIGHEST_SEED,
    LENGTH_RANGE_SECONDS,
    TEMPO_RANGE_BPM,
    TITLE_LENGTH,
    KeyRequest,
    PartRequest,
)
from midi_data.keys import parse_key

TEMPO = re.compile(rf"({NUMBER}) ?(?:bpm|beats|beats a minute)?\.?")
RANDOMNESS = re.compile(rf"({NUMBER}) ?(%?)\.?")
LENGTH = re.compile(
    rf"(?:({NUMBER}) ?(?:m|mins?|minutes?|:(?=[0-9])) ?)?(?:({NUMBER}) ?(?:s|secs?|seconds?)?)?(?<=.)\.?",
)
SEED = re.compile(r"#?0*([0-9]{1,19})[.,]?")


@dataclass(frozen=True, slots=True)
class Desk:
    """What a reader may look at and write to while it reads one value."""

    genre: str
    notices: list[str]


def read_title(text: str, desk: Desk) -> str:
    """``text`` as a title of at most `TITLE_LENGTH` characters; a cut is noted."""
    title = clean_title(text)
    if len(title) <= TITLE_LENGTH:
        return title
    desk.notices.append(f"A title has at most {TITLE_LENGTH} characters, so I cut yours.")
    return clean_title(cut(title, TITLE_LENGTH))


def _read_tempo(text: str, desk: Desk) -> float:
    written = TEMPO.fullmatch(plain_value(text))
    if written is None:
        raise RefusedError(f"Tempo is a number from 40 to 300 beats a minute, like /t 160, not {quoted(text)}.")
    return _clamped("Tempo", read_number(written[1]), TEMPO_RANGE_BPM, "beats a minute", desk)


def _read_length(text: str, desk: Desk) -> float:
    written = LENGTH.fullmatch(plain_value(text))
    if written is None:
        raise RefusedError(f"Length is a number of seconds from 10 to 140, like /l 45, not {quoted(text)}.")
    seconds = 60 * read_number(written[1] or "0") + read_number(written[2] or "0")
    return _clamped("Length", seconds, LENGTH_RANGE_SECONDS, "seconds", desk)


def _clamped(name: str, value: float, limits: tuple[float, float], unit: str, desk: Desk) -> float:
    held = max(limits[0], min(value, limits[1]))
    if held != value:
        side = "above" if value > held else "below"
        said = quoted(number_text(value)).strip('"')
        desk.notices.append(f"{name} {said} is {side} what I can play, so I made it {held:g} {unit}.")
    return held


def _read_randomness(text: str, _desk: Desk) -> float:
    written = RANDOMNESS.fullmatch(plain_value(text))
    value = read_number(written[1]) / (100 if written[2] else 1) if written else -1.0
    if not 0 <= value <= 1:
        raise RefusedError(f"Randomness goes from 0 (careful) to 1 (wild), like /r 0.2 or /r 20%, not {quoted(text)}.")
    return value


def _read_band(text: str, desk: Desk) -> tuple[PartRequest, ...]:
    return read_band(text, desk.genre)


def _read_key(text: str, _desk: Desk) -> KeyRequest:
    key = parse_key(plain_case(text))
    if key is None:
        raise RefusedError(f"A key is a note and major or minor, like /k Dm or /k F# major, not {quoted(text)}.")
    return KeyRequest(tonic=key.tonic, mode=key.mode)


def _read_seed(text: str, _desk: Desk) -> int:
    written = SEED.fullmatch(plain_value(text))
    if written is None or int(written[1]) > HIGHEST_SEED:
        raise RefusedError(f"A seed is a whole number from 0 to {HIGHEST_SEED}, like /s 42, not {quoted(text)}.")
    return int(written[1])


def _read_sampling(text: str, _desk: Desk) -> str:
    if (space := plain_value(text)) not in ("probability", "embedding"):
        raise RefusedError(f"Sampling is probability or embedding, not {quoted(text)}.")
    return space


# Field -> its name in ComposeRequest, and its reader. Genre and title come before: others lean on the genre.
READERS: dict[str, tuple[str, Callable[[str, Desk], object]]] = {
    "tempo": ("tempo_bpm", _read_tempo),
    "randomness": ("randomness", _read_randomness),
    "length": ("length_seconds", _read_length),
    "band": ("band", _read_band),
    "key": ("key", _read_key),
    "seed": ("seed", _read_seed),
    "sampling": ("sampling", _read_sampling),
}
