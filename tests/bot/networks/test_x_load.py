# ruff: noqa: F401, F811  fixtures are imported by name
"""Five hundred mentions. Songs are the stand-in's (real, tiny videos): the real band plays in test_run_song."""

import pytest

from tests.bot.fakes.fixtures import clock, fake_x, harness, server_url
from tests.bot.fakes.harness import Harness
from tests.bot.fakes.load import Load
from tests.bot.fakes.x import FakeX


def run_load(harness: Harness, fake_x: FakeX, wave: int, timeout: float = 5.0) -> Load:
    load = Load(fake_x)
    bot = harness.x_bot(fake_x, bot_request_timeout_seconds=timeout)
    for count in range(10):
        load.wave(wave)
        if count:
            load.late_edits(2)
        harness.run_until_idle(bot)
    return load


def test_of_100_mentions_every_rightful_one_is_answered_once_and_none_else(harness: Harness, fake_x: FakeX) -> None:
    load = run_load(harness, fake_x, 10)
    assert {request.due for request in load.requests} == {"song", "words", "silence"}
    assert load.complaints() == []


@pytest.mark.slow
def test_of_500_mentions_by_100_people_every_rightful_one_is_answered_once_and_none_else(
    harness: Harness, fake_x: FakeX
) -> None:
    load = run_load(harness, fake_x, 50)
    assert len(load.requests) == 500
    assert load.complaints() == []


@pytest.mark.slow
def test_the_same_500_are_answered_the_same_while_one_call_in_ten_fails(harness: Harness, fake_x: FakeX) -> None:
    fake_x.faults.rate = 0.1
    fake_x.faults.spared.add("GET /2/users/me")  # signing in is the operator's moment: it may fail aloud
    load = run_load(harness, fake_x, 50, timeout=1.0)
    assert len(load.requests) == 500
    assert load.complaints() == []
    assert sum(fake_x.faults.injected.values()) > 150
    assert len(fake_x.faults.injected) == 8
