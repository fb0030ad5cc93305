"""Converts the queue's states and songs to the API's JSON models."""

from __future__ import annotations

from bot.api.schemas import Composition
from bot.commands.fields import as_command
from bot.commands.genre_names import GenreNames
from bot.commands.grammar import usage
from bot.commands.parser import Kind
from composer.genre_store import spellings
from worker.client import JobState, SongRecord

ANSWERS = {
    "again": "to hear a song again with a new seed, use the button under it",
    "stop": "this API sends no messages, so there is nothing to stop",
}


def answer_to(kind: Kind) -> str:
    """The sentence that answers a text of ``kind``, which asks for no song."""
    if kind == "genres":
        return "I play " + ", ".join(GenreNames(spellings()).names)
    return ANSWERS.get(kind, usage())


def composition_of(state: JobState) -> Composition:
    """The JSON model of ``state``, with the song's fields once it is done."""
    song = {} if state.song is None else _song_fields(state.song)
    return Composition(
        id=state.job_id,
        status=state.status,
        progress=state.progress,
        position=state.position,
        eta_seconds=state.eta_seconds,
        text=state.text,
        command=as_command(state.request) if state.request else "",
        notices=list(state.notices),
        problem=state.problem,
        **song,  # type: ignore[arg-type]
    )


def song_of(song: SongRecord) -> Composition:
    """The JSON model of a finished song."""
    notices = tuple(song.rendition.notices)
    return composition_of(
        JobState(song.id, "done", progress=1.0, text=song.text, request=song.request, notices=notices, song=song)
    )


def _song_fields(song: SongRecord) -> dict[str, object]:
    base = f"/compositions/{song.id}"
    facts = song.rendition.model_dump(exclude={"files", "notices"})
    files = {kind: f"{base}/{name}" for kind, name in song.rendition.files.items()}
    return facts | {
        "number": song.number, "finished_at": song.finished_at, "files": files,
        "url": f"/songs/{song.id}", "notes_url": f"{base}/notes",
    }  # fmt: skip
