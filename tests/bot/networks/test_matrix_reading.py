"""Matrix events as people and strangers send them, read without a homeserver."""

from typing import Any

import pytest

from bot.networks.matrix.address import Address
from bot.networks.matrix.reading import RoomEvent, song_content, text_content, wait_content
from bot.networks.protocol import Answer, Mention

ADDRESS = Address("@riffbird:server.example", "Riffbird the Band")
PILL = '<a href="https://matrix.to/#/%40riffbird%3Aserver.example">Riffbird</a>'


def event(body: str = "hello", **content: Any) -> RoomEvent:
    source = {
        "type": "m.room.message", "sender": "@ada:server.example", "event_id": "$1",
        "origin_server_ts": 1_800_000_000_000,
        "content": {"msgtype": "m.text", "body": body, **content},
    }  # fmt: skip
    return RoomEvent(source, ADDRESS)


@pytest.mark.parametrize(
    ("body", "title"),
    [
        ("@riffbird Robots /compose", "Robots /compose"),
        ("@Riffbird: Robots /compose", "Robots /compose"),
        ("Riffbird: Robots /compose", "Robots /compose"),
        ("riffbird, Robots /compose", "Robots /compose"),
        ("Riffbird the Band: Robots /compose", "Robots /compose"),
        ("@riffbird:server.example Robots /compose", "Robots /compose"),
        ("hey @riffbird, play /compose", "hey  , play /compose"),
        ("＠riffbird Robots", "Robots"),
        ("Robots /compose @riffbird", "Robots /compose"),
        ("(@riffbird) Robots", "( ) Robots"),
        ("thanks @riffbird.", "thanks  ."),
    ],
)
def test_the_address_is_found_and_is_no_part_of_the_title(body: str, title: str) -> None:
    assert ADDRESS.is_named(body)
    assert ADDRESS.without(body) == title


@pytest.mark.parametrize(
    "body",
    [
        "@riffbirdfan /compose", "me@riffbird.example /compose", "@riffbird.fan hello", "riffbird /compose",
        "@riffbird:elsewhere.example /compose", "I saw riffbird: nice", "@@riffbird", "a@riffbird", "@riffbird-fan hi",
        "https://x.example/@riffbird2", "@riffbird@far.example hello", "@riffbird:server.example.evil hi", "",
    ],
)  # fmt: skip
def test_similar_names_and_mail_addresses_do_not_address_the_bot(body: str) -> None:
    assert not ADDRESS.is_named(body)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"m.mentions": {"user_ids": ["@riffbird:server.example"]}}, True),
        ({"formatted_body": PILL + " hello"}, True),
        ({"formatted_body": "<a href='https://matrix.to/#/@riffbird:server.example?via=x'>R</a>"}, True),
        ({"formatted_body": '<a href="matrix:u/riffbird:server.example">R</a>'}, True),
        ({"formatted_body": PILL.replace("riffbird", "riffbirdfan")}, False),
        ({"m.mentions": {"user_ids": "@riffbird:server.example"}}, False),
        ({"m.mentions": ["@riffbird:server.example"]}, False),
        ({"formatted_body": 7}, False),
    ],
)
def test_a_mention_list_or_a_pill_addresses_the_bot(content: dict[str, Any], expected: bool) -> None:
    assert event("hello", **content).mentions_bot is expected


def test_a_name_in_a_quoted_line_does_not_address_the_bot() -> None:
    assert not event("> <@bo:server.example> @riffbird play\n> more\n\nnice").mentions_bot
    found = event("> <@bo:server.example> old\n\n@riffbird New /compose")
    mention = found.as_mention("!r", is_private=False, is_public=True)
    assert mention.text == "New /compose"


def thread_event(**relation: Any) -> RoomEvent:
    return event("@riffbird Robots", **{"m.relates_to": {"rel_type": "m.thread", "event_id": "$root", **relation}})


def test_a_reply_stays_in_its_thread() -> None:
    found = thread_event(is_falling_back=True, **{"m.in_reply_to": {"event_id": "$last"}})
    mention = found.as_mention("!r", is_private=False, is_public=False)
    assert (mention.thread, mention.in_reply_to) == ("$root", "")
    relation = text_content(mention, "words")["m.relates_to"]
    assert relation == {
        "rel_type": "m.thread", "event_id": "$root", "is_falling_back": False, "m.in_reply_to": {"event_id": "$1"},
    }  # fmt: skip
    assert wait_content(mention, "wait")["m.relates_to"] == {"rel_type": "m.thread", "event_id": "$root"}


def test_a_real_reply_in_a_thread_names_what_it_answers() -> None:
    found = thread_event(is_falling_back=False, **{"m.in_reply_to": {"event_id": "$song"}})
    assert found.as_mention("!r", is_private=False, is_public=False).in_reply_to == "$song"


def test_an_edit_has_the_first_versions_identity_and_the_new_text() -> None:
    new = {"msgtype": "m.text", "body": "@riffbird New"}
    found = event("* New", **{"m.new_content": new, "m.relates_to": {"rel_type": "m.replace", "event_id": "$0"}})
    mention = found.as_mention("!r", is_private=False, is_public=False)
    assert (mention.interaction, mention.id, mention.text) == ("$0", "$1", "New")


@pytest.mark.parametrize("redacts", [{"redacts": "$1"}, {"content": {"redacts": "$1"}}])
def test_a_redaction_names_what_was_deleted(redacts: dict[str, Any]) -> None:
    assert RoomEvent({"type": "m.room.redaction", **redacts}, ADDRESS).redacts == "$1"


BAD = [None, "text", 7, [], [1], {}, {"event_id": None}, {"user_ids": None}, True, 1e400]


@pytest.mark.parametrize("bad", BAD, ids=repr)
@pytest.mark.parametrize("field", ["m.relates_to", "m.new_content", "m.mentions", "formatted_body", "msgtype", "body"])
def test_no_shape_of_a_field_raises_while_an_event_is_looked_at(field: str, bad: Any) -> None:
    found = event(**{field: bad})
    replies = RoomEvent({**found.source, "content": {"m.relates_to": {"m.in_reply_to": bad}}}, ADDRESS)
    edit = event(**{"m.relates_to": {"rel_type": "m.replace", "event_id": "$0"}, "m.new_content": bad})
    for each in (found, replies, edit, RoomEvent({"content": bad, "type": bad}, ADDRESS)):
        assert each.mentions_bot in (True, False)
        assert each.is_text in (True, False)
        assert isinstance(each.replies_to + each.edits + each.thread + each.redacts, str)


def test_a_song_carries_its_caption_and_duration(tmp_path: Any) -> None:
    from bot.networks.protocol import Attachment

    path = tmp_path / "song.ogg"
    path.write_bytes(b"123")
    answer = Answer("caption", "key", Attachment(path, "ogg", "alt", 1.5, "title"))
    mention = Mention("matrix", "$1", "$1", "@ada:s", "ada:s", "x", 0.0, conversation="!r")
    content = song_content(mention, answer, "mxc://s/1", "audio/ogg")
    assert (content["body"], content["info"]["duration"], content["info"]["size"]) == ("caption", 1500, 3)
