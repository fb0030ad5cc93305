"""Pydantic models of trainings over HTTP, with an example each."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from worker.client import TrainingStatus

EXAMPLE_ID = "0d6a1b7c5e2f4a3b9c8d7e6f5a4b3c2d"


class TrainingFields(BaseModel):
    """Fields in the address, beside an uploaded archive."""

    model_config = ConfigDict(extra="forbid")

    genre: str | None = Field(
        default=None,
        pattern=r"^[a-z0-9][a-z0-9-]*$",
        max_length=40,
        description="the genre's name: small letters, digits and -",
    )
    minutes: float | None = Field(default=None, gt=0, description="how long to train")
    updates: int | None = Field(default=None, ge=1, description="instead of minutes: the same weights each time")
    seed: int = Field(default=1, ge=0, lt=2**63)
    licence: str = Field(default="not stated", max_length=400, description="of the MIDI files, kept with the genre")


class TrainingRequest(TrainingFields):
    """A genre and where its MIDI files are."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"genre": "ska", "midi": "collections/ska.zip", "minutes": 15}}
    )

    genre: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=40)
    midi: str | None = Field(
        default=None, max_length=1000, description="a folder or archive inside RIFFBIRD_TRAIN_FOLDER"
    )


class TrainingAccepted(BaseModel):
    """The training waits in its queue. ``position`` 1 is next."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": EXAMPLE_ID, "status_url": f"/trainings/{EXAMPLE_ID}",
                "events_url": f"/trainings/{EXAMPLE_ID}/events", "position": 1,
            }
        }
    )  # fmt: skip

    id: str
    status_url: str
    events_url: str
    position: int


class CurvePoint(BaseModel):
    """One point of the learning curve, in nats a note."""

    update: int
    nll: float | None = Field(default=None, description="on what it trains on, a running mean")
    valid: float | None = Field(default=None, description="on held-out pieces, where it was validated")


class TrainingProgress(BaseModel):
    """State of a training. Likelihoods are in nats a note, lower is better."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": EXAMPLE_ID, "status": "training", "genre": "ska", "progress": 0.4, "position": 0, "update": 400,
                "updates": 1000, "nll": 4.12, "valid": {"ska": 4.3}, "best": 4.3, "seconds_left": 540,
                "curve": [{"update": 399, "nll": 4.13}, {"update": 400, "nll": 4.12, "valid": 4.3}],
            }
        }
    )  # fmt: skip

    id: str
    status: TrainingStatus
    genre: str
    progress: float = Field(ge=0, le=1)
    position: int = Field(description="1 is next, 0 does not wait")
    update: int
    updates: int = Field(description="in all; an estimate for a training limited by minutes")
    nll: float | None = Field(default=None, description="on what it trains on, a running mean")
    valid: dict[str, float] = Field(description="on held-out pieces, by genre, at the latest validation")
    best: float | None = Field(default=None, description="the best validation so far: what is kept")
    seconds_left: float | None = None
    curve: list[CurvePoint] = Field(description="oldest first, at most some hundreds of points")
    problem: str | None = Field(default=None, description="one sentence, if refused or failed")
    checkpoint_url: str | None = Field(default=None, description="the weights, once it is done")
