"""The 24 keys: parsing, printing, and estimation from pitch-class weights. Standard library only."""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Mode = Literal["major", "minor"]

# Spelt as printed music does: the side with fewer accidentals, F sharp and E flat minor at the turning points.
_TONIC_NAMES: dict[Mode, tuple[str, ...]] = {
    "major": ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"),
    "minor": ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "G#", "A", "Bb", "B"),
}

_LETTERS = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11, "h": 11}
_ACCIDENTALS = {"": 0, "#": 1, "sharp": 1, "is": 1, "b": -1, "flat": -1, "es": -1, "s": -1}
_MODES: dict[str, Mode] = {"": "major", "maj": "major", "major": "major", "dur": "major", "ionian": "major"}
_MODES |= {"m": "minor", "mi": "minor", "min": "minor", "minor": "minor", "moll": "minor", "aeolian": "minor"}
_WRITTEN = re.compile(r"([a-h]) ?(#|b|sharp|flat|is|es|s|) ?([a-z]*)")


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """A key. ``tonic`` is a pitch class, 0-11 with 0 = C."""

    tonic: int
    mode: Mode

    def __post_init__(self) -> None:
        if not 0 <= self.tonic <= 11:
            raise ValueError(f"tonic is 0-11, not {self.tonic}")

    def __str__(self) -> str:
        return f"{_TONIC_NAMES[self.mode][self.tonic]} {self.mode}"


ALL_KEYS: tuple[Key, ...] = tuple(Key(tonic, mode) for mode in _TONIC_NAMES for tonic in range(12))


def parse_key(text: str) -> Key | None:
    """Return the key that ``text`` names, or ``None``: ``Dm``, ``F# major``, ``b♭ min``, ``fis-moll``.

    Any case, except that a lone ``M`` is major, as in chord symbols. A tonic alone is major.
    """
    joined = " ".join(re.sub(r"[-_.\s]+", " ", text.replace("♯", "#").replace("♭", "b")).split())
    if re.fullmatch(r"[A-Ha-h] ?[#b]? ?M", joined):
        joined = joined[:-1]
    written = _WRITTEN.fullmatch(joined.lower().strip())
    if written is None or (mode := _MODES.get(written[3])) is None:
        return None
    # In German B is B flat; only German mode words show that.
    german_b = written[1] == "b" and not written[2] and written[3] in ("dur", "moll")
    return Key((_LETTERS[written[1]] + _ACCIDENTALS[written[2]] - german_b) % 12, mode)


# How well each pitch class fits a key, tonic first: probe-tone ratings of Krumhansl & Kessler (1982), "Tracing the
# dynamic changes in perceived tonal organization in a spatial representation of musical keys", Psychol. Rev. 89(4).
_PROFILES: dict[Mode, tuple[float, ...]] = {
    "major": (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88),
    "minor": (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17),
}


def estimate_key(weights: Sequence[float]) -> Key:
    """Return the key whose profile correlates best with ``weights`` (12,): durations by pitch class, C first.

    The Krumhansl-Schmuckler rule (Krumhansl 1990, ch. 4). Equal weights (silence, drums alone) give C major. Raises
    ``ValueError`` unless there are 12.
    """
    if len(weights) != 12:
        raise ValueError(f"a key is estimated from 12 pitch-class weights, not {len(weights)}")
    if min(weights) == max(weights):
        return Key(0, "major")
    return max(ALL_KEYS, key=lambda key: _fit(weights, key))


def _fit(weights: Sequence[float], key: Key) -> float:
    """Return Pearson's correlation times the spread of ``weights``, which is the same for every key."""
    turned = [*weights[key.tonic :], *weights[: key.tonic]]
    profile = _PROFILES[key.mode]
    mean = statistics.fmean(profile)
    return math.fsum(w * (p - mean) for w, p in zip(turned, profile, strict=True)) / statistics.pstdev(profile)
