"""Chords: their vocabulary, names and the notation that people type.

Standard library only. Extraction from notes is in ``midi_data.analysis.chords``.

A chord class is 0 for "no chord", else ``1 + root × len(QUALITIES) + quality`` with root 0–11 (0 = C).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

QUALITIES: dict[str, tuple[int, ...]] = {
    "": (0, 4, 7),
    "m": (0, 3, 7),
    "5": (0, 7),
    "7": (0, 4, 7, 10),
    "maj7": (0, 4, 7, 11),
    "m7": (0, 3, 7, 10),
    "dim": (0, 3, 6),
    "m7b5": (0, 3, 6, 10),
    "aug": (0, 4, 8),
    "sus2": (0, 2, 7),
    "sus4": (0, 5, 7),
}
"""Semitones above the root of each quality's tones."""
NO_CHORD = 0
NO_CHORD_NAME = "N.C."
CHORD_CLASSES = 1 + 12 * len(QUALITIES)
CHORD_BARS_LIMIT = 32
"""Most bars of chords in one request."""

_QUALITY_NAMES = tuple(QUALITIES)
_ROOT_NAMES = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
_LETTERS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_WRITTEN = re.compile(r"([A-Ga-g])(#|b)?([^/]*)(/[A-Ga-g][#b]?)?")
_SYNONYMS = {
    "": "", "maj": "", "major": "", "M": "", "m": "m", "min": "m", "minor": "m", "mi": "m", "5": "5", "no3": "5",
    "7": "7", "dom7": "7", "maj7": "maj7", "M7": "maj7", "Maj7": "maj7", "ma7": "maj7", "Δ": "maj7", "Δ7": "maj7",
    "m7": "m7", "min7": "m7", "mi7": "m7", "dim": "dim", "°": "dim", "o": "dim", "m7b5": "m7b5", "ø": "m7b5",
    "ø7": "m7b5", "aug": "aug", "+": "aug", "sus2": "sus2", "sus4": "sus4", "sus": "sus4",
}  # fmt: skip
"""Spellings of the qualities above."""
_NEAREST = {
    "6": "", "add9": "", "add2": "", "69": "", "m6": "m", "madd9": "m", "9": "7", "11": "7", "13": "7", "7b9": "7",
    "7#9": "7", "7#5": "aug", "aug7": "aug", "7sus4": "sus4", "9sus4": "sus4", "maj9": "maj7", "maj13": "maj7",
    "m9": "m7", "m11": "m7", "dim7": "dim", "°7": "dim", "o7": "dim", "mmaj7": "m", "7b5": "7",
}  # fmt: skip
"""Qualities that the model does not have, and the nearest that it has."""


@dataclass(frozen=True, slots=True)
class ParsedChords:
    """Typed chords. ``bars``: the chord classes of each bar's two halves; ``notices``: what was simplified."""

    bars: tuple[tuple[int, int], ...]
    notices: tuple[str, ...]


def chord_class(root: int, quality: str) -> int:
    """The class of a chord on pitch class ``root`` (0–11) of a quality of ``QUALITIES``."""
    return 1 + root % 12 * len(QUALITIES) + _QUALITY_NAMES.index(quality)


def chord_root(chord: int) -> int | None:
    """Pitch class of a chord's root; ``None`` for no chord."""
    return None if chord == NO_CHORD else (chord - 1) // len(QUALITIES)


def chord_quality(chord: int) -> str | None:
    """Quality of a chord; ``None`` for no chord."""
    return None if chord == NO_CHORD else _QUALITY_NAMES[(chord - 1) % len(QUALITIES)]


@cache
def chord_tones(chord: int) -> tuple[int, ...]:
    """Pitch classes of a chord, root first; empty for no chord."""
    root, quality = chord_root(chord), chord_quality(chord)
    return () if root is None or quality is None else tuple((root + tone) % 12 for tone in QUALITIES[quality])


def chord_name(chord: int) -> str:
    """``Am``, ``F#7``, ``N.C.``."""
    root, quality = chord_root(chord), chord_quality(chord)
    return NO_CHORD_NAME if root is None or quality is None else _ROOT_NAMES[root] + quality


def bar_name(first: int, second: int) -> str:
    """The chords of a bar's two halves as one name: ``Am``, or ``Am-G`` where they differ."""
    return chord_name(first) if first == second else f"{chord_name(first)}-{chord_name(second)}"


def parse_chord(text: str) -> tuple[int, str]:
    """(class, notice) of one typed chord; the notice is empty where the model has exactly this chord.

    Raises ValueError with the rule and the value where ``text`` names no chord.
    """
    plain = text.strip().replace("♯", "#").replace("♭", "b")
    if plain.lower().replace(".", "") in ("nc", "n"):
        return NO_CHORD, ""
    written = _WRITTEN.fullmatch(plain)
    if written is None:
        raise ValueError(f"a chord is a root A-G with # or b and a quality, e.g. Am7, not {text!r}")
    letter, accidental, typed, bass = written.groups()
    root = _LETTERS[letter.upper()] + {"#": 1, "b": -1}.get(accidental or "", 0)
    quality = _quality_of(typed)
    if quality is None:
        raise ValueError(f"a chord's quality is one of none, {', '.join(list(QUALITIES)[1:])}, 6, add9, 9, "
                         f"not {typed!r} in {text!r}")  # fmt: skip
    chord = chord_class(root, quality)
    simplified = bass or (typed not in _SYNONYMS and typed.lower() not in _SYNONYMS)
    return chord, f"{text.strip()} is played as {chord_name(chord)}" if simplified else ""


def _quality_of(typed: str) -> str | None:
    """The quality that ``typed`` means, or the nearest; exact spelling first, since ``M7`` and ``m7`` differ."""
    typed = typed.strip("()")
    for spelled in (typed, typed.lower()):
        for table in (_SYNONYMS, _NEAREST):
            if spelled in table:
                return table[spelled]
    return None


def parse_chords(text: str) -> ParsedChords:
    """Typed chords, a bar each: bars parted by ``|``, ``,`` or spaces, two chords in a bar joined by ``-``.

    Raises ValueError with the rule and the value for what is no chord, for no bars and for too many.
    """
    typed = [bar for bar in re.split(r"[|,;\s]+", text.replace("–", "-")) if bar]
    if not 1 <= len(typed) <= CHORD_BARS_LIMIT:
        raise ValueError(f"chords are 1-{CHORD_BARS_LIMIT} bars, not {len(typed)}")
    bars: list[tuple[int, int]] = []
    notices: list[str] = []
    for bar in typed:
        names = [name for name in bar.split("-") if name]
        if not 1 <= len(names) <= 2:
            raise ValueError(f"a bar has one or two chords, not {bar!r}")
        parsed = [parse_chord(name) for name in names]
        bars.append((parsed[0][0], parsed[-1][0]))
        notices += [notice for _, notice in parsed if notice and notice not in notices]
    return ParsedChords(tuple(bars), tuple(notices))
