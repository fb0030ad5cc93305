"""The network's widths and what it is conditioned on, shared by the torch module and the numpy engine. No torch."""

from __future__ import annotations

from dataclasses import dataclass

from midi_data.analysis.activity import ACTIVITY_CLASSES, BAND_ACTIVITY_CLASSES
from midi_data.analysis.attribute_histograms import HISTOGRAMS_WIDTH
from midi_data.analysis.repetition import REPETITION_CLASSES
from midi_data.bars import METER_CLASSES, POSITION_CLASSES
from midi_data.events.encoding import FIELDS, VOCABULARY
from midi_data.events.features import LAGS

PHASE_CLASSES = 16
"""Bar number modulo 16: phrases of 2, 4, 8 and 16 bars."""
BARS_LEFT_EDGES = (1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49)
"""Bars still to come, the present one included: class n counts from ``edges[n − 1]`` on; 0 is "not told"."""
TEMPO_CLASSES = 21
KEY_CLASSES = 26
DENSITY_CLASSES = 9
KEY_UNCONDITIONED = 25

CLOCK = ("position", "meter", "phase", "bars_left", "form", "busy", "busy_next")
CONDITIONS = ("genre", "style", "tempo", "key", "density")

ACTIVITY_WEIGHTS = (0.0, 0.0, 0.4, 0.55, 0.7, 0.8, 0.9, 1.0)
"""How much a part of each level (``midi_data.analysis.activity``) counts among those that play in a bar."""

LOOKBACK_FIELDS = {"next": ("advance", "part", "pitch"), "note": ("pitch", "duration", "velocity")}
"""Fields of each look back, in the order of ``midi_data.events.features``."""


@dataclass(frozen=True, slots=True)
class ModelConfig:
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
        return len(self.lags) + (field in LOOKBACK_FIELDS["note"])

    @property
    def clock_classes(self) -> dict[str, int]:
        """Classes of each clock input, in the order of ``CLOCK``."""
        bars = (
            PHASE_CLASSES,
            len(BARS_LEFT_EDGES) + 1,
            REPETITION_CLASSES,
            BAND_ACTIVITY_CLASSES,
            BAND_ACTIVITY_CLASSES,
        )
        counts = (POSITION_CLASSES, METER_CLASSES, *bars)
        return dict(zip(CLOCK, counts, strict=True))

    @property
    def condition_classes(self) -> dict[str, int]:
        """Classes of each condition, in the order of ``CONDITIONS``."""
        counts = (self.genres, self.styles, TEMPO_CLASSES, KEY_CLASSES, DENSITY_CLASSES)
        return dict(zip(CONDITIONS, counts, strict=True))


def expected_shapes(shape: ModelConfig) -> dict[str, tuple[int, ...]]:
    """Every weight's name and shape, as the torch module's ``state_dict`` has them."""
    widths, lags = shape.field_widths, len(shape.lags)
    shapes: dict[str, tuple[int, ...]] = {f"tables.{f}.weight": (VOCABULARY[f] + 1, widths[f]) for f in FIELDS}
    shapes |= {f"clock_tables.{n}.weight": (c, shape.inputs) for n, c in shape.clock_classes.items()}
    shapes |= {f"condition_tables.{n}.weight": (c, shape.inputs) for n, c in shape.condition_classes.items()}
    shapes["previous_in.weight"] = (shape.inputs, sum(widths.values()))
    shapes["previous_in.bias"] = (shape.inputs,)
    shapes["next_in.weight"] = (shape.inputs, lags * sum(widths[f] for f in LOOKBACK_FIELDS["next"]))
    shapes["matched_in.weight"] = (shape.inputs, lags)
    shapes["band_in.weight"] = (shape.inputs, shape.part)
    shapes["playing_in.weight"] = (shape.inputs, shape.part)
    shapes["level.weight"] = (ACTIVITY_CLASSES, shape.head)
    shapes["tendencies_in.weight"] = (shape.inputs, HISTOGRAMS_WIDTH)
    shapes["playing_tendencies_in.weight"] = (shape.inputs, HISTOGRAMS_WIDTH)
    shapes["part_tendencies.weight"] = (shape.part, HISTOGRAMS_WIDTH)
    for layer in range(shape.layers):
        gates, width = 4 * shape.hidden, shape.inputs if layer == 0 else shape.hidden
        shapes |= {
            f"layers.{layer}.weight_ih_l0": (gates, width),
            f"layers.{layer}.weight_hh_l0": (gates, shape.hidden),
            f"layers.{layer}.bias_ih_l0": (gates,),
            f"layers.{layer}.bias_hh_l0": (gates,),
        }
    for field in FIELDS:
        shapes |= _head_shapes(shape, field)
    return shapes


def _head_shapes(shape: ModelConfig, field: str) -> dict[str, tuple[int, ...]]:
    widths, looks = shape.field_widths, shape.looks(field)
    before = sum(widths[f] for f in FIELDS[: FIELDS.index(field)])
    shapes: dict[str, tuple[int, ...]] = {
        "from_hidden.weight": (shape.head, shape.hidden),
        "from_hidden.bias": (shape.head,),
        "from_looks.weight": (shape.head, looks * widths[field]),
        "to_table.weight": (widths[field], shape.head),
        "to_table.bias": (widths[field],),
        "copy.weight": (looks, shape.head),
        "copy.bias": (looks,),
        "bias": (VOCABULARY[field],),
    }
    if before:
        shapes |= {"from_chosen.weight": (shape.head, before), "from_position.weight": (shape.head, shape.inputs)}
    if field in LOOKBACK_FIELDS["note"]:
        shapes["from_tendencies.weight"] = (shape.head, HISTOGRAMS_WIDTH)
    return {f"heads.{field}.{name}": size for name, size in shapes.items()}
