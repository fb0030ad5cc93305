"""Converts the queue's states and songs to the API's JSON models."""

from __future__ import annotations

from bot.api.schemas import Composition
from bot.commands.fields import as_command
from bot.commands.genre_names import GenreNames
from bot.commands.grammar import REVISION_VERBS, usage
from bot.commands.parser import Kind
from composer.genre_store import spellings
from worker.client import JobState, SongRecord, missing_formats, state_of_song

ANSWERS: dict[str, str] = {
    **{str(verb): "reply_to: name the song that this works on" for verb in REVISION_VERBS},
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
        variation=state.request.variation if state.request else 0,
        house=state.house,
        **_thread_fields(state),  # type: ignore[arg-type]
        problem=state.problem,
        **song,  # type: ignore[arg-type]
    )


def _thread_fields(state: JobState) -> dict[str, object]:
    revision = state.revision
    if revision is None:
        return {"root": state.job_id}
    return {
        "action": revision.action, "parent": revision.parent, "root": revision.root, "change": revision.difference,
    }  # fmt: skip


def song_of(song: SongRecord) -> Composition:
    """The JSON model of a finished song."""
    return composition_of(state_of_song(song))


def _song_fields(song: SongRecord) -> dict[str, object]:
    base = f"/compositions/{song.id}"
    facts = song.rendition.model_dump(exclude={"files", "notices"})
    files = {kind: f"{base}/{name}" for kind, name in song.rendition.files.items()}
    stems = [
        {"part": n, "name": part.name, "wav": f"{base}/stems/{n}.wav", "mp3": f"{base}/stems/{n}.mp3"}
        for n, part in enumerate(song.rendition.parts)
    ]
    return facts | {
        "makes": missing_formats(song), "stems": stems if "stems" in files else None,
        "number": song.number, "finished_at": song.finished_at, "files": files,
        "url": f"/songs/{song.id}", "notes_url": f"{base}/notes",
    }  # fmt: skip
