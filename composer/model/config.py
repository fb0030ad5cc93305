"""Configuration of the network: widths, inputs and conditions, for the torch module and the numpy engine. No torch."""

from __future__ import annotations

from dataclasses import dataclass

from midi_data.analysis.activity import ACTIVITY_CLASSES, BAND_ACTIVITY_CLASSES
from midi_data.analysis.attribute_histograms import HISTOGRAMS_WIDTH
from midi_data.analysis.repetition import REPETITION_CLASSES
from midi_data.bars import METER_CLASSES, POSITION_CLASSES
from midi_data.chords import CHORD_CLASSES, QUALITIES
from midi_data.events.encoding import FIELDS, SAME_PROGRAM_LIMIT, VOCABULARY
from midi_data.events.features import LAGS, NOTE_LOOKBACK

PHASE_CLASSES = 16
"""Classes of the bar number modulo 16, which spans phrases of 2, 4, 8 and 16 bars."""
BARS_LEFT_EDGES = (1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49)
"""Lower edges of the bars-left classes, the present bar included; class 0 is unconditioned."""
TEMPO_CLASSES = 21
KEY_CLASSES = 26
DENSITY_CLASSES = 9
KEY_UNCONDITIONED = 25

CHORD_CONDITION_CLASSES = 1 + CHORD_CLASSES
"""A chord class plus 1; 0 where the chord is unconditioned."""
CHORD_CHANGE_CLASSES = 7
"""Slots until the chord changes: 0 unconditioned, 1–5, 6 for more or no change."""
STRENGTH_CLASSES = 3
"""Metrical strength of a tick: 0 off the beat, 1 on a quarter, 2 where a chord slot begins."""
BASS_PROGRAMS = (32, 39)
"""First and last General MIDI program of the basses."""
CHORD_ROLES = 2
"""Parts whose notes relate to chords alike: 0 basses, 1 all other pitched parts."""

CHORD_CLOCK = ("chord", "chord_next", "chord_change")
"""The inputs that tell of chords."""
CLOCK = ("position", "meter", "phase", "bars_left", "repetition", "band_activity", "next_band_activity", *CHORD_CLOCK)
CONDITIONS = ("genre", "style", "tempo", "key", "density")

ACTIVITY_WEIGHTS = (0.0, 0.0, 0.4, 0.55, 0.7, 0.8, 0.9, 1.0)
"""Weight of a part's embedding in a bar, by activity bin (``midi_data.analysis.activity``)."""

LOOKBACK_FIELDS = {"next": ("time_shift", "part", "pitch"), "note": ("pitch", "duration", "velocity")}
"""Fields of each kind of lookback, in the order of ``midi_data.events.features``."""


def chord_role(part: int) -> int:
    """0 for basses, 1 for other pitched parts, ``CHORD_ROLES`` for drums and for no part."""
    program = part // SAME_PROGRAM_LIMIT - 1
    if program < 0 or part >= VOCABULARY["part"]:
        return CHORD_ROLES
    return 0 if BASS_PROGRAMS[0] <= program <= BASS_PROGRAMS[1] else 1


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """Widths of the network and rows of its ``genres`` and ``styles`` tables (style 0 is "any")."""

    genres: int
    styles: int
    hidden: int = 512
    layers: int = 2
    inputs: int = 256
    head: int = 192
    time_shift: int = 96
    part: int = 96
    pitch: int = 128
    duration: int = 64
    velocity: int = 32
    lags: tuple[int, ...] = LAGS

    @property
    def field_widths(self) -> dict[str, int]:
        """Embedding width of each event field."""
        return {
            "time_shift": self.time_shift,
            "part": self.part,
            "pitch": self.pitch,
            "duration": self.duration,
            "velocity": self.velocity,
        }

    def lookback_size(self, field: str) -> int:
        """Lookback classes of the head of ``field``: one a lag; for a note's fields ``NOTE_LOOKBACK``."""
        return NOTE_LOOKBACK if field in LOOKBACK_FIELDS["note"] else len(self.lags)

    @property
    def clock_classes(self) -> dict[str, int]:
        """Classes of each clock input, in the order of ``CLOCK``."""
        bars = (
            PHASE_CLASSES,
            len(BARS_LEFT_EDGES) + 1,
            REPETITION_CLASSES,
            BAND_ACTIVITY_CLASSES,
            BAND_ACTIVITY_CLASSES,
            CHORD_CONDITION_CLASSES,
            CHORD_CONDITION_CLASSES,
            CHORD_CHANGE_CLASSES,
        )
        counts = (POSITION_CLASSES, METER_CLASSES, *bars)
        return dict(zip(CLOCK, counts, strict=True))

    @property
    def condition_classes(self) -> dict[str, int]:
        """Classes of each condition, in the order of ``CONDITIONS``."""
        counts = (self.genres, self.styles, TEMPO_CLASSES, KEY_CLASSES, DENSITY_CLASSES)
        return dict(zip(CONDITIONS, counts, strict=True))


def expected_shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    """Name and shape of every weight, as in the torch module's ``state_dict``."""
    widths, lags = config.field_widths, len(config.lags)
    shapes: dict[str, tuple[int, ...]] = {f"tables.{f}.weight": (VOCABULARY[f] + 1, widths[f]) for f in FIELDS}
    shapes |= {f"clock_tables.{n}.weight": (c, config.inputs) for n, c in config.clock_classes.items()}
    shapes |= {f"condition_tables.{n}.weight": (c, config.inputs) for n, c in config.condition_classes.items()}
    shapes["previous_in.weight"] = (config.inputs, sum(widths.values()))
    shapes["previous_in.bias"] = (config.inputs,)
    shapes["next_in.weight"] = (config.inputs, lags * sum(widths[f] for f in LOOKBACK_FIELDS["next"]))
    shapes["matched_in.weight"] = (config.inputs, lags)
    shapes["band_in.weight"] = (config.inputs, config.part)
    shapes["active_parts_in.weight"] = (config.inputs, config.part)
    shapes["activity_bonus.weight"] = (ACTIVITY_CLASSES, config.head)
    shapes["histograms_in.weight"] = (config.inputs, HISTOGRAMS_WIDTH)
    shapes["active_histograms_in.weight"] = (config.inputs, HISTOGRAMS_WIDTH)
    shapes["part_histograms.weight"] = (config.part, HISTOGRAMS_WIDTH)
    for layer in range(config.layers):
        gates, width = 4 * config.hidden, config.inputs if layer == 0 else config.hidden
        shapes |= {
            f"layers.{layer}.weight_ih_l0": (gates, width),
            f"layers.{layer}.weight_hh_l0": (gates, config.hidden),
            f"layers.{layer}.bias_ih_l0": (gates,),
            f"layers.{layer}.bias_hh_l0": (gates,),
        }
    for field in FIELDS:
        shapes |= _head_shapes(config, field)
    return shapes


def _head_shapes(config: ModelConfig, field: str) -> dict[str, tuple[int, ...]]:
    widths, lookback = config.field_widths, config.lookback_size(field)
    before = sum(widths[f] for f in FIELDS[: FIELDS.index(field)])
    shapes: dict[str, tuple[int, ...]] = {
        "from_hidden.weight": (config.head, config.hidden),
        "from_hidden.bias": (config.head,),
        "from_lookback.weight": (config.head, lookback * widths[field]),
        "to_table.weight": (widths[field], config.head),
        "to_table.bias": (widths[field],),
        "copy.weight": (lookback, config.head),
        "copy.bias": (lookback,),
        "bias": (VOCABULARY[field],),
    }
    if before:
        shapes |= {"from_chosen.weight": (config.head, before), "from_position.weight": (config.head, config.inputs)}
    if field in LOOKBACK_FIELDS["note"]:
        shapes["from_histograms.weight"] = (config.head, HISTOGRAMS_WIDTH)
        shapes["from_chord.weight"] = (CHORD_CONDITION_CLASSES, config.head)
    if field == "pitch":
        shapes["interval.weight"] = (12, config.head)
        shapes["chord_bonus"] = (CHORD_ROLES, len(QUALITIES), STRENGTH_CLASSES, 12)
    return {f"heads.{field}.{name}": size for name, size in shapes.items()}
