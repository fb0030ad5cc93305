"""The tables of one piece have one row a bar or a part, and its template row states its facts."""

from composer.planning.piece_tables import piece_tables
from midi_data.events.encoding import encode
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
