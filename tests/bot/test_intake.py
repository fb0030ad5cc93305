# ruff: noqa: F401, F811  fixtures are imported by name
"""Mentions as they are accepted: each alone, opted out or in, listed only where everybody can read."""

import pytest

from bot.intake import Intake
from bot.networks.protocol import Batch, Mention, Unreadable
from bot.run import Bot
from tests.bot.fakes.fixtures import clock, harness, server_url
from tests.bot.fakes.harness import Harness, bot_settings
from tests.bot.fakes.scripted import ScriptedNetwork, mention

SONG = "Dancing robots /compose /g jazz"


@pytest.fixture
def network() -> ScriptedNetwork:
    return ScriptedNetwork()


@pytest.fixture
def bot(harness: Harness, network: ScriptedNetwork) -> Bot:
    return harness.bot(network, bot_settings())


def test_an_unreadable_event_is_set_aside_and_its_neighbours_are_answered(
    harness: Harness, bot: Bot, network: ScriptedNetwork
) -> None:
    now = harness.clock.now()
    network.write(mention(1, "/help", now), mention(2, SONG, now), unreadable=(Unreadable({"id": None}, "bad id"),))
    harness.run_until_idle(bot)
    assert set(network.posted) == {"m1", "m2"}
    assert [(letter.kind, letter.error) for letter in bot.reader.dead_letters.all()] == [("event", "bad id")]
    assert bot.reply_store.cursor("mentions") == "0"


def test_a_mention_that_raises_is_set_aside_and_answered_after_a_requeue(
    harness: Harness, bot: Bot, network: ScriptedNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = harness.clock.now()
    network.write(mention(1, "/help", now), mention(2, "/help", now))
    queue_song = Intake.accept

    def accept(self: Intake, asked: Mention, *arguments: object, **options: object) -> None:
        assert asked.id != "m1", "a bug in the parser"
        queue_song(self, asked, *arguments, **options)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(Intake, "accept", accept)
        harness.run_until_idle(bot)
    assert set(network.posted) == {"m2"}
    (letter,) = bot.reader.dead_letters.all()
    assert bot.reader.dead_letters.requeue(letter.id)
    harness.run_until_idle(bot)
    assert set(network.posted) == {"m1", "m2"}
    assert bot.reader.dead_letters.count() == 0


@pytest.mark.parametrize(
    "damage", [{"mention": "no json"}, {"attempts": "many"}, {"request": '{"colour": 1}'}, {"notices": "{"}]
)
def test_a_stored_reply_of_another_version_is_set_aside_and_stops_no_other(
    damage: dict[str, str], harness: Harness, bot: Bot, network: ScriptedNetwork
) -> None:
    now = harness.clock.now()
    network.write(mention(1, SONG, now), mention(2, "/help", now))
    bot.reader.read(bot.reader.channels[0])
    key = "riffbird:bot:scripted:promise:m1"
    kept = bot.reply_store.stored("m1")
    for queue_key in harness.queues.connection.keys("rq:*"):
        harness.queues.connection.delete(queue_key)
    bot.reply_store.server.hset(key, mapping=damage)
    harness.run_until_idle(bot)
    assert set(network.posted) == {"m2"}
    (letter,) = bot.reader.dead_letters.all()
    assert (letter.kind, letter.item["interaction"] if letter.item else "") == ("reply", "m1")
    bot.reply_store.server.hset(key, mapping=dict(kept))
    bot.reader.dead_letters.requeue(letter.id)
    harness.run_until_idle(bot)
    assert set(network.posted) == {"m1", "m2"}


def test_a_reply_stored_by_version_0_1_is_still_posted(harness: Harness, bot: Bot, network: ScriptedNetwork) -> None:
    network.write(mention(1, "/help", harness.clock.now()))
    bot.reader.read(bot.reader.channels[0])
    key, server = "riffbird:bot:scripted:promise:m1", bot.reply_store.server
    server.hset(key, mapping={"words": "an older text", "tells_limit": "0", "state": "claimed"})
    server.hdel(key, "text", "is_limit_notice", "opt_change", "refused_uploads", "bugs")
    harness.run_until_idle(bot)
    assert network.posted["m1"].text == "an older text"


def test_opting_out_is_confirmed_once_and_taken_back_by_the_person(
    harness: Harness, bot: Bot, network: ScriptedNetwork
) -> None:
    texts = ["Stop. Thank you!", "stop", SONG, "/help", "start", "start", "/help"]
    for number, text in enumerate(texts):
        network.write(mention(number, text, harness.clock.now(), author_id="ada"))
        harness.run_until_idle(bot)
    assert set(network.posted) == {"m0", "m4", "m6"}
    assert "no more replies" in network.posted["m0"].text
    assert "I answer you again" in network.posted["m4"].text


def test_a_song_on_its_way_is_dropped_when_its_author_opts_out(
    harness: Harness, bot: Bot, network: ScriptedNetwork
) -> None:
    network.write(mention(1, SONG, harness.clock.now(), author_id="ada"))
    bot.reader.read(bot.reader.channels[0])
    network.write(mention(2, "please stop", harness.clock.now(), author_id="ada"))
    harness.run_until_idle(bot)
    assert set(network.posted) == {"m2"}


def test_blocked_people_get_no_confirmation_either(harness: Harness, network: ScriptedNetwork) -> None:
    bot = harness.bot(network, bot_settings(bot_blocked="troll"))
    network.write(mention(1, "stop", harness.clock.now(), author_id="troll"))
    harness.run_until_idle(bot)
    assert network.posted == {}


def test_only_songs_from_public_places_are_listed(harness: Harness, bot: Bot, network: ScriptedNetwork) -> None:
    now = harness.clock.now()
    network.write(
        mention(1, SONG, now, is_public=True), mention(2, SONG, now), mention(3, SONG, now, is_private=True),
    )  # fmt: skip
    harness.run_until_idle(bot)
    assert set(network.posted) == {"m1", "m2", "m3"}
    assert [song.id for song in harness.queues.songs.newest(10)] == ["scripted-m1"]


def test_without_any_cursor_only_mentions_since_the_start_are_answered(
    harness: Harness, bot: Bot, network: ScriptedNetwork
) -> None:
    now = harness.clock.now()
    network.batches.append(Batch((mention(1, "/help", now - 3600), mention(2, "/help", now + 1)), "c"))
    harness.run_until_idle(bot)
    assert set(network.posted) == {"m2"}


@pytest.mark.parametrize("redis_is_lost", [False, True])
def test_what_came_since_the_first_start_is_answered_though_the_bot_died_before_it_had_a_cursor(
    harness: Harness, bot: Bot, network: ScriptedNetwork, *, redis_is_lost: bool
) -> None:
    begun = harness.clock.now()
    bot.reader.channels[0].read = lambda _cursor, _since: 1 / 0  # type: ignore[assignment,return-value]
    bot.turn()
    harness.clock.sleep(600)
    if redis_is_lost:
        harness.queues.connection.flushall()
    again = harness.bot(network, bot_settings())
    network.batches.append(Batch((mention(1, "/help", begun - 3600), mention(2, "/help", begun + 1)), "c"))
    harness.run_until_idle(again)
    assert set(network.posted) == {"m2"}


def test_after_losing_redis_nothing_is_answered_twice(harness: Harness, bot: Bot, network: ScriptedNetwork) -> None:
    now = harness.clock.now()
    old = [mention(number, "/help", now) for number in range(3)]
    network.write(*old)
    harness.run_until_idle(bot)
    harness.queues.connection.flushall()
    again = harness.bot(network, bot_settings())
    network.read.clear()
    network.batches.append(Batch((*old, mention(9, "/help", now)), "next"))
    harness.run_until_idle(again)
    assert network.read[0] == "0"  # from the file beside Redis
    assert set(network.posted) == {"m0", "m1", "m2", "m9"}


def test_deleting_the_question_deletes_the_answer_and_its_song(
    harness: Harness, bot: Bot, network: ScriptedNetwork
) -> None:
    network.write(mention(1, SONG, harness.clock.now(), is_public=True))
    harness.run_until_idle(bot)
    assert harness.queues.songs.find("scripted-m1") is not None
    network.write(deleted=("m1", "unknown"))
    harness.run_until_idle(bot)
    assert network.deleted == ["reply-m1"]
    assert harness.queues.songs.newest(10) == []
    assert harness.queues.media.size("scripted-m1", "song.mp4") is None


def test_a_question_deleted_before_its_song_is_begun_gets_neither_answer_nor_song(
    harness: Harness, bot: Bot, network: ScriptedNetwork
) -> None:
    network.write(mention(1, SONG, harness.clock.now(), is_public=True))
    network.write(deleted=("m1",))
    harness.run_until_idle(bot)
    assert network.posted == {}
    harness.work()
    assert harness.queues.songs.find("scripted-m1") is None
    assert harness.queues.songs.newest(10) == []


def test_the_log_joins_a_mention_and_its_reply_by_one_id(
    harness: Harness, bot: Bot, network: ScriptedNetwork, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "bot")
    network.write(mention(1, SONG, harness.clock.now()))
    harness.run_until_idle(bot)
    owed = bot.reply_store.find("m1")
    assert owed is not None
    assert owed.job != "scripted-m1"  # asked in private: its address cannot be guessed
    said = [record.getMessage() for record in caplog.records if getattr(record, "job_id", "") == owed.job]
    assert said[0] == "mention accepted: compose"
    assert said[-1] == "reply reply-m1 posted, attempt 1"
