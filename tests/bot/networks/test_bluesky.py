# ruff: noqa: F401, F811  fixtures are imported by name
"""Bluesky through the unmodified atproto client, against a fake server."""

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

import pytest

from bot.networks.bluesky.check import check_bluesky
from bot.networks.bluesky.client import BlueskyNetwork
from bot.networks.bluesky.reading import as_mention, record_key
from bot.networks.protocol import CredentialsError
from bot.run import Bot
from bot.settings import BotSettings
from tests.bot.fakes.bluesky import DID, HANDLE, PASSWORD, FakeBluesky
from tests.bot.fakes.fixtures import clock, harness, server_url
from tests.bot.fakes.harness import TIMEOUT_SECONDS, Harness, bot_settings
from tests.bot.fakes.mutations import mutated
from tests.bot.fakes.server import TestClock

SONG = "@riffbird.test Dancing robots /compose /g jazz /t 160"


@pytest.fixture
def fake(clock: TestClock) -> Iterator[FakeBluesky]:
    with FakeBluesky(clock.now) as server:
        yield server


def settings_of(fake: FakeBluesky, **values: object) -> BotSettings:
    given = {"bluesky_service": fake.url, "bluesky_handle": HANDLE, "bluesky_app_password": PASSWORD}
    return bot_settings(**(given | values))


@pytest.fixture
def bot(fake: FakeBluesky, harness: Harness) -> Iterator[Bot]:
    settings = settings_of(fake)
    made = harness.bot(BlueskyNetwork(settings, harness.clock), settings)
    yield made
    made.network.close()


def test_a_mention_gets_one_reply_with_a_playable_video_and_alt_text(
    bot: Bot, fake: FakeBluesky, harness: Harness
) -> None:
    asked = fake.write("ada", SONG)
    harness.run_until_idle(bot)
    (reply,) = fake.replies_to(asked)
    played = fake.played(reply)
    assert (played.genre, played.tempo_bpm, played.video_codec) == ("jazz", 160, "h264")
    assert "Piano roll" in reply["embed"]["alt"]
    assert "Dancing robots" in reply["text"]
    assert reply["reply"]["root"] == {"uri": asked["uri"], "cid": asked["cid"]}
    assert fake.violations == []


def test_a_reply_to_the_bot_is_answered_in_its_thread_and_may_say_again(
    bot: Bot, fake: FakeBluesky, harness: Harness
) -> None:
    root = {"uri": "at://did:plc:bo/app.bsky.feed.post/root", "cid": "rootcid"}
    asked = fake.write("ada", SONG)
    harness.run_until_idle(bot)
    ours = f"at://{DID}/app.bsky.feed.post/{next(iter(fake.records))}"
    again = fake.write("bo", "/again /t 90", "reply", reply={"root": root, "parent": {"uri": ours, "cid": "c"}})
    harness.run_until_idle(bot)
    (reply,) = fake.replies_to(again)
    assert reply["reply"]["root"] == root
    assert (fake.played(reply).genre, fake.played(reply).tempo_bpm) == ("jazz", 90)
    assert len(fake.replies_to(asked)) == 1


@pytest.mark.parametrize("fault", ["503-after", "timeout-after", "reset-after"])
def test_a_lost_answer_to_a_post_is_looked_up_and_never_posted_twice(
    fault: str, fake: FakeBluesky, harness: Harness
) -> None:
    settings = settings_of(fake, bot_request_timeout_seconds=TIMEOUT_SECONDS)
    bot = harness.bot(BlueskyNetwork(settings, harness.clock), settings)
    asked = fake.write("ada", "/help")
    fake.faults.plan("POST /xrpc/com.atproto.repo.putRecord", fault)
    harness.run_until_idle(bot)
    assert (len(fake.replies_to(asked)), fake.puts) == (1, 1)
    bot.network.close()


@pytest.mark.parametrize("fault", ["429", "500", "503", "timeout", "reset"])
def test_a_post_that_did_not_happen_is_tried_again(fault: str, fake: FakeBluesky, harness: Harness) -> None:
    settings = settings_of(fake, bot_request_timeout_seconds=TIMEOUT_SECONDS)
    bot = harness.bot(BlueskyNetwork(settings, harness.clock), settings)
    asked = fake.write("ada", SONG)
    fake.faults.plan("POST /xrpc/com.atproto.repo.putRecord", fault)
    fake.faults.plan("POST /xrpc/com.atproto.repo.uploadBlob", fault)
    harness.run_until_idle(bot)
    assert len(fake.replies_to(asked)) == 1
    bot.network.close()


def test_a_refused_video_is_answered_with_a_text(bot: Bot, fake: FakeBluesky, harness: Harness) -> None:
    fake.refused_types = {"video/mp4"}
    asked = fake.write("ada", SONG)
    harness.run_until_idle(bot)
    (reply,) = fake.replies_to(asked)
    assert "does not accept its file" in reply["text"]
    assert fake.calls["POST /xrpc/com.atproto.repo.uploadBlob"] == 2


def test_more_notifications_than_a_page_are_read_and_likes_and_bots_get_no_answer(
    bot: Bot, fake: FakeBluesky, harness: Harness
) -> None:
    asked = [fake.write(f"fan{number}", "/help") for number in range(130)]
    fake.write("like", "/help", "like")
    fake.write("robot", "/help")["author"]["labels"] = [{"val": "bot"}]
    fake.write("self", "/help")["author"]["did"] = DID
    harness.run_until_idle(bot)
    assert [len(fake.replies_to(each)) for each in asked] == [1] * 130
    assert len(fake.records) == 130


def test_an_author_who_hides_from_strangers_is_answered_and_not_listed(
    bot: Bot, fake: FakeBluesky, harness: Harness
) -> None:
    hidden, shown = fake.write("ada", SONG), fake.write("bo", SONG)
    hidden["author"]["labels"] = [{"val": "!no-unauthenticated"}]
    harness.run_until_idle(bot)
    assert [len(fake.replies_to(each)) for each in (hidden, shown)] == [1, 1]
    assert len(harness.queues.songs.newest(10)) == 1


def test_1250_malformed_notifications_cost_no_neighbour(bot: Bot, fake: FakeBluesky, harness: Harness) -> None:
    generator, good = random.Random(4), []
    fake.write("ada", "/help", reply={"root": {"uri": "u", "cid": "c"}, "parent": {"uri": "u", "cid": "c"}})
    template = fake.notifications.pop()
    for number in range(1250):
        event = copy.deepcopy(template)
        event["uri"], event["author"]["did"] = f"at://post{number}", f"did:plc:fan{number}"
        if number % 10 == 9:
            good.append(event["uri"])
        bad = json.loads(json.dumps(mutated(event, generator)).replace("\\ud800", "?"))  # records are valid UTF-8
        fake.notifications.append(event if number % 10 == 9 else bad)
    bot.reader.store(bot.network.mentions(None, 0.0), harness.clock.now(), since=0.0, in_doubt=False)
    assert [uri for uri in good if bot.reply_store.find(uri) is None] == []


def test_the_key_of_a_reply_is_the_same_at_every_attempt_and_differs_by_post(fake: FakeBluesky) -> None:
    mentions = [as_mention(fake.write("ada", "x")) for _ in range(200)]
    keys = [record_key(mention) for mention in mentions]
    assert keys == [record_key(mention) for mention in mentions]
    assert len(set(keys)) == 200
    assert all(len(key) == 13 for key in keys)


@pytest.mark.parametrize("change", [{"cid": None}, {"author": {}}, {"record": {"text": 7}}, {"indexedAt": "soon"}])
def test_a_malformed_notification_raises(change: dict[str, Any], fake: FakeBluesky) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        as_mention(fake.write("ada", "x") | change)


def test_a_good_app_password_passes_the_check_and_a_bad_one_is_named(fake: FakeBluesky, clock: TestClock) -> None:
    network = BlueskyNetwork(settings_of(fake), clock)
    assert all(result.good for result in check_bluesky(network))
    network.close()
    network = BlueskyNetwork(settings_of(fake, bluesky_app_password="wrong-password"), clock)
    (result,) = check_bluesky(network)
    assert "RIFFBIRD_BLUESKY_APP_PASSWORD" in result.text
    assert "wrong-password" not in result.text + repr(network)
    network.close()


def test_missing_settings_are_named(clock: TestClock) -> None:
    with pytest.raises(CredentialsError, match="RIFFBIRD_BLUESKY_HANDLE, RIFFBIRD_BLUESKY_APP_PASSWORD"):
        BlueskyNetwork(bot_settings(), clock)
