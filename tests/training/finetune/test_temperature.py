"""A taught genre is drawn where its songs are as likely as its pieces: neither straying nor saying the obvious."""

import numpy as np
import pytest

from composer.decoding.generate import Composer
from composer.planning.plan import plan_song
from composer.request import ComposeRequest
from midi_data.events.encoding import EventSequence, encode
from midi_data.song import Song
from tests.composer.checkpoints import tiny_checkpoint
from training.finetune.temperature import TEMPERATURES, crossing, with_temperature


def songs_at(temperature: float, count: int = 6) -> list[EventSequence]:
    checkpoint = tiny_checkpoint()
    checkpoint.header.temperatures["jazz"] = temperature
    plans = [
        plan_song(ComposeRequest(genres={"jazz": 1.0}, seed=seed, length_seconds=30), checkpoint)
        for seed in range(count)
    ]
    return [encode(song) for song in Composer(checkpoint).compose(plans)]


def test_the_temperature_is_where_the_line_through_those_tried_meets_the_pieces() -> None:
    assert crossing((0.5, 1.0), (1.0, 2.0), 1.4) == pytest.approx(0.7)


def test_it_never_leaves_what_was_tried() -> None:
    assert crossing((0.5, 1.0), (1.0, 2.0), 0.2) == 0.5
    assert crossing((0.5, 1.0), (1.0, 2.0), 9.0) == 1.0
    assert crossing((0.5, 1.0), (2.0, 1.0), 1.5) == 0.5, "songs that get likelier when hotter tell nothing"


def test_pieces_drawn_hotter_call_for_a_hotter_genre_and_no_weight_moves() -> None:
    checkpoint, found, tried = tiny_checkpoint(), [], []
    for temperature in (TEMPERATURES[0], TEMPERATURES[-1]):
        made = with_temperature(checkpoint, "jazz", songs_at(temperature), 30, lambda *told: tried.append(told))
        found.append(made.header.temperatures["jazz"])
        assert all(np.array_equal(weight, made.weights[name]) for name, weight in checkpoint.weights.items())
    assert found[0] < found[1]
    assert [at for at, _ in tried[: 1 + len(TEMPERATURES)]] == [0.0, *TEMPERATURES]


def test_a_genre_without_a_sounding_piece_stays_as_it_was() -> None:
    checkpoint = tiny_checkpoint()
    assert with_temperature(checkpoint, "jazz", [], 30, lambda *_: None) is checkpoint


def test_songs_that_are_silent_leave_the_genre_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint, pieces = tiny_checkpoint(), songs_at(0.8, 2)
    monkeypatch.setattr(Composer, "compose", lambda _band, plans: [Song(()) for _ in plans])
    assert with_temperature(checkpoint, "jazz", pieces, 30, lambda *_: None) is checkpoint
