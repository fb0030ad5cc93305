# ruff: noqa: F401, F811  fixtures are imported by name
"""Matrix against a real homeserver (Synapse on loopback), asked by plain HTTP and answered through matrix-nio."""

import secrets
from collections.abc import Iterator

import pytest

from bot.networks.checks import Finding
from bot.networks.matrix.check import check_matrix
from bot.networks.matrix.client import MatrixFrontend
from bot.networks.matrix.reading import Question
from bot.networks.protocol import Answer, CredentialsError
from bot.networks.retry import SystemClock
from bot.run import Bot
from bot.settings import BotSettings
from tests.bot.fakes.fixtures import clock, server_url, stage
from tests.bot.fakes.stage import Stage, bot_settings
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
def bot(band: Person, stage: Stage) -> Iterator[Bot]:
    settings = settings_of(band)
    made = stage.bot(MatrixFrontend(settings, stage.clock), settings)
    yield made
    made.frontend.close()


@pytest.mark.slow
def test_in_a_room_whoever_names_the_band_gets_a_playable_song_as_a_reply(
    bot: Bot, band: Person, stage: Stage, synapse: Synapse
) -> None:
    ada, bo = synapse.register("ada"), synapse.register("bo")
    room = ada.room(band.user_id, bo.user_id)
    bo.call("POST", f"/join/{room}")
    stage.settle(bot)
    name = band.user_id[1:].split(":")[0]
    asked, chatter = ada.say(room, f"@{name} {SONG}"), bo.say(room, "nice weather /compose /g metal")
    stage.settle(bot)
    (answer,) = ada.answers_to(room, asked, band.user_id)
    assert (answer["content"]["msgtype"], answer["content"]["info"]["mimetype"]) == ("m.audio", "audio/ogg")
    played = play(ada.download(answer["content"]["url"]))
    assert (played.genre, played.tempo_bpm) == ("jazz", 160)
    assert answer["content"]["m.mentions"] == {"user_ids": [ada.user_id]}
    assert ada.answers_to(room, chatter, band.user_id) == []


@pytest.mark.slow
def test_in_private_no_name_is_needed_and_edits_and_notices_make_no_second_song(
    bot: Bot, band: Person, stage: Stage, synapse: Synapse
) -> None:
    cy = synapse.register("cy")
    room = cy.room(band.user_id, private=True)
    stage.settle(bot)
    asked = cy.say(room, SONG)
    stage.settle(bot)
    again = {"msgtype": "m.text", "body": SONG + "!"}
    cy.say(room, "* edit", **{"m.new_content": again, "m.relates_to": {"rel_type": "m.replace", "event_id": asked}})
    cy.say(room, SONG, msgtype="m.notice")
    cy.say(room, "thank you")
    stage.settle(bot)
    assert len(cy.answers_to(room, asked, band.user_id)) == 1
    assert (
        len([event for event in cy.messages(room) if event["sender"] == band.user_id and "body" in event["content"]])
        == 1
    )


@pytest.mark.slow
def test_what_was_asked_while_the_bot_was_away_is_answered_once_also_beyond_one_sync(
    band: Person, stage: Stage, synapse: Synapse
) -> None:
    settings, dee = settings_of(band), synapse.register("dee")
    room = dee.room(band.user_id, private=True)
    first = stage.bot(MatrixFrontend(settings, stage.clock), settings)
    stage.settle(first)
    first.frontend.close()
    asked = dee.say(room, SONG)
    for number in range(25):
        dee.say(room, f"chatter {number}")
    second = stage.bot(MatrixFrontend(settings, stage.clock), settings)
    stage.settle(second)
    third = stage.bot(MatrixFrontend(settings, stage.clock), settings)
    stage.settle(third)
    assert len(dee.answers_to(room, asked, band.user_id)) == 1
    for frontend in (second.frontend, third.frontend):
        frontend.close()


@pytest.mark.slow
def test_a_reply_sent_twice_is_one_event_and_is_found_in_the_room(
    bot: Bot, band: Person, stage: Stage, synapse: Synapse
) -> None:
    eve = synapse.register("eve")
    room = eve.room(band.user_id, private=True)
    stage.settle(bot)
    asked = eve.say(room, "/help")
    (mention,) = bot.frontend.mentions(bot.reply_store.cursor("mentions")).mentions
    answer = Answer("try /compose", "key-1")
    assert bot.frontend.find_reply(mention, answer) is None
    sent = [bot.frontend.reply(mention, answer, lambda: None) for _ in range(2)]
    assert sent[0] == sent[1] == bot.frontend.find_reply(mention, answer)
    assert len(eve.answers_to(room, asked, band.user_id)) == 1


@pytest.mark.slow
def test_a_good_token_passes_the_check_and_a_bad_one_is_named(band: Person) -> None:
    frontend = MatrixFrontend(settings_of(band), SystemClock())
    assert all(finding.good or finding == Finding("reading", False, "") for finding in check_matrix(frontend))
    frontend.close()
    frontend = MatrixFrontend(settings_of(band, matrix_access_token="wrong-token"), SystemClock())
    (finding,) = check_matrix(frontend)
    assert "RIFFBIRD_MATRIX_ACCESS_TOKEN" in finding.text
    assert "wrong-token" not in finding.text
    frontend.close()


def test_missing_settings_are_named() -> None:
    with pytest.raises(CredentialsError, match="RIFFBIRD_MATRIX_HOMESERVER, RIFFBIRD_MATRIX_USER_ID"):
        MatrixFrontend(bot_settings(), SystemClock())


@pytest.mark.parametrize(
    ("content", "names"),
    [
        ({"body": "@Riffbird /compose"}, True),
        ({"body": "riffbird: /compose"}, True),
        ({"body": "hey", "m.mentions": {"user_ids": ["@riffbird:localhost"]}}, True),
        ({"body": "I heard riffbird play"}, False),
    ],
)
def test_the_band_is_named_by_its_handle_or_in_the_mention_list(content: dict[str, object], names: bool) -> None:
    source = {"type": "m.room.message", "sender": "@ada:localhost", "content": {"msgtype": "m.text", **content}}
    assert Question(source, "@riffbird:localhost").names_us is names
