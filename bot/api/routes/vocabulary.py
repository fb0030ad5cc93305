"""What requests may name: ``/genres``, ``/instruments``, and the keys, chords and ranges of ``/vocabulary``."""

from __future__ import annotations

from functools import lru_cache

from fastapi import APIRouter, Response

from bot.api.schemas import GenreFacts, InstrumentFacts, Vocabulary
from bot.commands.band_names import MAX_PARTS
from composer.genre_store import cards
from composer.request import LENGTH_RANGE_SECONDS, TEMPO_RANGE_BPM
from midi_data.chords import CHORD_BARS_LIMIT, QUALITIES
from midi_data.general_midi import DRUM_KITS, PROGRAM_NAMES, family_name, normalize_instrument
from midi_data.genres import GENRES, HOUSE_GENRE
from midi_data.keys import ALL_KEYS

router = APIRouter(tags=["vocabulary"])

CACHE_HOUR = "public, max-age=3600"
BANDS: dict[str, tuple[str, ...]] = {
    "heavy-metal": ("distortion guitar", "overdriven guitar", "electric bass", "drums"),
    "rock": ("overdriven guitar", "electric guitar (clean)", "electric bass", "drums"),
    "blues": ("electric guitar (clean)", "piano", "acoustic bass", "drums"),
    "jazz": ("tenor sax", "piano", "acoustic bass", "drums"),
    "pop": ("voice oohs", "piano", "electric bass", "drums"),
    "folk": ("violin", "flute", "acoustic guitar (steel)", "acoustic bass", "drums"),
    "classical": ("violin", "viola", "cello", "piano"),
    "game": ("square lead", "saw lead", "synth bass", "drums"),
}
"""Usual bands, with which an instrument picker begins; names that ``/i`` takes."""


@router.get("/genres")
def genres() -> list[GenreFacts]:
    """The genres on offer: the shipped ones, then those trained on this installation."""
    shipped = [
        GenreFacts(
            name=genre.name,
            aliases=genre.aliases,
            tempo_range_bpm=genre.tempo_range_bpm,
            description=genre.description,
            house=genre.name == HOUSE_GENRE,
            band=BANDS.get(genre.name, ()),
        )
        for genre in GENRES
    ]
    trained = [
        GenreFacts(
            name=card.name, aliases=(), tempo_range_bpm=card.tempo_range_bpm, description=card.description, house=False
        )
        for card in cards()
    ]
    return shipped + trained


@router.get("/instruments")
def instruments(response: Response) -> list[InstrumentFacts]:
    """The instruments that a band may have, as ``/i`` takes their names."""
    response.headers["Cache-Control"] = CACHE_HOUR
    return list(_instruments())


@router.get("/vocabulary")
def vocabulary(response: Response) -> Vocabulary:
    """Keys, chord qualities and ranges that requests may use."""
    response.headers["Cache-Control"] = CACHE_HOUR
    return Vocabulary(
        keys=[str(key).removesuffix(" major").replace(" minor", "m") for key in ALL_KEYS],
        chord_qualities=list(QUALITIES),
        tempo_bpm=TEMPO_RANGE_BPM,
        length_seconds=LENGTH_RANGE_SECONDS,
        chord_bars=CHORD_BARS_LIMIT,
        band_parts=MAX_PARTS,
    )


@lru_cache(maxsize=1)
def _instruments() -> tuple[InstrumentFacts, ...]:
    pitched = (
        InstrumentFacts(name=normalize_instrument(name), program=program, is_drum=False, family=family_name(program))
        for program, name in enumerate(PROGRAM_NAMES)
    )
    kits = (
        InstrumentFacts(name=normalize_instrument(name), program=program, is_drum=True, family="Drums")
        for program, name in DRUM_KITS.items()
    )
    return (*pitched, *kits)
