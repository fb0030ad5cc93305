# ruff: noqa: F401, F811  fixtures are imported by name
"""Replies to the band's songs on a network: a new song from the old one, in words that fit the network."""

import pytest

from bot.run import Bot
from composer.request import ComposeRequest
from tests.bot.fakes.fixtures import clock, harness, server_url
from tests.bot.fakes.harness import Harness, bot_settings
from tests.bot.fakes.scripted import ScriptedNetwork, mention
from worker.client import SongRecord

SONG = "Dancing robots /compose /g jazz /k Dm /l 20 /s 42"


@pytest.fixture
def network() -> ScriptedNetwork:
    return ScriptedNetwork()


@pytest.fixture
def bot(harness: Harness, network: ScriptedNetwork) -> Bot:
    return harness.bot(network, bot_settings())


def say(harness: Harness, bot: Bot, network: ScriptedNetwork, number: int, text: str, **fields: object) -> str:
    """The band's answer to a mention."""
    network.write(mention(number, text, harness.clock.now(), is_public=True, **fields))
    harness.run_until_idle(bot)
    return network.posted[f"m{number}"].text


def song(harness: Harness, number: int) -> SongRecord:
    found = harness.queues.songs.find(f"scripted-m{number}")
    assert found is not None
    return found


def test_each_word_works_on_the_song_replied_to(harness: Harness, bot: Bot, network: ScriptedNetwork) -> None:
    say(harness, bot, network, 1, SONG)
    say(harness, bot, network, 2, "Another /compose /g rock")
    answers = {
        "/again /t 90": "New seed, slower (90 bpm).",
        "@riffbird /vary please": "Same plan, new notes.",
        "/extend": "Goes on for 30 more seconds.",
        "/replace bass": "New acoustic bass.",
    }
    for number, (text, difference) in enumerate(answers.items(), start=3):
        answer = say(harness, bot, network, number, text, in_reply_to="reply-m1")
        made = song(harness, number)
        assert difference in answer, answer
        assert made.revision is not None
        assert (made.revision.parent, made.revision.root) == ("scripted-m1", "scripted-m1")
        assert made.request.genres == {"jazz": 1.0}
        assert made.listed
    assert song(harness, 3).request.seed != 42
    assert song(harness, 4).request.seed == song(harness, 5).request.seed == song(harness, 6).request.seed == 42
    assert "/s 42 /v " in network.posted["m4"].text
    assert "Repeat it: /extend /l 50 /v " in network.posted["m5"].text
    assert "in reply to the song before" in network.posted["m6"].text


def test_a_reply_to_a_reply_is_in_the_thread_of_the_first(harness: Harness, bot: Bot, network: ScriptedNetwork) -> None:
    say(harness, bot, network, 1, SONG)
    say(harness, bot, network, 2, "/vary", in_reply_to="reply-m1")
    say(harness, bot, network, 3, "/vary", in_reply_to="reply-m2")
    revision = song(harness, 3).revision
    assert revision is not None
    assert (revision.parent, revision.root) == ("scripted-m2", "scripted-m1")
    assert harness.queues.songs.timeline.thread("scripted-m1") == ["scripted-m1", "scripted-m2", "scripted-m3"]


def test_what_cannot_be_done_is_said_in_one_line(harness: Harness, bot: Bot, network: ScriptedNetwork) -> None:
    say(harness, bot, network, 1, SONG)
    for number, (text, rule) in enumerate(
        (
            ("/replace violin", 'There is no "violin" in this song'), ("/vary /k C", "/vary keeps the song's key"),
            ("/extend /l 5", "/extend makes a song longer"), ("/replace", "Which part?"),
        ),
        start=2,
    ):  # fmt: skip
        assert rule in say(harness, bot, network, number, text, in_reply_to="reply-m1")
    lost = say(harness, bot, network, 9, "/extend")
    assert "I don't know which one you mean" in lost


def test_a_song_that_has_expired_can_only_be_played_again(harness: Harness, bot: Bot, network: ScriptedNetwork) -> None:
    say(harness, bot, network, 1, SONG)
    harness.queues.songs.delete("scripted-m1")
    assert "they are gone" in say(harness, bot, network, 2, "/replace bass", in_reply_to="reply-m1")
    assert "Repeat it: /compose /g jazz" in say(harness, bot, network, 3, "/again", in_reply_to="reply-m1")
    assert song(harness, 3).revision is None


def test_a_song_posted_by_an_earlier_version_is_still_known(
    harness: Harness, bot: Bot, network: ScriptedNetwork
) -> None:
    request = ComposeRequest(genres={"jazz": 1.0}, title="Old", seed=7)
    harness.reply_store("scripted").server.set("riffbird:bot:scripted:song:reply:old", request.model_dump_json())
    assert "/s 7 /v " in say(harness, bot, network, 1, "/vary", in_reply_to="old")


def test_a_song_made_of_a_private_one_is_not_public(harness: Harness, bot: Bot, network: ScriptedNetwork) -> None:
    network.write(mention(1, SONG, harness.clock.now(), is_private=True))
    harness.run_until_idle(bot)
    say(harness, bot, network, 2, "/vary", in_reply_to="reply-m1")
    assert not song(harness, 2).listed
    assert harness.queues.songs.newest(10) == []
