"""Files of a song that was composed before: the same as if they had been asked for with it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from composer.audio.tags import Tags, default_link
from composer.genre_store import mix_genres
from composer.render import render
from composer.request import ComposeRequest, Format
from composer.result import Rendition
from composer.score import as_score
from midi_data.keys import parse_key
from midi_data.song import Song


def render_files(
    song: Song, request: ComposeRequest, facts: Rendition, formats: Sequence[Format], folder: Path
) -> dict[str, Path]:
    """Render ``song``, read from its MIDI file, to ``folder``; format → path. ``facts``: what was said of it."""
    key = parse_key(facts.key) if facts.key else None
    score = as_score(song, request, key, facts.chords)
    tags = Tags(
        title=facts.title, genre=facts.genre, bpm=facts.tempo_bpm, key=facts.key, seed=facts.seed, link=default_link()
    )
    subtitle = f"{facts.genre} · {facts.tempo_bpm:g} BPM · {facts.bars} bars · seed {facts.seed}"
    return render(
        score, formats, folder, "song", tags=tags, subtitle=subtitle, genres=mix_genres(request.genres)
    ).files  # fmt: skip
