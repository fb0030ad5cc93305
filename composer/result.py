"""The result of a request: the files of one song and the facts that ``--json`` prints."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from composer.request import Sampling


class PartFacts(BaseModel):
    """One part of the finished song: its General MIDI program and its number of notes."""

    model_config = ConfigDict(frozen=True)

    name: str
    program: int
    is_drum: bool
    notes: int


class Timings(BaseModel):
    """Wall-clock seconds of each stage."""

    model_config = ConfigDict(frozen=True)

    load: float = 0.0
    compose: float = 0.0
    audio: float = 0.0
    video: float = 0.0
    total: float = 0.0


class Rendition(BaseModel):
    """A finished song on disk. ``files`` maps a format (``mid``, ``mp3`` …) to its path."""

    model_config = ConfigDict(frozen=True)

    title: str
    genre: str
    chords: list[str] = Field(default_factory=list)
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
