"""How each genre is mixed: one table of corrections to the mix presets, interpolated for blends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np


@dataclass(frozen=True, slots=True)
class GenreMix:
    """Corrections to the mix presets and the tone of the master.

    ``drums_lu``: loudness of the drums relative to their preset. ``drum_reverb``: share of the drums sent to the
    reverberation. ``drum_air_db``: shelf of the drums above 5 kHz. ``reverb``: factor on all other parts' sends.
    ``drive``: factor on the guitar amplifiers' drive. ``width``: factor on the side signal of the mix.
    ``low_db``, ``presence_db``, ``air_db``: master equalizer, shelf below 150 Hz, bell at 2 kHz, shelf above 6 kHz.
    ``reason``: why the row is as it is.
    """

    drums_lu: float
    drum_reverb: float
    drum_air_db: float
    reverb: float
    drive: float
    width: float
    low_db: float
    presence_db: float
    air_db: float
    reason: str


GENRE_MIXES: dict[str, GenreMix] = {
    "heavy-metal": GenreMix(
        drums_lu=-2, drum_reverb=0.2, drum_air_db=0, reverb=2, drive=0.4, width=1.1,
        low_db=-3, presence_db=2.5, air_db=-5,
        reason="Loud drums belong to it; the samples are distorted already, so the amplifier is driven gently.",
    ),
    "rock": GenreMix(
        drums_lu=-5, drum_reverb=0.2, drum_air_db=0, reverb=2, drive=0.6, width=1.1,
        low_db=-4.5, presence_db=0, air_db=-6,
        reason="Drums level with the guitars; wide guitars; cymbals and bass 4 to 5 dB above the reference.",
    ),
    "blues": GenreMix(
        drums_lu=-8, drum_reverb=0.2, drum_air_db=0, reverb=2, drive=0.5, width=1.2,
        low_db=-1, presence_db=1.5, air_db=-5,
        reason="A quiet kit behind a soloist; cymbals 4 dB above the reference.",
    ),
    "jazz": GenreMix(
        drums_lu=-6, drum_reverb=0.2, drum_air_db=-2, reverb=2, drive=0.5, width=1.25,
        low_db=-2, presence_db=0, air_db=-6.5,
        reason="A ride cymbal plays throughout: 7 dB too bright at 8 kHz without the shelves.",
    ),
    "pop": GenreMix(
        drums_lu=-5, drum_reverb=0.2, drum_air_db=0, reverb=2, drive=0.6, width=1.5,
        low_db=0, presence_db=0, air_db=-3.5,
        reason="Wide: keys, strings and guitars fill the sides around a mono voice, bass and kick.",
    ),
    "folk": GenreMix(
        drums_lu=-9, drum_reverb=0.2, drum_air_db=0, reverb=2, drive=0.6, width=1.0,
        low_db=-3, presence_db=4, air_db=1.5,
        reason="Percussion only accompanies; pipes, fiddles and strings need the 2 to 4 kHz that bass and drums cover.",
    ),
    "classical": GenreMix(
        drums_lu=-8, drum_reverb=0.2, drum_air_db=0, reverb=2.5, drive=0.5, width=1.0,
        low_db=3, presence_db=5, air_db=8,
        reason="A hall rather than a studio; strings and winds lack air in every free font, pianos below 150 Hz.",
    ),
    "game": GenreMix(
        drums_lu=-4, drum_reverb=0.15, drum_air_db=0, reverb=1.5, drive=0.6, width=1.1,
        low_db=-4, presence_db=-1, air_db=-5,
        reason="Synthesizers are bright and dry by themselves: less room, less above 6 kHz.",
    ),
}  # fmt: skip
"""Drum levels and reverberation: what a tagger of recordings recognises best; tone: octave bands against FluidR3."""
_NUMBERS = tuple(field.name for field in fields(GenreMix) if field.name != "reason")


def genre_mix(genres: Mapping[str, float]) -> GenreMix:
    """Return the row of a genre, or the mean of a blend's rows, weighted; of all rows if none of ``genres`` has one."""
    weights = {name: weight for name, weight in genres.items() if name in GENRE_MIXES}
    weights = weights or dict.fromkeys(GENRE_MIXES, 1.0)
    if len(weights) == 1:
        return GENRE_MIXES[next(iter(weights))]
    rows = [GENRE_MIXES[name] for name in weights]
    means = {
        number: float(np.average([getattr(row, number) for row in rows], weights=list(weights.values())))
        for number in _NUMBERS
    }
    return GenreMix(**means, reason=f"mean of {' and '.join(weights)}")
