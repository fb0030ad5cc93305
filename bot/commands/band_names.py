"""Bands as people write them: ``drums, bass, lead guitar``, ``two guitars and drums``, ``drums bass piano``.

Splits a list into players; what one instrument is called stands in `midi_data.general_midi`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from bot.commands.text import plain_value, quoted
from composer.errors import RefusedError
from composer.request import PartRequest
from midi_data.general_midi import (
    Instrument,
    find_instruments,
    instrument_name,
    plain_instrument,
    similar_instruments,
)

MOST_PARTS = 16
# A plus within brackets belongs to a name: "Lead 8 (bass + lead)".
_COMMAS = re.compile(r"[,;|\n]+")
_ANDS = re.compile(r" and |&|\+(?![^(]*\))")


def read_band(text: str, genre: str = "") -> tuple[PartRequest, ...]:
    """The players that ``text`` lists, in its order. Raises RefusedError at the first that nobody knows.

    ``genre`` (canonical) decides what a plain word such as "guitar" sounds like.
    """
    band = [player for item in _items(text) for player in _players(item, genre)]
    if not 1 <= len(band) <= MOST_PARTS:
        raise RefusedError(f"A band has 1 to {MOST_PARTS} players, like drums,bass,lead guitar, not {len(band)}.")
    return tuple(PartRequest(program=player.program, is_drum=player.is_drum) for player in band)


def knows_band(text: str) -> bool:
    """Whether every player in ``text`` is known; an empty list is no band."""
    items = _items(text)
    return bool(items) and all(_one_by_one(item, "") is not None for item in items)


def band_text(band: Iterable[PartRequest]) -> str:
    """A band as a person would write it; `read_band` reads the same players back in every genre."""
    return ",".join(plain_instrument(instrument_name(part.program, part.is_drum)) for part in band)


def _items(text: str) -> list[str]:
    commas = [item.strip() for item in _COMMAS.split(plain_value(text))]
    # "drum and bass" is one entry of the table; "bass and piano" is not, and is split.
    split = [[item] if find_instruments(item) else _ANDS.split(item) for item in commas if item]
    return [item.strip() for items in split for item in items if item.strip()]


def _players(item: str, genre: str) -> tuple[Instrument, ...]:
    if (players := _one_by_one(item, genre)) is not None:
        return players
    near = similar_instruments(item, 2)
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    raise RefusedError(
        f"I don't know the instrument {quoted(item)}.{hint} "
        "I play drums, bass, guitar, piano, organ, strings, sax, choir, synth and all of General MIDI."
    )


def _one_by_one(item: str, genre: str) -> tuple[Instrument, ...] | None:
    """Players of a list without commas: the longest known name first, again and again; None where one is unknown."""
    words, players = item.split(), list[Instrument]()
    while words:
        size = next((n for n in range(min(5, len(words)), 0, -1) if find_instruments(" ".join(words[:n]))), 0)
        if not size:
            return None
        players += find_instruments(" ".join(words[:size]), genre) or ()
        words = words[size:]
    return tuple(players)
