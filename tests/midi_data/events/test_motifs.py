"""Motifs: how a part went on after the intervals that it has just played."""

from midi_data.events.motifs import MOTIF_INTERVALS, NO_NOTE, Motifs

FLUTE, DRUMS = 300, 0
SHORT = MOTIF_INTERVALS.index(2)
LONG = MOTIF_INTERVALS.index(4)


def played(*notes: tuple[int, int]) -> Motifs:
    """Motifs after (part, pitch) notes of duration 5 and velocity 9."""
    motifs = Motifs()
    for part, pitch in notes:
        motifs.add_note(part, pitch, 5, 9)
    return motifs


def test_a_motif_goes_on_as_before_on_another_note() -> None:
    first = [(FLUTE, pitch) for pitch in (60, 62, 64, 67)]
    again = [(FLUTE, pitch) for pitch in (70, 72, 74)]
    assert played(*first, *again).next_notes(FLUTE)[SHORT] == (77, 5, 9)


def test_the_latest_place_counts() -> None:
    notes = [(FLUTE, pitch) for pitch in (60, 62, 64, 67, 60, 62, 64, 65, 60, 62, 64)]
    assert played(*notes).next_notes(FLUTE)[SHORT] == (65, 5, 9)


def test_longer_motifs_need_all_their_intervals() -> None:
    notes = [(FLUTE, pitch) for pitch in (50, 40, 60, 62, 64, 67, 80, 60, 62, 64)]
    found = played(*notes).next_notes(FLUTE)
    assert found[SHORT] == (67, 5, 9)
    assert found[LONG] == NO_NOTE


def test_parts_do_not_hear_each_other() -> None:
    riff = [(FLUTE, pitch) for pitch in (60, 62, 64, 67)]
    other = [(FLUTE + 1, pitch) for pitch in (60, 62, 64)]
    assert played(*riff, *other).next_notes(FLUTE + 1) == [NO_NOTE] * len(MOTIF_INTERVALS)
    assert played(*riff).next_notes(FLUTE + 2) == [NO_NOTE] * len(MOTIF_INTERVALS)


def test_a_motif_that_leads_off_the_keyboard_is_none() -> None:
    up = [(FLUTE, pitch) for pitch in (60, 62, 64, 100)]
    assert played(*up, *((FLUTE, pitch) for pitch in (88, 90, 92))).next_notes(FLUTE)[SHORT] == NO_NOTE
    down = [(DRUMS, key) for key in (200, 198, 196, 150)]
    assert played(*down, *((DRUMS, key) for key in (150, 148, 146))).next_notes(DRUMS)[SHORT] == NO_NOTE
