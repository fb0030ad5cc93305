"""Genre names as people write them: one name, or a blend such as ``metal:0.7+jazz:0.3``."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping

from bot.commands.numbers import NUMBER, number_text, read_number
from bot.commands.text import plain_value, quoted
from composer.errors import RefusedError
from midi_data.genres import HOUSE_GENRE, genre_by_name, plain_name

MAX_GENRES = 4
_WEIGHTED = re.compile(rf"(.*?)(?: *[:=] *| +)({NUMBER}) ?(%?)")


class GenreNames:
    """The genres on offer. ``spellings`` maps accepted spellings to canonical names; by default the shipped ones."""

    def __init__(self, spellings: Mapping[str, str] | None = None) -> None:
        if spellings is None:
            spellings = {spelling: genre.name for spelling, genre in genre_by_name().items()}
        self.names: tuple[str, ...] = tuple(dict.fromkeys(spellings.values()))
        canonical = {plain_name(name): name for name in self.names}
        self._names = {plain_name(spelling): name for spelling, name in spellings.items()} | canonical
        self._joined = {spelling.replace("-", ""): name for spelling, name in self._names.items()}

    @property
    def house_genre(self) -> str:
        """The default genre: the shipped house genre where it is on offer, else the first."""
        return HOUSE_GENRE if HOUSE_GENRE in self.names or not self.names else self.names[0]

    def find(self, text: str) -> str | None:
        """The canonical name of one spelling, or None."""
        plain = plain_name(plain_value(text).strip(".,").replace("&", " and "))
        return self._names.get(plain) or self._joined.get(plain.replace("-", ""))

    def accepts(self, text: str) -> bool:
        """Whether every name in ``text`` (one genre or a blend) is on offer."""
        return all(self.find(name) for name, _ in _parts(text))

    def read(self, text: str) -> dict[str, float]:
        """``text`` as canonical names with weights that sum to 1. Raises RefusedError with the rule and the value."""
        parts = _parts(text)
        names = [self.find(name) or self._refuse(name) for name, _ in parts]
        if len(set(names)) > MAX_GENRES:
            raise RefusedError(f"A blend has at most {MAX_GENRES} genres, not {len(set(names))}.")
        blend: dict[str, float] = {}
        for name, weight in zip(names, _normalised([weight for _, weight in parts], text), strict=True):
            blend[name] = blend.get(name, 0.0) + weight
        return blend

    def _refuse(self, name: str) -> str:
        near = difflib.get_close_matches(plain_name(name), self._names, n=1, cutoff=0.5)
        hint = f" Did you mean {self._names[near[0]]}?" if near else ""
        raise RefusedError(f"I don't know {quoted(name)}.{hint} I play: {', '.join(self.names)}.")


def blend_text(blend: Mapping[str, float]) -> str:
    """A blend as a person would write it; `GenreNames.read` returns the same weights."""
    if all(weight == 1 / len(blend) for weight in blend.values()):
        return "+".join(blend)
    return "+".join(f"{name}:{number_text(weight)}" for name, weight in blend.items())


def _parts(text: str) -> list[tuple[str, float | None]]:
    return [_part(part) for part in plain_value(text).split("+")]


def _part(text: str) -> tuple[str, float | None]:
    weighted = _WEIGHTED.fullmatch(text.strip())
    if weighted is None:
        return text.strip(), None
    return weighted[1], read_number(weighted[2]) / (100 if weighted[3] else 1)


def _normalised(given: list[float | None], text: str) -> list[float]:
    """Weights that sum to 1. Genres without a weight divide what the others leave of 1 equally."""
    if all(weight is None for weight in given):
        return [1 / len(given)] * len(given)
    known = [weight for weight in given if weight is not None]
    rest = (1 - sum(known)) / max(1, len(given) - len(known))
    weights = [rest if weight is None else weight for weight in given]
    total = sum(weights)
    # A tiny weight may become 0 in the division, so the quotients are checked too.
    if not all(weight > 0 for weight in weights) or not all(0 < weight / total <= 1 for weight in weights):
        raise RefusedError(f"Each genre of a blend weighs more than 0, like metal:0.7+jazz:0.3, not {quoted(text)}.")
    return weights if abs(total - 1) < 1e-9 else [weight / total for weight in weights]
