# ruff: noqa: F401, F811  fixtures are imported by name
"""What the operator's decisions do to a bot, and ids of songs that were requested in private."""

import pytest

from bot.run import OPERATOR_PAUSE_SECONDS, Bot
from tests.bot.fakes.fixtures import clock, harness, server_url
from tests.bot.fakes.harness import Harness, bot_settings
from tests.bot.fakes.scripted import ScriptedNetwork, mention
from worker.client import Moderation

SONG = "Dancing robots /compose /g jazz"


@pytest.fixture
def network() -> ScriptedNetwork:
    return ScriptedNetwork()


@pytest.fixture
def bot(harness: Harness, network: ScriptedNetwork) -> Bot:
    return harness.bot(network, bot_settings())


def test_a_paused_network_reads_nothing_and_catches_up_later(
    harness: Harness, bot: Bot, network: ScriptedNetwork
) -> None:
    moderation = Moderation(harness.queues.connection)
    moderation.pause(network.name)
    network.write(mention(1, SONG, harness.clock.now()))
    assert bot.turn() == OPERATOR_PAUSE_SECONDS
    harness.work()
    assert network.posted == {}
    moderation.resume(network.name)
    harness.run_until_idle(bot)
    assert list(network.posted) == ["m1"]


def test_a_banned_account_gets_no_answer(harness: Harness, bot: Bot, network: ScriptedNetwork) -> None:
    asked = mention(1, SONG, harness.clock.now())
    Moderation(harness.queues.connection).ban(network.name, asked.author_id)
    network.write(asked)
    harness.run_until_idle(bot)
    assert network.posted == {}


def test_the_id_of_a_song_requested_in_private_cannot_be_guessed(
    harness: Harness, bot: Bot, network: ScriptedNetwork
) -> None:
    network.write(mention(1, SONG, harness.clock.now(), is_public=False))
    network.write(mention(2, SONG, harness.clock.now(), is_public=True))
    harness.run_until_idle(bot)
    private, public = (bot.reply_store.find(interaction) for interaction in ("m1", "m2"))
    assert private is not None
    assert public is not None
    assert public.job == "scripted-m2"
    assert "m1" not in private.job
    assert len(private.job) > 32
    assert [song.id for song in harness.queues.songs.newest(9)] == [public.job]
