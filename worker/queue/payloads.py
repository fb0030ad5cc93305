"""A song or a training as it was ordered: what its job is called with, as JSON on the queue. Knows no queue."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from composer.request import ComposeRequest, Format


class ComposePayload(BaseModel):
    """What a compose job is called with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    request: ComposeRequest
    formats: tuple[Format, ...] = Field(min_length=1)
    text: str = Field(default="", description="what was asked, as written")
    notices: tuple[str, ...] = Field(default=(), description="what the asker was told when it was taken in")
    listed: bool = Field(default=False, description="whether the song appears on the public timeline")

    def formats_with_midi(self) -> list[Format]:
        """The formats and MIDI: a player's notes are read from that file."""
        return list(self.formats) if "mid" in self.formats else ["mid", *self.formats]


class TrainPayload(BaseModel):
    """What a train job is called with: the genre's name, where its MIDI files are, how long to learn."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    genre: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=40)
    midi: Path | None = Field(default=None, description="a folder or archive where the worker sees it")
    upload: str | None = Field(default=None, description="instead: the archive's name in the media store")
    minutes: float | None = Field(default=None, gt=0)
    updates: int | None = Field(default=None, ge=1, description="instead of minutes: the same weights each time")
    seed: int = Field(default=1, ge=0, lt=2**63)
    licence: str = Field(default="not stated", max_length=400, description="of the MIDI files")

    @model_validator(mode="after")
    def _one_of_each(self) -> Self:
        if (self.midi is None) == (self.upload is None):
            raise ValueError("the MIDI files come from one of midi and upload")
        if self.minutes is not None and self.updates is not None:
            raise ValueError("a training lasts so many minutes or so many updates, not both")
        return self
