# ruff: noqa: F401, F811  fixtures are imported by name
"""Replies while a network refuses files or Redis is away: answered once, without an apology."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from bot.networks.protocol import Answer, UploadRefusedError
from bot.networks.retry import SystemClock
from bot.reply_store import ReplyStore
from bot.run import Bot
from tests.bot.fakes.fixtures import clock, harness, server_url
from tests.bot.fakes.harness import Harness, bot_settings
from tests.bot.fakes.scripted import ScriptedNetwork, mention
from tests.waiting import DEADLINE_SECONDS, wait_for

SONG = "Dancing robots /compose /g jazz"


@pytest.fixture
def network() -> ScriptedNetwork:
    return ScriptedNetwork()


@pytest.fixture
def bot(harness: Harness, network: ScriptedNetwork) -> Bot:
    return harness.bot(network, bot_settings())


def refusing(*formats: str) -> Callable[[Answer], None]:
    def upload(answer: Answer) -> None:
        if answer.attachment is not None and answer.attachment.extension in formats:
            raise UploadRefusedError("Validation failed: file type is not supported")

    return upload


def test_a_format_refused_twice_is_followed_by_the_next(harness: Harness, bot: Bot, network: ScriptedNetwork) -> None:
    network.upload = refusing("mp4")
    network.write(mention(1, SONG, harness.clock.now()))
    harness.run_until_idle(bot)
    assert network.uploads == ["mp4", "mp4", "mp3"]
    attachment = network.posted["m1"].attachment
    assert attachment is not None
    assert attachment.extension == "mp3"


def test_a_song_refused_in_every_format_is_answered_with_a_text(
    harness: Harness, bot: Bot, network: ScriptedNetwork
) -> None:
    network.upload = refusing("mp4", "mp3")
    network.write(mention(1, SONG, harness.clock.now()))
    begin = harness.clock.now()
    harness.run_until_idle(bot)
    assert network.uploads == ["mp4", "mp4", "mp3", "mp3"]
    assert "does not accept its file" in network.posted["m1"].text
    assert harness.clock.now() - begin < 120


@pytest.mark.parametrize("step", ["claim", "mark_posting", "complete", "remember_song", "release", "find"])
def test_redis_that_is_lost_for_a_moment_costs_no_reply_and_counts_as_no_bug(
    step: str, harness: Harness, bot: Bot, network: ScriptedNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    network.write(mention(1, SONG, harness.clock.now()))
    lost, working = [0], getattr(ReplyStore, step)

    def losing(*arguments: Any, **options: Any) -> Any:
        lost[0] += 1
        if lost[0] <= 7:
            raise RedisConnectionError("connection refused")
        return working(*arguments, **options)

    monkeypatch.setattr(ReplyStore, step, losing)
    for _ in range(40):
        bot._guarded_turn()
        harness.work()
        harness.clock.sleep(2)
    monkeypatch.undo()
    harness.run_until_idle(bot)
    assert set(network.posted) == {"m1"}
    assert network.posted["m1"].attachment is not None
    owed = bot.reply_store.find("m1")
    assert owed is not None
    assert (owed.state, owed.bugs) == ("posted", 0)


def test_redis_lost_after_the_visible_call_is_recorded_later_without_a_second_post(
    harness: Harness, bot: Bot, network: ScriptedNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    network.write(mention(1, "/help", harness.clock.now()))
    with monkeypatch.context() as patched:

        def lost() -> None:
            patched.setattr(ReplyStore, "_run", lambda *_: (_ for _ in ()).throw(RedisConnectionError("gone")))

        network.post = lost
        bot._guarded_turn()
    assert set(network.posted) == {"m1"}
    harness.run_until_idle(bot)
    owed = bot.reply_store.find("m1")
    assert owed is not None
    assert (owed.state, owed.reply_id, owed.attempts) == ("posted", "reply-m1", 1)


def test_a_server_out_of_memory_makes_the_bot_wait_and_answer_later(
    harness: Harness, bot: Bot, network: ScriptedNetwork
) -> None:
    network.write(mention(1, "/help", harness.clock.now()))
    connection = harness.queues.connection
    connection.config_set("maxmemory", "1")
    try:
        assert bot._guarded_turn() > 0
        assert network.posted == {}
        assert bot.reader.dead_letters.count() == 0
    finally:
        connection.config_set("maxmemory", "0")
    network.write(mention(1, "/help", harness.clock.now()))  # the cursor stayed, so the network sends it again
    harness.run_until_idle(bot)
    assert set(network.posted) == {"m1"}


def test_twenty_songs_ready_at_once_are_uploaded_side_by_side_and_help_is_answered_meanwhile(
    harness: Harness, network: ScriptedNetwork
) -> None:
    clock = SystemClock()
    live = Harness(harness.queues, clock)
    bot = live.bot(network, bot_settings(bot_song_threads=24, bot_poll_seconds=0.05))
    released, now = threading.Event(), clock.now()
    network.upload = lambda _: released.wait()
    network.write(*(mention(number, SONG, now) for number in range(20)))
    bot.turn()
    harness.work()
    loop = threading.Thread(target=bot.run)
    loop.start()
    try:
        wait_for(lambda: len(network.uploads) == 20)
        network.write(mention("help", "/help", clock.now()))
        wait_for(lambda: "mhelp" in network.posted, 3)  # while no upload can end
        assert len(network.posted) == 1
        released.set()
        wait_for(lambda: len(network.posted) == 21)
    finally:
        released.set()
        bot.stopping.set()
        clock.stop()
        loop.join(DEADLINE_SECONDS)
    assert bot.reply_store.owed() == 0


def test_a_bot_that_stops_during_an_upload_ends_at_once_and_posts_after_the_restart(
    harness: Harness, network: ScriptedNetwork
) -> None:
    clock, uploading = SystemClock(), threading.Event()
    live = Harness(harness.queues, clock)
    bot = live.bot(network, bot_settings(bot_song_threads=2, bot_poll_seconds=0.05))

    def upload(_: Answer) -> None:
        uploading.set()
        clock.sleep(3600)

    network.upload = upload
    network.write(mention(1, SONG, clock.now()))
    bot.turn()
    harness.work()
    loop = threading.Thread(target=bot.run)
    loop.start()
    assert uploading.wait(DEADLINE_SECONDS)
    bot.stopping.set()
    clock.stop()
    loop.join(DEADLINE_SECONDS)
    assert not loop.is_alive()
    network.upload = lambda _: None
    harness.run_until_idle(harness.bot(network, bot_settings()))
    assert set(network.posted) == {"m1"}


def test_a_pushed_event_makes_the_bot_read_at_once(harness: Harness, network: ScriptedNetwork) -> None:
    bot = harness.bot(network, bot_settings())
    bot.reader.channels[0].pause_seconds = 3600
    bot.turn()
    network.write(mention(1, "/help", harness.clock.now()))
    harness.clock.sleep(2)
    bot.turn()
    assert network.posted == {}
    bot.wake()
    bot.turn()
    assert set(network.posted) == {"m1"}


def test_a_page_that_cannot_be_read_at_all_pauses_the_channel_and_not_the_bot(
    harness: Harness, bot: Bot, network: ScriptedNetwork, caplog: pytest.LogCaptureFixture
) -> None:
    (channel,) = bot.reader.channels
    channel.read = lambda _cursor, _since: 1 / 0  # type: ignore[assignment,return-value]
    bot.turn()
    assert (channel.failures, channel.next_at > harness.clock.now()) == (1, True)
    assert "ZeroDivisionError" in caplog.text
    channel.read = network.mentions
    network.write(mention(1, "/help", harness.clock.now()))
    harness.run_until_idle(bot)
    assert set(network.posted) == {"m1"}


def test_mentions_and_replies_are_counted(harness: Harness, bot: Bot, network: ScriptedNetwork) -> None:
    now = harness.clock.now()
    network.write(mention(1, SONG, now), mention(2, "/help", now), mention(3, "just talking", now))
    harness.run_until_idle(bot)
    counters = bot.reply_store.server.hgetall("riffbird:bot:scripted:counters")
    assert {name: counters[name] for name in ("mentions_accepted", "replies_posted")} == {
        "mentions_accepted": "2", "replies_posted": "2",
    }  # fmt: skip
