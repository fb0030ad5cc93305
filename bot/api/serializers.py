"""From what the queue knows of a request to the API's JSON, and to the command words that ask for the same.

Does not know HTTP.
"""

from __future__ import annotations

from bot.api.schemas import Composition
from bot.commands.fields import as_fields
from bot.commands.genre_names import GenreBook
from bot.commands.parser import Kind
from composer.genre_store import spellings
from composer.request import ComposeRequest
from worker.client import JobState, SongRecord

LETTERS = {"genre": "g", "tempo": "t", "randomness": "r", "length": "l", "band": "i", "key": "k", "seed": "s"}
HELP = (
    "write a title, then /compose and any of "
    "/g GENRE, /t BPM, /r RANDOMNESS (0-1), /l SECONDS, /i BAND, /k KEY, /s SEED, /e"
)
ANSWERS = {
    "help": HELP,
    "again": "to hear a song again with a new seed, use the button under it",
    "stop": "nobody here writes to you unasked, so there is nothing to stop",
    "none": HELP,
}
"""What is answered, without a song, to words that ask for none; the genres are asked for at the time."""


def answer_to(kind: Kind) -> str:
    """The sentence that answers words of ``kind``, which ask for no song."""
    if kind == "genres":
        return "I play " + ", ".join(GenreBook(spellings()).names)
    return ANSWERS.get(kind, HELP)


def command_of(request: ComposeRequest) -> str:
    """The command words that ask for ``request`` again, its title and seed included."""
    fields = as_fields(request)
    words = [fields.get("title", ""), "/compose"]
    words += [f"/{letter} {fields[name]}" for name, letter in LETTERS.items() if name in fields]
    words += ["/e"] if request.sampling == "embedding" else []
    return " ".join(word for word in words if word)


def composition_of(state: JobState) -> Composition:
    """The JSON of ``state``, the song's fields included once it is there."""
    song = {} if state.song is None else _song_fields(state.song)
    return Composition(
        id=state.job_id,
        status=state.status,
        progress=state.progress,
        position=state.position,
        eta_seconds=state.eta_seconds,
        text=state.text,
        command=command_of(state.request) if state.request else "",
        notices=list(state.notices),
        problem=state.problem,
        **song,  # type: ignore[arg-type]
    )


def song_of(song: SongRecord) -> Composition:
    """The JSON of a finished song."""
    told = tuple(song.rendition.notices)
    return composition_of(
        JobState(song.id, "done", progress=1.0, text=song.text, request=song.request, notices=told, song=song)
    )


def _song_fields(song: SongRecord) -> dict[str, object]:
    base = f"/compositions/{song.id}"
    facts = song.rendition.model_dump(exclude={"files", "notices"})
    files = {kind: f"{base}/{name}" for kind, name in song.rendition.files.items()}
    return facts | {
        "number": song.number, "finished_at": song.finished_at, "files": files,
        "url": f"/songs/{song.id}", "notes_url": f"{base}/notes",
    }  # fmt: skip
