"""Held-out pieces: works are never on both sides."""

from types import SimpleNamespace
from typing import Any

from training.data.splitting import hold_out


def pieces(*works: str) -> list[Any]:
    return [(None, SimpleNamespace(work=work)) for work in works]


def test_a_work_on_both_sides_is_held_out() -> None:
    train, valid = hold_out(pieces("a", "a", "b", "c", "d"), pieces("a", "e"))
    assert {piece.work for _, piece in train}.isdisjoint(piece.work for _, piece in valid)
    assert sum(piece.work == "a" for _, piece in valid) == 3
    assert train


def test_every_piece_stays_and_one_work_is_trained_on() -> None:
    for count in (1, 2, 5, 40):
        works = [f"work {number // 2}" for number in range(2 * count)]
        train, valid = hold_out(pieces(*works), [])
        assert len(train) + len(valid) == 2 * count
        assert {piece.work for _, piece in train}.isdisjoint(piece.work for _, piece in valid)
        assert train
