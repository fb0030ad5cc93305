"""The request for one song, with the range of each field. Imports neither torch nor numpy."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from midi_data.chords import CHORD_BARS_LIMIT, parse_chords

TEMPO_RANGE_BPM = (40.0, 300.0)
LENGTH_RANGE_SECONDS = (10.0, 140.0)
DEFAULT_LENGTH_SECONDS = 45.0
DEFAULT_RANDOMNESS = 0.5
HIGHEST_SEED = 2**63 - 1
HIGHEST_VARIATION = 999_999
TITLE_LENGTH = 200

Sampling = Literal["probability", "embedding"]
Format = Literal["mid", "wav", "mp3", "ogg", "png", "mp4", "stems", "musicxml"]

GenreName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]


def _checked_bar(name: str) -> str:
    parse_chords(name)
    return name


BarChords = Annotated[str, Field(max_length=24, pattern=r"^[^\s|,;]+$"), AfterValidator(_checked_bar)]
"""The chords of one bar as ``midi_data.chords.bar_name`` writes them: ``Am``, or ``Am-G`` for two half bars."""


class PartRequest(BaseModel):
    """One requested instrument: a General MIDI program (0–127), or the drum kit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    program: int = Field(ge=0, le=127)
    is_drum: bool = False


class KeyRequest(BaseModel):
    """The requested key: ``tonic`` is a pitch class (0 = C … 11 = B)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tonic: int = Field(ge=0, le=11)
    mode: Literal["major", "minor"]


class ComposeRequest(BaseModel):
    """A request for one song.

    A field that is ``None`` is drawn by the seed, and the result states the drawn value. ``genres`` maps canonical
    genre names to positive weights that sum to 1: one name, or a blend. Tempo is in beats (quarters) a minute, length
    in seconds. ``seed`` fixes the plan; ``seed`` and ``variation`` fix the notes, so that songs of one seed share their
    band, chart and tempo. ``chart_seconds``: length of the chart of a song that is longer, and plays it again from the
    top; by default the song's own length.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str = Field(default="", max_length=TITLE_LENGTH)
    genres: dict[GenreName, Annotated[float, Field(gt=0, le=1)]] = Field(min_length=1, max_length=4)
    tempo_bpm: float | None = Field(default=None, ge=TEMPO_RANGE_BPM[0], le=TEMPO_RANGE_BPM[1])
    randomness: float = Field(default=DEFAULT_RANDOMNESS, ge=0, le=1)
    length_seconds: float = Field(
        default=DEFAULT_LENGTH_SECONDS, ge=LENGTH_RANGE_SECONDS[0], le=LENGTH_RANGE_SECONDS[1]
    )
    band: tuple[PartRequest, ...] | None = Field(default=None, min_length=1, max_length=16)
    key: KeyRequest | None = None
    chords: tuple[BarChords, ...] | None = Field(default=None, min_length=1, max_length=CHORD_BARS_LIMIT)
    seed: int | None = Field(default=None, ge=0, le=HIGHEST_SEED)
    sampling: Sampling = "probability"
    variation: int = Field(default=0, ge=0, le=HIGHEST_VARIATION)
    chart_seconds: float | None = Field(default=None, ge=LENGTH_RANGE_SECONDS[0], le=LENGTH_RANGE_SECONDS[1])
