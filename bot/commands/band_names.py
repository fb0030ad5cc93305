"""Band lists as people write them: ``drums, bass, lead guitar``, ``two guitars and drums``, ``drums bass piano``.

Splits a list into instruments; `midi_data.general_midi` holds the instruments' names.
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
    normalize_instrument,
    similar_instruments,
)

MAX_PARTS = 16
MAX_NAME_WORDS = 5
_COMMAS = re.compile(r"[,;|\n]+")
# A plus within brackets belongs to a name: "Lead 8 (bass + lead)".
_ANDS = re.compile(r" and |&|\+(?![^(]*\))")


def read_band(text: str, genre: str = "") -> tuple[PartRequest, ...]:
    """The instruments listed in ``text``, in its order. Raises RefusedError at the first unknown one.

    ``genre`` (canonical) decides which program a plain word such as "guitar" means.
    """
    band = [part for item in list_items(text) for part in _instruments(item, genre)]
    if not 1 <= len(band) <= MAX_PARTS:
        raise RefusedError(f"A band has 1 to {MAX_PARTS} players, like drums,bass,lead guitar, not {len(band)}.")
    return tuple(PartRequest(program=part.program, is_drum=part.is_drum) for part in band)


def is_band(text: str) -> bool:
    """Whether ``text`` lists at least one instrument and all of them are known."""
    items = list_items(text)
    return bool(items) and all(_longest_names(item, "") is not None for item in items)


def band_text(band: Iterable[PartRequest]) -> str:
    """A band as a person would write it; `read_band` returns the same parts in every genre."""
    return ",".join(normalize_instrument(instrument_name(part.program, part.is_drum)) for part in band)


def list_items(text: str) -> list[str]:
    """The entries of a band list, instruments not yet looked up."""
    commas = [item.strip() for item in _COMMAS.split(plain_value(text))]
    # "drum and bass" is one entry of the table; "bass and piano" is not, and is split.
    split = [[item] if find_instruments(item) else _ANDS.split(item) for item in commas if item]
    return [item.strip() for items in split for item in items if item.strip()]


def _instruments(item: str, genre: str) -> tuple[Instrument, ...]:
    if (found := _longest_names(item, genre)) is not None:
        return found
    near = similar_instruments(item, 2)
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    raise RefusedError(
        f"I don't know the instrument {quoted(item)}.{hint} "
        "I play drums, bass, guitar, piano, organ, strings, sax, choir, synth and all of General MIDI."
    )


def _longest_names(item: str, genre: str) -> tuple[Instrument, ...] | None:
    """Instruments of a list without commas, the longest known name first at each place; None with an unknown word."""
    words, found = item.split(), list[Instrument]()
    while words:
        sizes = range(min(MAX_NAME_WORDS, len(words)), 0, -1)
        size = next((n for n in sizes if find_instruments(" ".join(words[:n]))), 0)
        if not size:
            return None
        found += find_instruments(" ".join(words[:size]), genre) or ()
        words = words[size:]
    return tuple(found)
