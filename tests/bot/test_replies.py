# ruff: noqa: F401, F811  fixtures are imported by name
"""Replies to people: rate limits, and errors that are not the network's."""

import pytest

from bot.networks.protocol import MediaRules
from bot.reply_store import ReplyStore
from tests.bot.fakes.fixtures import clock, fake_x, harness, server_url
from tests.bot.fakes.harness import Harness
from tests.bot.fakes.x import BAND, FakeX
from worker.client import QUEUE_UNAVAILABLE

SONG = "@riffbird Dancing robots /compose /g jazz /t 160"


def said_to(fake_x: FakeX, *ids: str) -> list[str]:
    return [post.text for post in fake_x.replies_to(*ids)]


def test_a_cooldown_is_mentioned_once_and_further_requests_are_ignored(harness: Harness, fake_x: FakeX) -> None:
    bot = harness.x_bot(fake_x, bot_cooldown_seconds=3600)
    ada = fake_x.person("ada")
    asked = []
    for _ in range(4):
        asked.append(fake_x.write(ada, SONG))
        harness.run_until_idle(bot)
    texts = [said_to(fake_x, post.id) for post in asked]
    assert [len(each) for each in texts] == [1, 1, 0, 0]
    assert "needs a breath" in texts[1][0]


def test_one_song_a_person_waits_at_a_time(harness: Harness, fake_x: FakeX) -> None:
    bot = harness.x_bot(fake_x, bot_waiting_songs=1)
    ada = fake_x.person("ada")
    first, second = fake_x.write(ada, SONG), fake_x.write(ada, SONG)
    harness.run_until_idle(bot)
    third = fake_x.write(ada, SONG)
    harness.run_until_idle(bot)
    assert [bool(fake_x.replies_to(post.id)[0].media) for post in (first, second, third)] == [True, False, True]
    assert "still on its way" in said_to(fake_x, second.id)[0]


def test_the_daily_limit_is_mentioned_and_ends_with_the_utc_day(harness: Harness, fake_x: FakeX) -> None:
    bot = harness.x_bot(fake_x, bot_songs_a_day=1)
    ada = fake_x.person("ada")
    asked = [fake_x.write(ada, SONG), fake_x.write(ada, SONG)]
    harness.run_until_idle(bot)
    harness.clock.sleep(86_400)
    asked.append(fake_x.write(ada, SONG))
    harness.run_until_idle(bot)
    assert [bool(fake_x.replies_to(post.id)[0].media) for post in asked] == [True, False, True]
    assert "1 song a day" in said_to(fake_x, asked[1].id)[0]


def test_what_was_clamped_and_how_to_repeat_the_song_is_said_within_280(harness: Harness, fake_x: FakeX) -> None:
    asked = fake_x.write(fake_x.person("ada"), "@riffbird Fast @victim https://spam.example/x /compose /g jazz /t 900")
    harness.run_until_idle(harness.x_bot(fake_x))
    (text,) = said_to(fake_x, asked.id)
    assert "300" in text
    assert "/s " in text
    assert "@" not in text
    assert fake_x.violations == []


def test_old_mentions_are_left_alone_when_a_bot_comes_back(harness: Harness, fake_x: FakeX) -> None:
    bot = harness.x_bot(fake_x, bot_catch_up_hours=2)
    harness.run_until_idle(bot)
    old = fake_x.write(fake_x.person("ada"), SONG)
    harness.clock.sleep(2.5 * 3600)
    fresh = fake_x.write(fake_x.person("bo"), SONG)
    harness.run_until_idle(bot)
    assert [len(fake_x.replies_to(post.id)) for post in (old, fresh)] == [0, 1]


def test_a_bug_on_the_way_is_logged_ends_in_an_apology_and_stops_no_other_reply(
    harness: Harness, fake_x: FakeX, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    bot = harness.x_bot(fake_x)
    monkeypatch.setattr(type(bot.replies), "_attachment", lambda *_: 1 / 0)
    broken, fine = fake_x.write(fake_x.person("ada"), SONG), fake_x.write(fake_x.person("bo"), "@riffbird /help")
    harness.run_until_idle(bot)
    assert [len(fake_x.replies_to(post.id)) for post in (broken, fine)] == [1, 1]
    assert "our fault" in said_to(fake_x, broken.id)[0]
    found = bot.reply_store.find(broken.id)
    assert found is not None
    assert (found.state, found.attempts) == ("posted", 6)
    assert "ZeroDivisionError" in caplog.text


def test_a_song_in_no_size_that_the_network_accepts_is_answered_with_a_text(harness: Harness, fake_x: FakeX) -> None:
    bot = harness.x_bot(fake_x)
    bot.network.media = MediaRules(("mp4",), most_bytes=1, longest_seconds=140)
    asked = fake_x.write(fake_x.person("ada"), SONG)
    harness.run_until_idle(bot)
    assert "does not accept its file" in said_to(fake_x, asked.id)[0]


def test_a_song_whose_result_was_lost_is_made_again(harness: Harness, fake_x: FakeX) -> None:
    bot = harness.x_bot(fake_x)
    asked = fake_x.write(fake_x.person("ada"), SONG)
    bot.turn()
    for key in harness.queues.connection.keys("rq:*"):
        harness.queues.connection.delete(key)
    harness.clock.sleep(60)
    harness.run_until_idle(bot)
    assert len(fake_x.replies_to(asked.id)) == 1


def test_a_finished_song_is_posted_within_a_second(harness: Harness, fake_x: FakeX) -> None:
    bot = harness.x_bot(fake_x)
    asked = fake_x.write(fake_x.person("ada"), SONG)
    bot.turn()
    bot.turn()
    harness.work()
    harness.clock.sleep(1.0)
    bot.turn()
    assert len(fake_x.replies_to(asked.id)) == 1


def test_an_owed_reply_is_given_up_after_two_days(harness: Harness, fake_x: FakeX) -> None:
    bot = harness.x_bot(fake_x)
    asked = fake_x.write(fake_x.person("ada"), SONG)
    bot.turn()
    harness.clock.sleep(49 * 3600)
    harness.run_until_idle(bot)
    assert fake_x.replies_to(asked.id) == []


def test_the_bot_outlives_a_lost_server(harness: Harness, fake_x: FakeX, monkeypatch: pytest.MonkeyPatch) -> None:
    bot = harness.x_bot(fake_x)
    asked = fake_x.write(fake_x.person("ada"), SONG)

    def gone(_store: ReplyStore, _channel: str) -> str:
        raise QUEUE_UNAVAILABLE[0] from None

    with monkeypatch.context() as patch:
        patch.setattr(ReplyStore, "cursor", gone)
        assert bot._guarded_turn() > 0
    harness.run_until_idle(bot)
    assert len([post for post in fake_x.posts if post.author == BAND]) == len(fake_x.replies_to(asked.id)) == 1
