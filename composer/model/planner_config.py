"""Shapes of the planner, of the instrumentation model and of the pooled statistics. No torch."""

from __future__ import annotations

from composer.model.config import BARS_LEFT_EDGES, CHORD_ROLES, PHASE_CLASSES, TEMPO_CLASSES
from midi_data.analysis.activity import ACTIVITY_CLASSES
from midi_data.analysis.repetition import MAX_LAG, REPETITION_CLASSES, SIMILARITY_EDGES
from midi_data.bars import METER_CLASSES
from midi_data.chords import CHORD_CLASSES
from midi_data.events.encoding import PART_LIMIT, SAME_PROGRAM_LIMIT
from midi_data.events.features import LAGS
from midi_data.events.progressions import PROGRESSION_SLOTS

PROGRAMS = 129
"""Drums and the General MIDI programs."""
MODES = 3
"""0 no key, 1 major, 2 minor."""
ACTIVITY_LAGS = (1, 2, 4, 8)
"""Bars back whose activity of the same part is an input, beside the source bar's."""
CHORD_WIDTH, LABEL_WIDTH, PART_WIDTH = 48, 32, 32
INPUT, HIDDEN, HEAD = 192, 256, 128
COPIES = 2 + len(LAGS) + len(PROGRESSION_SLOTS)
"""Chords that a chord head may copy: the one before, the source bar's, one at each lag, and what followed the same
progressions."""
KNOWN_CHORDS = {"first": 2 + len(PROGRESSION_SLOTS), "second": 3 + len(PROGRESSION_SLOTS)}
"""Chords that the head of a slot reads: the source bar's two, that of the first slot, and those of progressions."""


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
    for name, known in KNOWN_CHORDS.items():
        shapes |= {
            f"{name}_label.weight": (HEAD, LABEL_WIDTH),
            f"{name}_source.weight": (HEAD, known * CHORD_WIDTH),
            f"{name}_out.weight": (CHORD_CLASSES, HEAD),
            f"{name}_out.bias": (CHORD_CLASSES,),
            f"{name}_copy.weight": (COPIES, HEAD),
            f"{name}_copy.bias": (COPIES,),
        }
    return shapes


BAND_PART, BAND_HIDDEN = 32, 96
"""Widths of the instrumentation model (``composer.planning.instrumentation``)."""


def expected_band_shapes(
    genres: int, styles: int, programs: int = PROGRAMS, occurrences: int = SAME_PROGRAM_LIMIT
) -> dict[str, tuple[int, ...]]:
    """Every weight's name and shape of the instrumentation model. ``genres``, ``styles``: rows as in the network."""
    return {
        "genre.weight": (genres, BAND_HIDDEN),
        "style.weight": (styles, BAND_HIDDEN),
        "style_share": (genres, styles),
        "count.weight": (PART_LIMIT + 1, BAND_HIDDEN),
        "part.weight": (programs, BAND_PART),
        "occurrence.weight": (occurrences, BAND_PART),
        "band_in.weight": (BAND_HIDDEN, BAND_PART),
        "last_in.weight": (BAND_HIDDEN, BAND_PART),
        "hidden.weight": (BAND_HIDDEN, BAND_HIDDEN),
        "hidden.bias": (BAND_HIDDEN,),
        "part_out.weight": (programs, BAND_HIDDEN),
        "occurrence_out.weight": (occurrences, BAND_HIDDEN),
        "end_out.weight": (1, BAND_HIDDEN),
        "bias": (programs * occurrences + 1,),
    }


FEWEST_PIECES = 10
"""Pieces that a row of the pooled statistics (``composer.planning.pooled``) belongs to, at least."""
SLOWEST_TEMPO, FASTEST_TEMPO = 40, 300
"""Whole BPM of the first and last column of tempos."""
KEYS = 25
"""Columns of keys: none, major by tonic, minor by tonic."""
PART_ROLES, LEVELS = 1 + CHORD_ROLES, len(SIMILARITY_EDGES)
LEVELS_BEFORE = 2 + LEVELS
"""The part rested in the bar before, or its level of repetition there."""
CELLS = PART_ROLES * (1 + LEVELS) * LEVELS_BEFORE * 2
"""Rows of one genre of repetition of parts, by role, level of the bar, level before, and whether a source has the same
chords."""
OUTCOMES = 1 + LEVELS + len(LAGS) * LEVELS
"""New; the bar's source at each level; each lag at each level."""


def expected_pooled_shapes(genres: int, styles: int, meters: int) -> dict[str, tuple[int, ...]]:
    """Every array's name and shape of the pooled statistics. ``meters``: number of meters."""
    rows, cells = genres + styles, (1 + genres) * CELLS
    return {
        "pieces": (rows,),
        "tempo": (rows, FASTEST_TEMPO - SLOWEST_TEMPO + 1),
        "meters": (meters, 2),
        "meter": (rows, meters),
        "key": (rows, KEYS),
        "part_pieces": (cells,),
        "part_repetition": (cells, OUTCOMES),
    }
