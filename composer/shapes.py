"""The network's widths and what it is conditioned on, shared by the torch module and the numpy engine. No torch."""

from __future__ import annotations

from dataclasses import dataclass

from midi_data.bars import METER_CLASSES, POSITION_CLASSES
from midi_data.form import FORM_CLASSES
from midi_data.steps import LAGS

PHASE_CLASSES = 16
"""Bar number modulo 16: phrases of 2, 4, 8 and 16 bars."""
BARS_LEFT_EDGES = (1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49)
"""Bars still to come, the present one included: class n counts from ``edges[n − 1]`` on; 0 is "not told"."""
TEMPO_CLASSES = 21
KEY_CLASSES = 26
DENSITY_CLASSES = 9
KEY_NOT_TOLD = 25

CLOCK = ("position", "meter", "phase", "bars_left", "form")
CONDITIONS = ("genre", "style", "tempo", "key", "density")

LOOKS = {"next": ("advance", "part", "pitch"), "note": ("pitch", "duration", "velocity")}
"""Fields of each look back, in the order of ``midi_data.steps``."""


@dataclass(frozen=True, slots=True)
class NetworkShape:
    """Every width of the network. ``genres`` and ``styles`` count the rows of their tables (styles: row 0 is "any")."""

    genres: int
    styles: int
    hidden: int = 512
    layers: int = 2
    inputs: int = 256
    head: int = 192
    advance: int = 96
    part: int = 96
    pitch: int = 128
    duration: int = 64
    velocity: int = 32
    lags: tuple[int, ...] = LAGS

    @property
    def field_widths(self) -> dict[str, int]:
        """Embedding width of each event field."""
        return {
            "advance": self.advance,
            "part": self.part,
            "pitch": self.pitch,
            "duration": self.duration,
            "velocity": self.velocity,
        }

    def looks(self, field: str) -> int:
        """How many looks back the head of ``field`` has: the lags, and for a note's fields its part's last note."""
        return len(self.lags) + (field in LOOKS["note"])

    @property
    def clock_classes(self) -> dict[str, int]:
        """Classes of each clock input, in the order of ``CLOCK``."""
        counts = (POSITION_CLASSES, METER_CLASSES, PHASE_CLASSES, len(BARS_LEFT_EDGES) + 1, FORM_CLASSES)
        return dict(zip(CLOCK, counts, strict=True))

    @property
    def condition_classes(self) -> dict[str, int]:
        """Classes of each condition, in the order of ``CONDITIONS``."""
        counts = (self.genres, self.styles, TEMPO_CLASSES, KEY_CLASSES, DENSITY_CLASSES)
        return dict(zip(CONDITIONS, counts, strict=True))
