"""What a request states or implies: rows of genres, band, tempo, bars and key, in the classes of the network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from composer.errors import RefusedError
from composer.exact import RandomNumbers, draw_index
from composer.model.checkpoint import Checkpoint
from composer.model.config import KEY_UNCONDITIONED
from composer.planning.chords import key_of_chords
from composer.request import ComposeRequest, PartRequest
from midi_data.events.encoding import encode, part_code
from midi_data.genres import GENRES
from midi_data.keys import Key
from midi_data.song import TICKS_PER_QUARTER, Meter, Song

_GENRES = {genre.name: genre for genre in GENRES}


def genre_rows(request: ComposeRequest, checkpoint: Checkpoint) -> dict[str, int]:
    """Row in the genre table of each requested genre. Raises ``RefusedError`` for one that is missing."""
    known = checkpoint.header.genres
    for name in request.genres:
        if name not in known:
            raise RefusedError(f'I don\'t know "{name}". This checkpoint plays: {", ".join(known)}')
    return {name: known.index(name) for name in request.genres}


def genre_label(request: ComposeRequest) -> str:
    """``heavy-metal``, or ``heavy-metal:0.7+jazz:0.3`` for a blend."""
    if len(request.genres) == 1:
        return next(iter(request.genres))
    return "+".join(f"{name}:{weight:.2g}" for name, weight in request.genres.items())


def leading_genre(request: ComposeRequest, generator: RandomNumbers) -> str:
    """The genre whose facts a song takes; of a blend drawn by weight."""
    names = list(request.genres)
    if len(names) == 1:
        return names[0]
    weights = np.array([request.genres[name] for name in names])
    return names[draw_index(weights, generator)]


def core_of(genre: str) -> list[str]:
    """The roles that every band of a genre has."""
    return sorted(_GENRES[genre].core) if genre in _GENRES else []


def band_of(parts: Sequence[PartRequest]) -> tuple[int, ...]:
    """Part classes of a requested band; an instrument that is named twice is two parts."""
    seen: Counter[tuple[int, bool]] = Counter()
    band = set()
    for part in parts:
        instrument = (0 if part.is_drum else part.program, part.is_drum)
        band.add(part_code(*instrument[:1], is_drum=part.is_drum, occurrence=0 if part.is_drum else seen[instrument]))
        seen[instrument] += 1
    return tuple(sorted(band))


def tempo_range(genre: str) -> tuple[int, int]:
    """Slowest and fastest tempo that is drawn for ``genre``, in BPM."""
    return _GENRES[genre].tempo_range_bpm if genre in _GENRES else (40, 300)


def bars_for(seconds: float, tempo_bpm: float, meter: Meter) -> int:
    """Number of bars nearest to ``seconds``, at least one."""
    quarters = seconds * tempo_bpm / 60
    return max(1, round(quarters * TICKS_PER_QUARTER / meter.bar_ticks))


def asked_band(request: ComposeRequest, primer: Song | None) -> tuple[int, ...] | None:
    """Part classes that the request or its primer states; ``None`` if neither does."""
    if request.band:
        return band_of(request.band)
    return encode(primer).band if primer else None


def asked_key(request: ComposeRequest) -> Key | None:
    """The key asked for, or that of the chords asked for; ``None`` without either."""
    return Key(request.key.tonic, request.key.mode) if request.key else key_of_chords(request)


def key_row(wanted: Key | None, drawn: int) -> int:
    """Row of the key condition of ``wanted``, else ``drawn``; unconditioned where that is 0."""
    if wanted:
        return 1 + wanted.tonic + 12 * (wanted.mode == "minor")
    return drawn if drawn > 0 else KEY_UNCONDITIONED
