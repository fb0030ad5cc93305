"""Widths of the planner (``composer.planning.chart``) and the shapes of its weights. No torch."""

from __future__ import annotations

from composer.model.config import BARS_LEFT_EDGES, PHASE_CLASSES, TEMPO_CLASSES
from midi_data.analysis.activity import ACTIVITY_CLASSES
from midi_data.analysis.repetition import MAX_LAG, REPETITION_CLASSES
from midi_data.bars import METER_CLASSES
from midi_data.chords import CHORD_CLASSES
from midi_data.events.features import LAGS

PROGRAMS = 129
"""Drums and the General MIDI programs."""
MODES = 3
"""0 no key, 1 major, 2 minor."""
ACTIVITY_LAGS = (1, 2, 4, 8)
"""Bars back whose activity of the same part is an input, beside the source bar's."""
CHORD_WIDTH, LABEL_WIDTH, PART_WIDTH = 48, 32, 32
INPUT, HIDDEN, HEAD = 192, 256, 128
COPIES = 2 + len(LAGS)
"""Chords that a chord head may copy: the one before, the source bar's, and one at each lag."""


def expected_planner_shapes(genres: int) -> dict[str, tuple[int, ...]]:
    """Every weight's name and shape. ``genres``: rows of the genre table, that of an unknown genre included."""
    shapes: dict[str, tuple[int, ...]] = {
        "chord.weight": (CHORD_CLASSES + 1, CHORD_WIDTH),
        "label.weight": (REPETITION_CLASSES + 1, LABEL_WIDTH),
        "part.weight": (PROGRAMS, PART_WIDTH),
        "genre.weight": (genres, INPUT),
        "tempo.weight": (TEMPO_CLASSES, INPUT),
        "mode.weight": (MODES, INPUT),
        "meter.weight": (METER_CLASSES, INPUT),
        "bars_left.weight": (len(BARS_LEFT_EDGES) + 1, INPUT),
        "phase.weight": (PHASE_CLASSES, INPUT),
        "chords_in.weight": (INPUT, 2 * (1 + len(LAGS)) * CHORD_WIDTH),
        "repetition_in.weight": (INPUT, LABEL_WIDTH),
        "activity_in.weight": (INPUT, PART_WIDTH),
        "band_in.weight": (INPUT, PART_WIDTH),
        "lstm.weight_ih_l0": (4 * HIDDEN, INPUT),
        "lstm.weight_hh_l0": (4 * HIDDEN, HIDDEN),
        "lstm.bias_ih_l0": (4 * HIDDEN,),
        "lstm.bias_hh_l0": (4 * HIDDEN,),
        "heads_in.weight": (5 * HEAD, HIDDEN),
        "heads_in.bias": (5 * HEAD,),
        "label_out.weight": (REPETITION_CLASSES, HEAD),
        "label_out.bias": (REPETITION_CLASSES,),
        "lag_label.weight": (HEAD, LABEL_WIDTH),
        "lag_out.weight": (MAX_LAG, HEAD),
        "lag_out.bias": (MAX_LAG,),
        "activity_part.weight": (HEAD, PART_WIDTH),
        "activity_label.weight": (HEAD, LABEL_WIDTH),
        "activity_known.weight": ((1 + len(ACTIVITY_LAGS)) * ACTIVITY_CLASSES, HEAD),
        "activity_pair.weight": (ACTIVITY_CLASSES**2, HEAD),
        "activity_out.weight": (ACTIVITY_CLASSES, HEAD),
        "activity_out.bias": (ACTIVITY_CLASSES,),
    }
    for name, sources in (("first", 2), ("second", 3)):
        shapes |= {
            f"{name}_label.weight": (HEAD, LABEL_WIDTH),
            f"{name}_source.weight": (HEAD, sources * CHORD_WIDTH),
            f"{name}_out.weight": (CHORD_CLASSES, HEAD),
            f"{name}_out.bias": (CHORD_CLASSES,),
            f"{name}_copy.weight": (COPIES, HEAD),
            f"{name}_copy.bias": (COPIES,),
        }
    return shapes
