"""The arguments of jobs, as JSON on the queue.

Fields that this version does not know are ignored, so that a queue survives an upgrade and its way back.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from composer.request import ComposeRequest, Format

Action = Literal["again", "vary", "extend", "replace", "remix"]
"""What a reply does with the song it answers; ``remix``: a request of its own words."""


class Revision(BaseModel):
    """How a song was made from another one: ``parent`` is that song's id, ``root`` the first of the thread.

    ``difference``: one line for people. ``replaced``: numbers of the parent's parts that are composed anew.
    ``from_file``: whether the parent's plan came from an uploaded file, which is not kept.
    """

    model_config = ConfigDict(frozen=True)

    action: Action
    parent: str
    root: str
    difference: str = ""
    replaced: tuple[int, ...] = ()
    from_file: bool = False

    @property
    def needs_notes(self) -> bool:
        """Whether the new song has notes of its parent."""
        return self.action in ("extend", "replace")


class ComposePayload(BaseModel):
    """Arguments of a compose job."""

    model_config = ConfigDict(frozen=True)

    request: ComposeRequest
    formats: tuple[Format, ...] = Field(min_length=1)
    text: str = Field(default="", description="the request as it was written")
    notices: tuple[str, ...] = Field(default=(), description="notices that the asker got when it was submitted")
    primer: bool = Field(default=False, description="whether the song continues an uploaded MIDI file")
    like: bool = Field(default=False, description="whether the song imitates an uploaded MIDI file")
    own_genre: bool = Field(default=False, description="whether it is played in the genre that this file fits best")
    listed: bool = Field(default=False, description="whether the song appears on the public timeline")
    revision: Revision | None = Field(default=None, description="how it is made from another song")
    house: bool = Field(default=False, description="whether the service asked for it itself")

    @property
    def from_file(self) -> bool:
        """Whether the song's plan comes from an uploaded file, its own or that of the song it is made from."""
        inherited = self.revision is not None and self.revision.needs_notes and self.revision.from_file
        return self.primer or self.like or inherited

    @property
    def is_composed_alone(self) -> bool:
        """Whether it has a file or another song's notes to begin with, or is the house's and may be dropped."""
        given = self.revision is not None and self.revision.needs_notes
        return self.house or self.primer or self.like or given

    def formats_with_midi(self) -> list[Format]:
        """The formats and MIDI, from which the player's notes are read."""
        return list(self.formats) if "mid" in self.formats else ["mid", *self.formats]


class TrainPayload(BaseModel):
    """Arguments of a train job: the genre's name, where its MIDI files are, how long to train."""

    model_config = ConfigDict(frozen=True)

    genre: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=40)
    midi: Path | None = Field(default=None, description="a folder or archive where the worker sees it")
    upload: str | None = Field(default=None, description="instead: the archive's name in the media store")
    minutes: float | None = Field(default=None, gt=0)
    updates: int | None = Field(default=None, ge=1, description="instead of minutes: the same weights each time")
    seed: int = Field(default=1, ge=0, lt=2**63)
    licence: str = Field(default="not stated", max_length=400, description="of the MIDI files")

    @model_validator(mode="after")
    def _check_alternatives(self) -> Self:
        if (self.midi is None) == (self.upload is None):
            raise ValueError("the MIDI files come from one of midi and upload")
        if self.minutes is not None and self.updates is not None:
            raise ValueError("a training lasts a number of minutes or of updates, not both")
        return self
