# ruff: noqa: F401, F811  fixtures are imported by name
"""Matrix against a real homeserver (Synapse on loopback), asked by plain HTTP and answered through matrix-nio."""

import secrets
from collections.abc import Iterator

import pytest

from bot.networks.checks import CheckResult
from bot.networks.matrix.check import check_matrix
from bot.networks.matrix.client import MatrixNetwork
from bot.networks.protocol import Answer, CredentialsError
from bot.networks.retry import SystemClock
from bot.run import Bot
from bot.settings import BotSettings
from tests.bot.fakes.fixtures import clock, harness, server_url
from tests.bot.fakes.harness import Harness, bot_settings
from tests.bot.fakes.synapse import Person, Synapse, running_synapse
from tests.bot.fakes.videos import play

SONG = "Dancing robots 🤖 /compose /g jazz /t 160"


@pytest.fixture(scope="module")
def synapse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Synapse]:
    with running_synapse(tmp_path_factory.mktemp("synapse")) as server:
        yield server


def settings_of(band: Person, **values: object) -> BotSettings:
    given = {"matrix_homeserver": band.url, "matrix_user_id": band.user_id, "matrix_access_token": band.token}
    return bot_settings(**(given | values))


@pytest.fixture
def band(synapse: Synapse) -> Person:
    return synapse.register(f"band{secrets.token_hex(4)}")


@pytest.fixture
def bot(band: Person, harness: Harness) -> Iterator[Bot]:
    settings = settings_of(band)
    made = harness.bot(MatrixNetwork(settings, harness.clock), settings)
    yield made
    made.network.close()


@pytest.mark.slow
def test_in_a_room_a_message_that_names_the_bot_gets_a_playable_song_as_a_reply(
    bot: Bot, band: Person, harness: Harness, synapse: Synapse
) -> None:
    ada, bo = synapse.register("ada"), synapse.register("bo")
    room = ada.room(band.user_id, bo.user_id)
    bo.call("POST", f"/join/{room}")
    harness.run_until_idle(bot)
    name = band.user_id[1:].split(":")[0]
    asked, chatter = ada.say(room, f"@{name} {SONG}"), bo.say(room, "nice weather /compose /g metal")
    harness.run_until_idle(bot)
    (answer,) = ada.answers_to(room, asked, band.user_id)
    assert (answer["content"]["msgtype"], answer["content"]["info"]["mimetype"]) == ("m.audio", "audio/ogg")
    played = play(ada.download(answer["content"]["url"]))
    assert (played.genre, played.tempo_bpm) == ("jazz", 160)
    assert answer["content"]["m.mentions"] == {"user_ids": [ada.user_id]}
    assert ada.answers_to(room, chatter, band.user_id) == []


@pytest.mark.slow
def test_in_private_no_name_is_needed_and_edits_and_notices_make_no_second_song(
    bot: Bot, band: Person, harness: Harness, synapse: Synapse
) -> None:
    cy = synapse.register("cy")
    room = cy.room(band.user_id, private=True)
    harness.run_until_idle(bot)
    asked = cy.say(room, SONG)
    harness.run_until_idle(bot)
    again = {"msgtype": "m.text", "body": SONG + "!"}
    cy.say(room, "* edit", **{"m.new_content": again, "m.relates_to": {"rel_type": "m.replace", "event_id": asked}})
    cy.say(room, SONG, msgtype="m.notice")
    cy.say(room, "thank you")
    harness.run_until_idle(bot)
    assert len(cy.answers_to(room, asked, band.user_id)) == 1
    assert (
        len([event for event in cy.messages(room) if event["sender"] == band.user_id and "body" in event["content"]])
        == 1
    )


@pytest.mark.slow
def test_what_was_asked_while_the_bot_was_away_is_answered_once_also_beyond_one_sync(
    band: Person, harness: Harness, synapse: Synapse
) -> None:
    settings, dee = settings_of(band), synapse.register("dee")
    room = dee.room(band.user_id, private=True)
    first = harness.bot(MatrixNetwork(settings, harness.clock), settings)
    harness.run_until_idle(first)
    first.network.close()
    asked = dee.say(room, SONG)
    for number in range(25):
        dee.say(room, f"chatter {number}")
    second = harness.bot(MatrixNetwork(settings, harness.clock), settings)
    harness.run_until_idle(second)
    third = harness.bot(MatrixNetwork(settings, harness.clock), settings)
    harness.run_until_idle(third)
    assert len(dee.answers_to(room, asked, band.user_id)) == 1
    for network in (second.network, third.network):
        network.close()


@pytest.mark.slow
def test_a_reply_sent_twice_is_one_event_and_is_found_in_the_room(
    bot: Bot, band: Person, harness: Harness, synapse: Synapse
) -> None:
    eve = synapse.register("eve")
    room = eve.room(band.user_id, private=True)
    harness.run_until_idle(bot)
    asked = eve.say(room, "/help")
    (mention,) = bot.network.mentions(bot.reply_store.cursor("mentions")).mentions
    answer = Answer("try /compose", "key-1")
    assert bot.network.find_reply(mention, answer) is None
    sent = [bot.network.reply(mention, answer, lambda: None) for _ in range(2)]
    assert sent[0] == sent[1] == bot.network.find_reply(mention, answer)
    assert len(eve.answers_to(room, asked, band.user_id)) == 1


@pytest.mark.slow
def test_a_good_token_passes_the_check_and_a_bad_one_is_named(band: Person) -> None:
    network = MatrixNetwork(settings_of(band), SystemClock())
    assert all(result.good or result == CheckResult("reading", False, "") for result in check_matrix(network))
    network.close()
    network = MatrixNetwork(settings_of(band, matrix_access_token="wrong-token"), SystemClock())
    (result,) = check_matrix(network)
    assert "RIFFBIRD_MATRIX_ACCESS_TOKEN" in result.text
    assert "wrong-token" not in result.text
    network.close()


def test_missing_settings_are_named() -> None:
    with pytest.raises(CredentialsError, match="RIFFBIRD_MATRIX_HOMESERVER, RIFFBIRD_MATRIX_USER_ID"):
        MatrixNetwork(bot_settings(), SystemClock())


@pytest.mark.slow
def test_only_songs_from_a_room_that_anybody_may_join_are_listed_and_replies_stay_in_their_thread(
    bot: Bot, band: Person, harness: Harness, synapse: Synapse
) -> None:
    fay, gus = synapse.register("fay"), synapse.register("gus")
    invited = fay.room(band.user_id, gus.user_id)
    gus.call("POST", f"/join/{invited}")
    public = fay.call("POST", "/createRoom", invite=[band.user_id, gus.user_id], preset="public_chat")["room_id"]
    gus.call("POST", f"/join/{public}")
    harness.run_until_idle(bot)
    root = fay.say(public, "what shall we play?")
    name, thread = band.user_id[1:].split(":")[0], {"rel_type": "m.thread", "event_id": root, "is_falling_back": True}
    hidden = fay.say(invited, f"{name}: {SONG}")
    shown = gus.say(public, f"{name}: {SONG}", **{"m.relates_to": thread})
    harness.run_until_idle(bot)
    (answer,) = gus.answers_to(public, shown, band.user_id)
    assert answer["content"]["m.relates_to"]["event_id"] == root
    assert len(fay.answers_to(invited, hidden, band.user_id)) == 1
    (song,) = harness.queues.songs.newest(10)
    assert song.rendition.title == "Dancing robots 🤖"


@pytest.mark.slow
def test_a_deleted_question_takes_its_answer_with_it(
    bot: Bot, band: Person, harness: Harness, synapse: Synapse
) -> None:
    hal = synapse.register("hal")
    room = hal.room(band.user_id, private=True)
    harness.run_until_idle(bot)
    asked = hal.say(room, "/help")
    harness.run_until_idle(bot)
    (answer,) = hal.answers_to(room, asked, band.user_id)
    hal.call("PUT", f"/rooms/{room}/redact/{asked}/{secrets.token_hex(8)}")
    harness.run_until_idle(bot)
    gone = next(event for event in hal.messages(room) if event["event_id"] == answer["event_id"])
    assert gone["content"] == {}
