"""Mix presets: how each kind of part sits in the mix, and the placements of a whole band."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from composer.audio.genre_mix import GenreMix
from midi_data.general_midi import family_name
from midi_data.song import Track


@dataclass(frozen=True, slots=True)
class MixPreset:
    """The mix settings of one kind of part.

    ``level_lu``: loudness relative to the drums of a genre that does not correct them. ``width``: 0 mono – 1 as
    sampled. ``reverb``: share sent to the reverberation, 0–1. ``shelves_db``: gain below 150 Hz and above
    5 kHz. ``drive``: of the guitar amplifier, 0 for none. ``crest_db``: how far peaks may stand above the level.
    ``pans``: positions, −1 left … 1 right, that parts with the same positions take in turn.
    """

    level_lu: float
    width: float
    reverb: float
    shelves_db: tuple[float, float] = (0.0, 0.0)
    drive: float = 0.0
    crest_db: float = 24.0
    pans: tuple[float, ...] = (0.0,)


_SIDES = (0.35, -0.35, 0.6, -0.6, 0.15, -0.15)
DRUMS = MixPreset(level_lu=0.0, width=1.0, reverb=0.2, shelves_db=(-3.5, 0.0), crest_db=15.0)
BASS = MixPreset(level_lu=-4.5, width=0.0, reverb=0.0)
OVERDRIVEN_GUITAR = MixPreset(level_lu=-1.0, width=0.0, reverb=0.06, drive=3.5, pans=(-0.75, 0.75, 0.0, 0.4, -0.4))
DISTORTED_GUITAR = replace(OVERDRIVEN_GUITAR, drive=9.0)
ORCHESTRA_BASS = MixPreset(level_lu=-4.0, width=0.3, reverb=0.12)

_MELODY = MixPreset(level_lu=-3.0, width=0.3, reverb=0.14, pans=(0.0, *_SIDES))
_KEYS = MixPreset(level_lu=-5.0, width=0.9, reverb=0.10, pans=_SIDES)
_BACKGROUND = MixPreset(level_lu=-7.0, width=1.0, reverb=0.18, pans=_SIDES)
_PERCUSSION = MixPreset(level_lu=-6.0, width=0.7, reverb=0.15, pans=_SIDES)

_BY_PROGRAM = {29: OVERDRIVEN_GUITAR, 30: DISTORTED_GUITAR, 43: ORCHESTRA_BASS, 47: _PERCUSSION, 58: ORCHESTRA_BASS}
_BY_FAMILY = {
    "Piano": _KEYS,
    "Chromatic Percussion": _KEYS,
    "Organ": _KEYS,
    "Guitar": MixPreset(level_lu=-5.0, width=0.5, reverb=0.10, pans=(-0.5, 0.5, -0.25, 0.25)),
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
class Placement:
    """One part's preset, its level (LU) among parts of the same kind, and the pan (−1 … 1) of each of its takes."""

    preset: MixPreset
    level_lu: float
    pans: tuple[float, ...]


def preset_for(track: Track) -> MixPreset:
    """Return the mix preset of a track's instrument."""
    if track.is_drum:
        return DRUMS
    return _BY_PROGRAM.get(track.program) or _BY_FAMILY[family_name(track.program)]


def adapted_preset(track: Track, mix: GenreMix) -> MixPreset:
    """Return the mix preset of a track's instrument with the corrections of a genre."""
    preset = preset_for(track)
    if track.is_drum:
        low_db, _ = preset.shelves_db
        return replace(
            preset,
            level_lu=preset.level_lu + mix.drums_lu,
            reverb=mix.drum_reverb,
            shelves_db=(low_db, mix.drum_air_db),
        )
    return replace(preset, reverb=min(preset.reverb * mix.reverb, 1.0), drive=preset.drive * mix.drive)


def placements(tracks: Sequence[Track], mix: GenreMix) -> list[Placement]:
    """Return the placement of each of ``tracks``. Parts with the same positions take turns and share loudness."""
    presets = [adapted_preset(track, mix) for track in tracks]
    result = []
    for index, preset in enumerate(presets):
        same = [other.pans == preset.pans for other in presets]
        turn, count = sum(same[:index]), sum(same)
        # A single amplified guitar is recorded twice, left and right, as studios do.
        doubled = preset.drive and count == 1
        pans = preset.pans[:2] if doubled else (preset.pans[turn % len(preset.pans)],)
        shared_lu = 5 * np.log10(count) if len(preset.pans) > 1 else 0.0
        result.append(Placement(preset, float(preset.level_lu - shared_lu), pans))
    return result
