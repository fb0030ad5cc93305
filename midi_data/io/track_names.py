"""Titles and names in a file: which text names the song, and which names each track's notes on a channel."""

from __future__ import annotations

from dataclasses import dataclass

from midi_data.io.smf import CHANNEL_PREFIX, INSTRUMENT_NAME, TRACK_NAME, RawMidi
from midi_data.io.text import decode_text, likeliest_encoding

_TEXT_KINDS = range(1, 16)
"""Meta events that hold words."""
_ENCODING_SAMPLE = 2000
"""Texts of a file that are looked at for its encoding."""


@dataclass(slots=True)
class Names:
    """``title`` of the song; track names and instrument names by (track, channel), channel −1 for all channels."""

    title: str
    track: dict[tuple[int, int], str]
    instrument: dict[tuple[int, int], str]

    def of(self, track: int, channel: int) -> str:
        """The name of ``track``'s notes on ``channel``, ``""`` without one."""
        return self.track.get((track, channel)) or self.track.get((track, -1), "")

    def instrument_of(self, track: int, channel: int) -> str:
        """The instrument name event of ``track`` on ``channel``, ``""`` without one."""
        return self.instrument.get((track, channel)) or self.instrument.get((track, -1), "")


def read_names(raw: RawMidi) -> Names:
    """The names in ``raw``; the title is the name that the first track has at its beginning."""
    texts = [body for track in raw.tracks for _, kind, body in track.metas if kind in _TEXT_KINDS]
    encoding = likeliest_encoding(texts[:_ENCODING_SAMPLE])
    names = Names("", {}, {})
    for number, track in enumerate(raw.tracks):
        channel, prefix_tick = -1, 0
        for tick, kind, body in track.metas:
            if kind == CHANNEL_PREFIX and body:
                channel, prefix_tick = body[0] % 16, tick
            elif kind in (TRACK_NAME, INSTRUMENT_NAME):
                # A prefix holds for the events that follow it at once.
                key = (number, channel if tick == prefix_tick else -1)
                table = names.track if kind == TRACK_NAME else names.instrument
                table.setdefault(key, decode_text(body, encoding))
    first = [body for tick, kind, body in raw.tracks[0].metas if kind == TRACK_NAME and tick == 0] if raw.tracks else []
    names.title = decode_text(first[0], encoding) if first else ""
    return names
