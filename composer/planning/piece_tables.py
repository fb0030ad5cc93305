"""What a song may take from one piece, as arrays: repetition, activity, allowed values, histograms. No note.

Training computes them for every piece of a corpus, ``--like`` for a person's own file.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from midi_data.analysis.activity import Activity, activity_of, masks_of
from midi_data.analysis.attribute_histograms import (
    AttributeHistograms,
    attribute_histograms_of,
    time_shift_histogram_of,
)
from midi_data.analysis.repetition import part_repetition_of, repetition_of
from midi_data.bars import BarGrid
from midi_data.events.encoding import EventSequence, Ints


class PieceTables(NamedTuple):
    """Arrays as in ``midi_data.analysis``.

    ``repetition``, ``source_lag`` (bars,), ``part_repetition``, ``activity`` (bars, parts), ``masks`` (82,),
    ``attribute_histograms`` (parts, 255), ``time_shift_histogram`` (21,).
    """

    repetition: Activity
    source_lag: Activity
    part_repetition: Activity
    activity: Activity
    masks: Ints
    attribute_histograms: AttributeHistograms
    time_shift_histogram: AttributeHistograms


def piece_tables(events: EventSequence) -> PieceTables:
    """The tables of one piece."""
    grid = BarGrid.of(events.meters, events.end)
    repetition, source_lag = repetition_of(events, grid)
    return PieceTables(
        repetition.astype(np.uint8),
        source_lag.astype(np.uint8),
        part_repetition_of(events, grid, repetition, source_lag).astype(np.uint8),
        activity_of(events, grid),
        masks_of(events),
        attribute_histograms_of(events),
        time_shift_histogram_of(events),
    )
