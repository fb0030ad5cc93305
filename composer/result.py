"""The finished song: its files and the facts about it, as told in JSON. No torch, no numpy."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from composer.request import Sampling


class PartFacts(BaseModel):
    """One part as it was played."""

    model_config = ConfigDict(frozen=True)

    name: str
    program: int
    is_drum: bool
    notes: int


class Timings(BaseModel):
    """Seconds spent in each stage."""

    model_config = ConfigDict(frozen=True)

    load: float = 0.0
    compose: float = 0.0
    audio: float = 0.0
    video: float = 0.0
    total: float = 0.0


class Rendition(BaseModel):
    """A song on disk. ``files`` maps a format (``mid``, ``mp3`` …) to its path."""

    model_config = ConfigDict(frozen=True)

    title: str
    genre: str
    tempo_bpm: float
    randomness: float
    sampling: Sampling
    seed: int
    key: str
    duration_seconds: float
    bars: int
    notes: int
    parts: list[PartFacts]
    files: dict[str, Path]
    checkpoint: str
    notices: list[str] = Field(default_factory=list)
    timings_seconds: Timings = Field(default_factory=Timings)
