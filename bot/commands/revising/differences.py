"""One line on how a request differs from the song it was made from: ``same seed, slower (90 bpm), in D minor``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from bot.commands.genre_names import blend_text
from bot.commands.numbers import number_text
from composer.request import ComposeRequest, PartRequest
from composer.result import PartFacts, Rendition
from midi_data.general_midi import instrument_name
from midi_data.keys import Key

MAX_NAMED_PARTS = 3
"""Instruments that are named; beyond that the band is called another one."""


def difference(old: ComposeRequest, facts: Rendition | None, new: ComposeRequest, *, seed: bool = True) -> str:
    """What ``new`` changes, in words. ``facts``: of the finished old song, for what its request left open.

    ``seed``: whether to begin with the seed.
    """
    changes = [_seed(old, new)] if seed else []
    changes += [
        f"as {blend_text(new.genres)}" if new.genres != old.genres else "",
        _tempo(old, facts, new),
        _key(old, new),
        _length(old, new),
        _compared(old.randomness, new.randomness, "wilder", "more careful"),
        _band(old, facts, new),
        _chords(old, new),
        "" if new.sampling == old.sampling else f"sampled by {new.sampling}",
    ]
    return ", ".join(filter(None, changes))


def _seed(old: ComposeRequest, new: ComposeRequest) -> str:
    if new.seed is None or new.seed != old.seed:
        return "new seed"
    return "same seed" if new.variation == old.variation else "same seed, new notes"


def _tempo(old: ComposeRequest, facts: Rendition | None, new: ComposeRequest) -> str:
    if new.tempo_bpm is None:
        return "at any tempo" if old.tempo_bpm is not None else ""
    before = facts.tempo_bpm if facts is not None else old.tempo_bpm
    shown = f"{number_text(new.tempo_bpm)} bpm"
    if before is None:
        return f"at {shown}"
    word = _compared(before, new.tempo_bpm, "faster", "slower")
    return f"{word} ({shown})" if word else ""


def _key(old: ComposeRequest, new: ComposeRequest) -> str:
    if new.key == old.key:
        return ""
    return f"in {Key(new.key.tonic, new.key.mode)}" if new.key else "in any key"


def _length(old: ComposeRequest, new: ComposeRequest) -> str:
    word = _compared(old.length_seconds, new.length_seconds, "longer", "shorter")
    return f"{word} ({number_text(new.length_seconds)} s)" if word else ""


def _compared(before: float, after: float, more: str, less: str) -> str:
    return "" if before == after else more if after > before else less


def _band(old: ComposeRequest, facts: Rendition | None, new: ComposeRequest) -> str:
    if new.band == old.band:
        return ""
    if new.band is None:
        return "with the genre's own band"
    before = Counter(_players(facts.parts if facts is not None and old.band is None else old.band or ()))
    after = Counter(_players(new.band))
    gone, come = before - after, after - before
    if not gone and not come:
        return ""
    if not before or not before & after or max(gone.total(), come.total()) > MAX_NAMED_PARTS:
        return "with another band"
    named = [f"without {_listed(gone)}" if gone else "", f"with {_listed(come)}" if come else ""]
    return ", ".join(filter(None, named))


def _players(parts: Iterable[PartRequest | PartFacts]) -> list[str]:
    return ["drums" if part.is_drum else instrument_name(part.program).lower() for part in parts]


def _listed(names: Counter[str]) -> str:
    return " and ".join(names.elements())


def _chords(old: ComposeRequest, new: ComposeRequest) -> str:
    if new.chords == old.chords:
        return ""
    if new.chords is None:
        return "over its own chords"
    shown = " ".join(new.chords[:4])
    return f"over {shown}{' …' if len(new.chords) > 4 else ''}"
