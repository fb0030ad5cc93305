"""The parts of a finished song that a reply names: ``bass``, ``guitar 2``, ``drums and piano``."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bot.commands.band_names import list_items, read_band
from bot.commands.text import quoted
from composer.errors import RefusedError
from composer.request import PartRequest
from composer.result import PartFacts
from midi_data.general_midi import family_name, normalize_instrument

_NUMBERED = re.compile(r"(.+?) +([1-9])")


def named_parts(text: str, parts: Sequence[PartFacts], genre: str) -> tuple[int, ...]:
    """Numbers of the ``parts`` that ``text`` names, rising. Raises ``RefusedError`` for a part that is not there."""
    items = list_items(text)
    if not items:
        raise RefusedError(f"Which part? Write /replace and one of: {_names(parts)}.")
    return tuple(sorted({number for item in items for number in _matching(item, parts, genre)}))


def _matching(item: str, parts: Sequence[PartFacts], genre: str) -> list[int]:
    """The part of that name, else all of that instrument, else all of its family; a number chooses one of them."""
    exact = [n for n, part in enumerate(parts) if normalize_instrument(part.name) == normalize_instrument(item)]
    if exact:
        return exact
    numbered = _NUMBERED.fullmatch(item)
    name, which = (numbered[1], int(numbered[2])) if numbered else (item, 0)
    found = [n for wanted in read_band(name, genre) for n in _players(wanted, parts)]
    found = list(dict.fromkeys(found))
    if not found or which > len(found):
        raise RefusedError(f"There is no {quoted(item)} in this song. It has: {_names(parts)}.")
    return [found[which - 1]] if which else found


def _players(wanted: PartRequest, parts: Sequence[PartFacts]) -> list[int]:
    if wanted.is_drum:
        return [n for n, part in enumerate(parts) if part.is_drum]
    pitched = [(n, part.program) for n, part in enumerate(parts) if not part.is_drum]
    same = [n for n, program in pitched if program == wanted.program]
    return same or [n for n, program in pitched if family_name(program) == family_name(wanted.program)]


def _names(parts: Sequence[PartFacts]) -> str:
    return ", ".join(part.name for part in parts)
