# ruff: noqa: F401, F811  fixtures are imported by name
"""The loop as a process of its own: typed at, piped to, and stopped."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bot.networks.console import ConsoleNetwork
from bot.networks.protocol import TryLaterError
from bot.networks.retry import SystemClock, backoff_seconds
from bot.run import MAX_SLEEP_SECONDS
from tests.bot.fakes.fixtures import clock, fake_x, harness, server_url
from tests.bot.fakes.harness import SECRETS, Harness, bot_settings
from tests.bot.fakes.x import FakeX
from tests.waiting import DEADLINE_SECONDS, wait_for

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-c", "from bot.cli.main import main; main()", "bot"]


@contextmanager
def bot_process(harness: Harness, folder: Path, *words: str, **settings: str) -> Iterator[subprocess.Popen[str]]:
    """``riffbird bot …`` as it is typed, in ``folder``."""
    queue = harness.queues.settings
    given = {"redis_url": queue.redis_url.get_secret_value(), "data_dir": str(queue.data_dir), **settings}
    variables = {f"RIFFBIRD_{name.upper()}": value for name, value in given.items()}
    process = subprocess.Popen(
        [*COMMAND, *words],
        env=os.environ | variables | {"PYTHONPATH": str(ROOT)},
        cwd=folder,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_in_the_console_a_typed_line_is_answered_and_its_song_kept(harness: Harness, tmp_path: Path) -> None:
    with bot_process(harness, tmp_path, "console") as process:
        assert process.stdin is not None
        process.stdin.write("Dancing robots /compose /g jazz /t 160\n/compose /g polka-core\n")
        process.stdin.close()
        process.stdin = None
        wait_for(lambda: harness.work() or process.poll() is not None)
        shown, errors = process.communicate()
    assert process.returncode == 0, errors
    assert "Dancing robots" in shown
    assert 'I don\'t know "polka-core"' in shown
    assert [path.suffix for path in (tmp_path / "songs").iterdir() if path.is_file()].count(".mp4") == 1


def test_sigterm_ends_the_bot_with_status_0(harness: Harness, fake_x: FakeX, tmp_path: Path) -> None:
    with bot_process(harness, tmp_path, "x", x_api_origin=fake_x.url, **SECRETS) as process:
        asked = fake_x.write(fake_x.person("ada"), "@riffbird /help")
        wait_for(lambda: fake_x.replies_to(asked.id))
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=DEADLINE_SECONDS)
    assert process.returncode == 0
    assert "riffbird listens on x" in errors
    assert "Traceback" not in errors


def test_a_pause_is_short_while_something_is_owed(harness: Harness, fake_x: FakeX) -> None:
    bot = harness.x_bot(fake_x)
    bot.turn()
    assert bot.turn() == pytest.approx(15, abs=0.1)
    fake_x.write(fake_x.person("ada"), "@riffbird Robots /compose")
    harness.clock.sleep(16)
    bot.turn()
    assert bot.turn() <= MAX_SLEEP_SECONDS


def test_an_unreadable_network_is_asked_less_and_less_often_and_at_the_time_it_names(
    harness: Harness, fake_x: FakeX
) -> None:
    bot = harness.x_bot(fake_x, x_messages=False)
    fake_x.faults.plan(r"GET /2/users/(\d+)/mentions", *["503"] * 6)
    (channel,) = bot.reader.channels
    for failure in range(1, 7):
        harness.clock.sleep(max(0.0, channel.next_at - harness.clock.now()))
        bot.turn()
        assert channel.failures == failure
    assert channel.next_at > harness.clock.now()

    def resting(_cursor: str | None) -> None:
        raise TryLaterError("resting", retry_after_seconds=777)

    channel.read = resting
    harness.clock.sleep(max(0.0, channel.next_at - harness.clock.now()))
    bot.turn()
    assert channel.next_at == pytest.approx(harness.clock.now() + 777)


def test_backoff_doubles_with_full_jitter_up_to_its_limit() -> None:
    import random

    generator = random.Random(1)
    waits = {attempt: [backoff_seconds(attempt, generator, longest=60) for _ in range(300)] for attempt in (1, 3, 30)}
    assert all(0.5 <= wait <= 2 for wait in waits[1])
    assert 6 < max(waits[3]) <= 8
    assert 50 < max(waits[30]) <= 60


def test_a_sleeping_bot_is_woken_by_news() -> None:
    clock, begin = SystemClock(), time.monotonic()
    clock.wake()
    clock.wait(30)
    assert time.monotonic() - begin < 5


def test_the_place_in_the_queue_is_shown_in_the_terminal_and_not_posted_on_x(
    harness: Harness, fake_x: FakeX, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    harness.queues.stats.update_mean_seconds(600)
    network = ConsoleNetwork(harness.clock, ["Robots /compose /g jazz"], tmp_path)
    bot = harness.bot(network, bot_settings())
    network.listen(lambda: None)
    wait_for(lambda: not network._typed.empty())
    harness.run_until_idle(bot)
    shown = capsys.readouterr().out
    assert shown.index("The band is on it") < shown.index("Robots”")
    asked = fake_x.write(fake_x.person("ada"), "@riffbird Robots /compose")
    harness.run_until_idle(harness.x_bot(fake_x))
    assert len(fake_x.replies_to(asked.id)) == 1
