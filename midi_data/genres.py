"""Genres of the shipped checkpoint: names, aliases, tempo ranges and required roles.

``drum-grooves`` is a corpus of drummers, not a genre that songs are composed in.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Genre:
    """One genre. ``tempo_range_bpm``: range of tempos drawn by seed. ``core``: roles that every band has."""

    name: str
    aliases: tuple[str, ...]
    tempo_range_bpm: tuple[int, int]
    description: str
    core: tuple[str, ...] = ()


HOUSE_GENRE = "heavy-metal"

GENRES: tuple[Genre, ...] = (
    Genre(
        "heavy-metal",
        ("metal", "heavymetal", "hm"),
        (120, 190),
        "distorted guitars, bass and double kick",
        core=("drums", "bass", "distorted guitar"),
    ),
    Genre(
        "rock",
        ("rocknroll", "rock-n-roll", "rock-and-roll"),
        (90, 150),
        "guitars, bass and a backbeat",
        core=("drums", "bass"),
    ),
    Genre("blues", ("bluesy",), (80, 140), "twelve bars, walking bass, a soloist", core=("drums", "bass")),
    Genre(
        "jazz",
        ("swing", "bebop"),
        (110, 220),
        "a soloist over comping, walking bass and brushes",
        core=("drums", "bass"),
    ),
    Genre("pop", ("popmusic", "pop-music"), (80, 130), "a sung melody, piano, bass and drums", core=("drums", "bass")),
    Genre(
        "folk", ("celtic", "irish", "trad"), (90, 150), "jigs, reels and waltzes with a backing band", core=("drums",)
    ),
    Genre("classical", ("classic", "chamber", "baroque"), (70, 130), "chorales, string quartets, songs with piano"),
    Genre("game", ("videogame", "video-game", "chiptune", "game-music"), (90, 160), "music of free computer games"),
)


def plain_name(text: str) -> str:
    """Return ``text`` as genres are compared: lower case, words joined by ``-``."""
    return "-".join(text.strip().lower().replace("_", " ").replace("-", " ").split())


def genre_by_name(genres: tuple[Genre, ...] = GENRES) -> dict[str, Genre]:
    """Return every accepted spelling (names and aliases, with and without ``-``) → its genre."""
    table: dict[str, Genre] = {}
    for genre in genres:
        for word in (genre.name, *genre.aliases):
            table[plain_name(word)] = genre
            table[plain_name(word).replace("-", "")] = genre
    return table
