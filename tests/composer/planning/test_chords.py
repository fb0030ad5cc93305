"""The chords of a song: asked for and repeated, drawn by the planner, and what masks and histograms make of them."""

from __future__ import annotations

import numpy as np
import pytest

from composer.decoding.masks import instrument_masks
from composer.model.checkpoint import load_checkpoint
from composer.planning.chords import asked_chords, key_of_chords, masks_with_chords
from composer.planning.plan import plan_song
from composer.request import ComposeRequest
from midi_data.chords import bar_name, parse_chords
from midi_data.events.encoding import part_code
from midi_data.song import Meter

FOUR, WALTZ = Meter(0, 4, 4), Meter(0, 3, 4)
BASS, DRUMS = part_code(33, is_drum=False), part_code(0, is_drum=True)


def request(*chords: str) -> ComposeRequest:
    return ComposeRequest(genres={"pop": 1.0}, chords=chords or None, seed=3, length_seconds=15)


def test_asked_chords_are_repeated_over_the_song() -> None:
    chords = asked_chords(request("Am", "F-G", "C"), 7, FOUR)
    assert chords is not None
    assert [bar_name(*bar) for bar in chords.tolist()] == ["Am", "F-G", "C", "Am", "F-G", "C", "Am"]


def test_a_bar_of_one_slot_plays_its_first_chord() -> None:
    chords = asked_chords(request("F-G"), 1, WALTZ)
    assert chords is not None
    assert bar_name(*chords[0].tolist()) == "F"


@pytest.mark.parametrize(
    ("chords", "key"), [("Am F C G", "C major"), ("Em Am B7 Em", "E minor"), ("D A D G", "D major")]
)
def test_chords_tell_their_key(chords: str, key: str) -> None:
    assert str(key_of_chords(request(*chords.split()))) == key


def test_nothing_asked_is_nothing() -> None:
    assert asked_chords(request(), 4, FOUR) is None
    assert key_of_chords(request()) is None


def test_chord_tones_are_allowed_between_the_lowest_and_the_highest_pitch() -> None:
    masks = instrument_masks((DRUMS, BASS))
    pitch = np.zeros_like(masks.pitch[BASS])
    pitch[[36, 48]] = True
    masks.pitch[BASS][:] = pitch  # type: ignore[index]
    widened = masks_with_chords(masks, np.array(parse_chords("F").bars))
    assert np.flatnonzero(widened.pitch[BASS]).tolist() == [36, 41, 45, 48]
    assert np.array_equal(widened.pitch[DRUMS], masks.pitch[DRUMS])


def test_the_shipped_checkpoint_plans_chords_and_obeys_asked_ones() -> None:
    checkpoint = load_checkpoint()
    planned, asked = (plan_song(each, checkpoint) for each in (request(), request("Am", "F")))
    assert planned.chords is not None
    assert planned.chords.shape == (planned.bars, 2)
    assert np.array_equal(planned.chords, plan_song(request(), checkpoint).chords)
    assert asked.chords is not None
    assert [bar_name(*bar) for bar in asked.chords[:3].tolist()] == ["Am", "F", "Am"]
    assert asked.chord_strength > planned.chord_strength
