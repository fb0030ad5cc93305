"""The tables of one piece have one row a bar or a part, and its template row states its facts."""

import numpy as np

from composer.model.checkpoint_tables import TEMPLATE_COLUMNS
from composer.planning.piece_tables import piece_tables, template_row
from midi_data.events.encoding import encode, part_code
from midi_data.song import Meter, Note, Song, Tempo, Track


def song() -> Song:
    drums = Track(0, True, tuple(Note(24 * n, 36, 6, 100) for n in range(32)))
    bass = Track(33, False, tuple(Note(24 * n, 45 + n % 8, 24, 90) for n in range(32)))
    return Song((drums, bass), (Tempo(0, 97.0),), (Meter(0, 4, 4),), end=8 * 96)


def test_every_table_has_a_row_a_bar_and_a_column_a_part() -> None:
    tables = piece_tables(encode(song()))
    assert tables.repetition.shape == tables.source_lag.shape == (8,)
    assert tables.part_repetition.shape == tables.activity.shape == (8, 2)
    assert tables.attribute_histograms.shape == (2, 255)


def test_the_template_row_states_tempo_meter_bars_and_band() -> None:
    row = template_row(encode(song()), genre=3)
    facts = dict(zip(TEMPLATE_COLUMNS, row.tolist(), strict=False))
    wanted = {"genre": 3, "tempo_bpm": 97, "numerator": 4, "denominator": 4, "bars": 8}
    assert {name: facts[name] for name in wanted} == wanted
    band = row[len(TEMPLATE_COLUMNS) :]
    assert band[band >= 0].tolist() == sorted([part_code(0, is_drum=True), part_code(33, is_drum=False)])
    assert np.all(band[2:] == -1)
