# ruff: noqa: F401, F811  fixtures are imported by name
"""The bot's process is killed, SIGKILL, at each point between reading and remembering. Songs are the stand-in's."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bot.intake import CrashPoint
from tests.bot.fakes.fixtures import clock, fake_x, harness, server_url
from tests.bot.fakes.harness import PERFORMER, Harness
from tests.bot.fakes.x import BAND, FakeX
from tests.waiting import wait_for

ROOT = Path(__file__).parents[2]


def orders_for(harness: Harness, fake_x: FakeX, point: str) -> list[str]:
    settings = harness.queues.settings
    orders = {
        "redis": settings.redis_url.get_secret_value(),
        "folder": str(settings.data_dir),
        "performer": PERFORMER,
        "x": fake_x.url,
        "point": point,
    }
    return [sys.executable, "-m", "tests.bot.fakes.killed_bot", json.dumps(orders)]


def run_until_killed(harness: Harness, fake_x: FakeX, point: CrashPoint) -> int:
    return subprocess.run(orders_for(harness, fake_x, point), cwd=ROOT, timeout=600, check=False).returncode


@pytest.mark.parametrize("point", list(CrashPoint))
def test_killed_at_any_point_and_started_again_the_bot_replies_once(
    point: CrashPoint, harness: Harness, fake_x: FakeX,
) -> None:  # fmt: skip
    ada, bo = fake_x.person("ada"), fake_x.person("bo")
    song = fake_x.write(ada, "@riffbird Dancing robots /compose /g jazz /t 160")
    words = fake_x.write(bo, "@riffbird Oompah /compose /g polka-core")
    late = fake_x.write(bo, "@riffbird Second /compose /g metal /t 90")
    assert run_until_killed(harness, fake_x, point) == -signal.SIGKILL
    harness.run_until_idle(harness.x_bot(fake_x))
    assert {post.id: len(fake_x.replies_to(post.id)) for post in (song, words, late)} == {
        song.id: 1, words.id: 1, late.id: 1,
    }  # fmt: skip
    assert len([post for post in fake_x.posts if post.author == BAND]) == 3
    played = fake_x.played(fake_x.replies_to(song.id)[0].media[0])
    assert (played.genre, played.tempo_bpm) == ("jazz", 160)
    assert fake_x.violations == []


def test_two_bot_processes_by_mistake_make_one_song_and_one_reply_each(harness: Harness, fake_x: FakeX) -> None:
    people = [fake_x.person(f"fan{index}") for index in range(12)]
    asked = [fake_x.write(who, f"@riffbird {who} /compose /g jazz /t 160") for who in people]
    twins = [subprocess.Popen(orders_for(harness, fake_x, "never"), cwd=ROOT) for _ in range(2)]
    try:
        wait_for(lambda: all(fake_x.replies_to(post.id) for post in asked))
    finally:
        for twin in twins:
            twin.kill()
            twin.wait()
    harness.run_until_idle(harness.x_bot(fake_x))
    assert [len(fake_x.replies_to(post.id)) for post in asked] == [1] * 12
