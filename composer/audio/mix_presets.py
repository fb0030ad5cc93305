"""How every kind of part sits in the mix: one table of roles, and the places of a whole band.

Knows instruments as a mixing engineer does; deliberately does not know sound, samples or effects.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from midi_data.general_midi import family_name
from midi_data.song import Track


@dataclass(frozen=True, slots=True)
class Role:
    """How a part sits in the mix.

    ``level`` LU against the drums; ``width`` 0 (mono) – 1 (as sampled); ``room`` share sent to the reverberation;
    ``shelves`` dB under 150 Hz and over 5 kHz; ``drive`` of the guitar amplifier, 0 for none; ``crest`` dB that peaks
    may stand over the level; ``places``: pan positions, −1 left … 1 right, that parts alike take in turn.
    """

    level: float
    width: float
    room: float
    shelves: tuple[float, float] = (0.0, 0.0)
    drive: float = 0.0
    crest: float = 24.0
    places: tuple[float, ...] = (0.0,)


_SIDES = (0.35, -0.35, 0.6, -0.6, 0.15, -0.15)
DRUMS = Role(level=0.0, width=1.0, room=0.05, shelves=(-3.5, 3.0), crest=15.0)
BASS = Role(level=-4.5, width=0.0, room=0.0)
OVERDRIVEN_GUITAR = Role(level=-1.0, width=0.0, room=0.06, drive=3.5, places=(-0.75, 0.75, 0.0, 0.4, -0.4))
DISTORTED_GUITAR = replace(OVERDRIVEN_GUITAR, drive=9.0)
ORCHESTRA_BASS = Role(level=-4.0, width=0.3, room=0.12)

_MELODY = Role(level=-3.0, width=0.3, room=0.14, places=(0.0, *_SIDES))
_KEYS = Role(level=-5.0, width=0.9, room=0.10, places=_SIDES)
_BACKGROUND = Role(level=-7.0, width=1.0, room=0.18, places=_SIDES)
_PERCUSSION = Role(level=-6.0, width=0.7, room=0.15, places=_SIDES)

_PROGRAM_ROLES = {29: OVERDRIVEN_GUITAR, 30: DISTORTED_GUITAR, 43: ORCHESTRA_BASS, 47: _PERCUSSION, 58: ORCHESTRA_BASS}
_FAMILY_ROLES = {
    "Piano": _KEYS,
    "Chromatic Percussion": _KEYS,
    "Organ": _KEYS,
    "Guitar": Role(level=-5.0, width=0.5, room=0.10, places=(-0.5, 0.5, -0.25, 0.25)),
    "Bass": BASS,
    "Strings": _MELODY,
    "Ensemble": _BACKGROUND,
    "Brass": _MELODY,
    "Reed": _MELODY,
    "Pipe": _MELODY,
    "Synth Lead": _MELODY,
    "Synth Pad": _BACKGROUND,
    "Synth Effects": _BACKGROUND,
    "Ethnic": _MELODY,
    "Percussive": _PERCUSSION,
    "Sound Effects": _BACKGROUND,
}


@dataclass(frozen=True, slots=True)
class Place:
    """One part's role, its level (LU) among its like, and the pan position (−1 left … 1 right) of each of its takes."""

    role: Role
    level: float
    pans: tuple[float, ...]


def role_of(track: Track) -> Role:
    """The role that a track's instrument plays in a band."""
    if track.is_drum:
        return DRUMS
    return _PROGRAM_ROLES.get(track.program) or _FAMILY_ROLES[family_name(track.program)]


def places(tracks: Sequence[Track]) -> list[Place]:
    """Where each of ``tracks`` stands. Parts that share their positions take turns, and share their loudness too."""
    roles = [role_of(track) for track in tracks]
    result = []
    for index, role in enumerate(roles):
        like = [other.places == role.places for other in roles]
        turn, count = sum(like[:index]), sum(like)
        # An amplified guitar that nobody answers from the other side is recorded twice, as studios do.
        pans = role.places[:2] if role.drive and count == 1 else (role.places[turn % len(role.places)],)
        share = 5 * np.log10(count) if len(role.places) > 1 else 0.0
        result.append(Place(role, float(role.level - share), pans))
    return result
