"""One song as it was ordered: the request and what goes along with it, as JSON on the queue. Knows no queue."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from composer.request import ComposeRequest, Format


class Order(BaseModel):
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
