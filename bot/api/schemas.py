"""Pydantic models of requests and answers, with an example each, for the OpenAPI document.

Values are read by the command parser, so that words and fields get the same answer.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from bot.commands.grammar import field_description
from composer.request import Format, Sampling
from composer.result import PartFacts, Timings
from worker.client import Action, FileStatus, Status

TEXT_LENGTH = 2000
EXAMPLE_ID = "5f0c9c1e7d3b4c0e9f2a6b1d8e4c7a90"
EXAMPLE_TEXT = "Dancing robots /compose /g heavy-metal /t 160 /r 0.2"
Value = str | float | int | None
TEXT_MEANING = "a tweet, or only its command words; /compose may be left out, since all that is sent here is a request"
JOB_ID_PATTERN = r"^[A-Za-z0-9_-]{1,128}$"


def _field(name: str, *other_names: str) -> Any:
    """An optional field described by the command grammar; ``other_names`` are accepted too."""
    return Field(default=None, description=field_description(name), validation_alias=AliasChoices(name, *other_names))


class CompositionRequest(BaseModel):
    """A tweet in ``text``, or fields, or both: a field wins over its word. Unknown fields are refused."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"text": EXAMPLE_TEXT},
                {"title": "Dancing robots", "genre": "heavy-metal", "tempo": 160, "randomness": 0.2, "seed": 42},
            ]
        },
    )

    text: str = Field(default="", max_length=TEXT_LENGTH, description=TEXT_MEANING)
    title: str | None = Field(default=None, max_length=TEXT_LENGTH, description="the song's title")
    genre: Value | dict[str, float] = _field("genre", "genres")
    tempo: Value = _field("tempo", "tempo_bpm")
    randomness: Value = _field("randomness")
    length: Value = _field("length", "length_seconds")
    band: Value | list[Any] = _field("band", "parts")
    key: Value | dict[str, Any] = _field("key")
    chords: Value | list[str] = _field("chords")
    seed: Value = _field("seed")
    sampling: Value = _field("sampling")
    variation: Value = _field("variation")
    reply_to: str | None = Field(
        default=None, pattern=JOB_ID_PATTERN,
        description="the id of a finished song that /again, /vary, /extend, /replace or other words work on",
    )  # fmt: skip
    formats: tuple[Format, ...] | None = Field(default=None, min_length=1, description="files wanted; all if left out")

    def fields(self) -> dict[str, Any]:
        """Every given field of the song, as it was given."""
        # Not model_dump: it raises on deeply nested lists.
        names = set(type(self).model_fields) - {"text", "formats", "reply_to"}
        return {name: value for name in names if (value := getattr(self, name)) is not None}


class Accepted(BaseModel):
    """The request waits in the queue. ``position`` 1 is next."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": EXAMPLE_ID, "status_url": f"/compositions/{EXAMPLE_ID}",
                "events_url": f"/compositions/{EXAMPLE_ID}/events", "position": 1, "eta_seconds": 9, "notices": [],
                "token": "9b1c…",
            }
        }
    )  # fmt: skip

    id: str
    status_url: str
    events_url: str
    position: int
    eta_seconds: int
    notices: list[str]
    token: str = Field(default="", description="lets the asker delete the song: DELETE with it as bearer token")


class StemFacts(BaseModel):
    """One part's sound, not mastered: 32-bit WAV, and MP3 at the level of the loudest stem."""

    part: int = Field(description="its number in parts")
    name: str
    wav: str
    mp3: str


class Composition(BaseModel):
    """Status of a request; the song's own fields are set once ``status`` is ``done``."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": EXAMPLE_ID, "status": "done", "progress": 1.0, "position": 0, "eta_seconds": 0,
                "text": EXAMPLE_TEXT, "command": EXAMPLE_TEXT + " /s 42", "notices": [], "url": f"/songs/{EXAMPLE_ID}",
                "number": 7, "finished_at": "2026-11-21T12:00:00Z", "title": "Dancing robots", "genre": "heavy-metal",
                "tempo_bpm": 160, "randomness": 0.2, "sampling": "probability", "seed": 42, "key": "E minor",
                "duration_seconds": 45.0, "bars": 30, "notes": 1410,
                "parts": [{"name": "Drums", "program": 0, "is_drum": True, "notes": 520}],
                "files": {"mp3": f"/compositions/{EXAMPLE_ID}/song.mp3"}, "checkpoint": "house",
            }
        }
    )  # fmt: skip

    id: str
    status: Status
    progress: float = Field(ge=0, le=1)
    position: int = Field(description="1 is next, 0 does not wait")
    eta_seconds: int
    text: str = Field(description="what was asked, as written")
    command: str = Field(description="the words that ask for the same again")
    notices: list[str]
    problem: str | None = Field(default=None, description="one sentence, if refused or failed")
    url: str | None = Field(default=None, description="the song's own page")
    notes_url: str | None = Field(default=None, description="its notes as JSON, for a player")
    number: int | None = None
    finished_at: datetime | None = None
    title: str | None = None
    genre: str | None = None
    tempo_bpm: float | None = None
    randomness: float | None = None
    sampling: Sampling | None = None
    seed: int | None = None
    variation: int = Field(default=0, description="0 is the seed's own song; others have other notes over its plan")
    action: Action | None = Field(default=None, description="what it does with its parent")
    parent: str | None = Field(default=None, description="the song it was made from")
    root: str = Field(default="", description="the first song of its thread; its own id if it is that")
    change: str = Field(default="", description="one line: how it differs from its parent")
    house: bool = Field(default=False, description="asked for by the service itself")
    replies: int = Field(default=0, description="public songs below it in the thread that it begins")
    key: str | None = None
    duration_seconds: float | None = None
    bars: int | None = None
    chords: list[str] | None = Field(default=None, description="one entry a bar")
    notes: int | None = None
    parts: list[PartFacts] | None = None
    files: dict[str, str] | None = Field(default=None, description="a format and where its file is")
    makes: list[Format] | None = Field(default=None, description="formats that a POST to song.FORMAT renders")
    stems: list[StemFacts] | None = Field(default=None, description="the parts' sounds, once they are rendered")
    checkpoint: str | None = None
    timings_seconds: Timings | None = None


class FileState(BaseModel):
    """How far a file is that was asked for; ask again after ``retry_after`` seconds, 0 once it is done or failed."""

    status: FileStatus
    url: str
    retry_after: int


class Timeline(BaseModel):
    """Songs, newest first; ``next_before`` asks for the older ones, and is null at the end."""

    songs: list[Composition]
    next_before: int | None


class Thread(BaseModel):
    """Public songs of one thread, first to last."""

    songs: list[Composition]


class GenreFacts(BaseModel):
    """A genre that can be asked for."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "name": "heavy-metal", "aliases": ["metal"], "tempo_range_bpm": [120, 190],
                "description": "distorted guitars, bass and double kick", "house": True,
            }
        }
    )  # fmt: skip

    name: str
    aliases: tuple[str, ...]
    tempo_range_bpm: tuple[int, int]
    description: str
    house: bool = Field(description="played when no genre is asked for")
    band: tuple[str, ...] = Field(default=(), description="a usual band, as /i takes it")


class InstrumentFacts(BaseModel):
    """An instrument or drum kit of General MIDI; ``name`` is what ``/i`` takes."""

    name: str
    program: int
    is_drum: bool
    family: str


class Vocabulary(BaseModel):
    """Keys and chord qualities as ``/k`` and ``/c`` take them, and ranges, both ends included."""

    keys: list[str]
    chord_qualities: list[str] = Field(description='behind a root: "" is major')
    tempo_bpm: tuple[float, float]
    length_seconds: tuple[float, float]
    chord_bars: int = Field(description="most bars of chords in a request")
    band_parts: int = Field(description="most parts of a band")


class Health(BaseModel):
    """The process answers."""

    status: str = Field(examples=["ok"])


class Readiness(BaseModel):
    """The queue's server answers, so requests can be taken in; ``workers`` of 0 means that they wait."""

    status: str = Field(examples=["ready"])
    workers: int = Field(examples=[1])
    waiting: int = Field(examples=[0])
    limit: int = Field(examples=[100])


class PlayerPart(BaseModel):
    """One part; a note is onset and duration in seconds, pitch, velocity."""

    name: str
    program: int
    is_drum: bool
    notes: list[tuple[float, float, int, int]]


class PlayerNotes(BaseModel):
    """The notes of a song; ``bars`` are the seconds at which its bars begin."""

    duration: float
    bars: list[float]
    parts: list[PlayerPart]
    chords: list[tuple[float, str]] = Field(default=[], description="seconds and name, at each change")
    sections: list[tuple[float, str]] = Field(default=[], description="seconds and name of each section")


class Report(BaseModel):
    """Why a song should be looked at."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"reason": "the title insults people"}})

    reason: str = Field(default="", max_length=500)


ModeratorAction = Literal["hide", "delete", "dismiss", "ban", "unban", "pause", "resume"]


class ModerationAction(BaseModel):
    """One decision of the operator.

    ``target``: a song's id (hide, delete, dismiss its reports), ``NETWORK:HANDLE``, ``http:ADDRESS`` or ``song:ID``
    (ban, unban), or a network's name, ``http`` included (pause, resume).
    """

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"action": "hide", "target": EXAMPLE_ID}})

    action: ModeratorAction
    target: str = Field(min_length=1, max_length=300)
    note: str = Field(default="", max_length=500, description="for the audit log")


class ReportEntry(BaseModel):
    """A report of a song; ``at`` in unix seconds."""

    song: str
    reason: str
    at: float


class AuditEntry(BaseModel):
    """A decision; ``at`` in unix seconds, ``by`` operator or asker."""

    action: str
    target: str
    note: str
    by: str
    at: float


class ModerationState(BaseModel):
    """What the operator has decided, and what was reported."""

    reports: list[ReportEntry]
    bans: dict[str, list[str]] = Field(description="handles, ids or client hashes by network")
    paused: list[str]
    log: list[AuditEntry] = Field(description="newest first")
